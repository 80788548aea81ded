"""What staff see over HTTP, what others may not, and how the PSP's webhooks are heard or refused."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import SecretStr, ValidationError

import payment
from chassis.domain import new_id
from chassis.migrations import migrate
from chassis.testing import Issuer, PostgresServer, SettableClock, eventually, perform, serving, work
from contracts.inventory import StockReserved
from contracts.order import OrderContacts, RefundReason, RefundRequested, ShipmentDispatched
from contracts.types import Address, Contact, Money, PaymentInstrument
from payment import handlers
from payment.gateway import InvalidWebhookError, MeansOfPayment, PspGateway, PspWebhooks, StubPsp
from payment.main import create
from payment.settings import Settings

from .shop import Shop

pytestmark = pytest.mark.database
SECRET = "whsec_test"
HOME = Address(name="Alice", line1="1 Main Street", city="Berlin", postal_code="10115", country="DE")


class Desk:
    """A payment service's API with its database and its PSP."""

    def __init__(self, app: FastAPI, client: httpx2.AsyncClient, issuer: Issuer, clock: SettableClock) -> None:
        self.app = app
        self.client = client
        self.issuer = issuer
        self.clock = clock

    @property
    def psp(self) -> StubPsp:
        means = self.app.state.gateways[PspGateway]
        assert isinstance(means, MeansOfPayment)
        assert isinstance(means.psp, StubPsp)
        return means.psp

    async def get(self, path: str, role: str = "finance") -> httpx2.Response:
        return await self.client.get(path, headers=self.issuer.headers("sam", role))

    async def paid(self, amount: int = 3000, gift_card: str | None = None) -> UUID:
        """Have an order's total held."""
        order_id = new_id()
        total = Money(amount=amount, currency="EUR")
        contacts = OrderContacts(
            order_id=order_id,
            user_id="alice",
            contact=Contact(email="alice@example.org"),
            shipping_address=HOME,
            billing_address=HOME,
            payment=PaymentInstrument(method="card", token="tok_ok", gift_card=gift_card),
        )
        database = self.app.state.database
        await perform(database, handlers.note_instrument, contacts)
        reserved = StockReserved(order_id=order_id, user_id="alice", total_amount=total, allocations=[])
        await perform(database, handlers.authorize_payment, reserved)
        await self.works()
        return order_id

    async def main(self, order_id: UUID) -> dict[str, Any]:
        """Read the payment for an order as it was placed."""
        shown: dict[str, Any] = (await self.get(f"/api/admin/payments/{order_id}")).json()
        return next(one for one in shown["payments"] if one["change_id"] is None)

    async def works(self) -> None:
        await work(self.app.state.database, handlers.jobs, self.app.state.gateways)

    async def notify(self, body: bytes, signature: str) -> httpx2.Response:
        return await self.client.post("/api/webhooks/psp", content=body, headers={"Stripe-Signature": signature})


@pytest.fixture(scope="module")
async def desk(postgres: PostgresServer) -> AsyncIterator[Desk]:
    clock, issuer = SettableClock(), Issuer()
    url = await migrated(postgres)
    settings = Settings(
        database_url=SecretStr(url),
        kafka_bootstrap_servers="127.0.0.1:9",
        auth_issuer=issuer.url,
        auth_jwks_url=f"{issuer.url}/jwks",
        roles=frozenset({"api"}),
        psp="stub",
        psp_webhook_secret=SecretStr(SECRET),
    )
    app = create(settings, clock=clock)
    async with serving(app, issuer) as client:
        yield Desk(app, client, issuer, clock)


async def migrated(postgres: PostgresServer) -> str:
    """Make a database of the service; answers its URL."""
    url = await postgres.create_service_database(f"payment_{new_id().hex[-10:]}")
    await asyncio.to_thread(migrate, payment, url)
    return url


async def test_list_is_newest_first_in_pages(desk: Desk) -> None:
    orders = [str(await desk.paid()) for _ in range(3)]
    first = (await desk.get("/api/admin/payments?limit=2")).json()
    second = (await desk.get(f"/api/admin/payments?limit=2&cursor={first['next_cursor']}")).json()
    listed = [item["order_id"] for item in [*first["items"], *second["items"]]]
    assert listed[:3] == orders[::-1]
    assert first["items"][0]["authorized"] == {"amount": 3000, "currency": "EUR"}


async def test_a_payment_is_found_by_its_id_and_by_the_psps_name_for_it(desk: Desk) -> None:
    order_id = await desk.paid()
    await desk.paid()
    payment = await desk.main(order_id)
    for reference in (payment["payment_id"], payment["psp_reference"]):
        found = (await desk.get(f"/api/admin/payments?reference={reference}")).json()["items"]
        assert [one["order_id"] for one in found] == [str(order_id)]
    assert (await desk.get("/api/admin/payments?reference=pi_ghost")).json()["items"] == []
    assert (await desk.get("/api/admin/payments?reference=a%00b")).status_code == 422


async def test_list_is_filtered(desk: Desk) -> None:
    order_id = await desk.paid()
    one = (await desk.get(f"/api/admin/payments?order_id={order_id}&status=authorized")).json()
    none = (await desk.get(f"/api/admin/payments?order_id={order_id}&status=voided")).json()
    assert [item["order_id"] for item in one["items"]] == [str(order_id)]
    assert none == {"items": [], "next_cursor": None}


async def test_payment_is_shown_with_captures_attempts_and_ledger(desk: Desk) -> None:
    order_id, shipment_id = await desk.paid(), new_id()
    amount = Money(amount=1000, currency="EUR")
    parcel = ShipmentDispatched(
        order_id=order_id, user_id="alice", shipment_id=shipment_id, warehouse_id="north", lines=[], amount=amount
    )
    await perform(desk.app.state.database, handlers.capture_payment, parcel)
    await desk.works()
    answer = await desk.get(f"/api/admin/payments/{order_id}", "support")
    shown = answer.json()
    assert answer.status_code == 200
    assert shown["captured"]["amount"] == 1000
    assert [(one["shipment_id"], one["status"]) for one in shown["captures"]] == [(str(shipment_id), "captured")]
    assert [(one["purpose"], one["result"]) for one in shown["psp_attempts"]] == [
        ("authorize", "authorized"),
        ("capture", "done"),
    ]
    assert sorted(one["entry"] for one in shown["ledger"]) == ["capture", "capture_release", "hold", "sale"]
    assert "tok_" not in answer.text


async def test_all_payments_of_an_order_are_shown_with_what_was_drawn_and_taken_out(desk: Desk) -> None:
    database = desk.app.state.database
    shop = Shop(database, desk.clock)
    shop.order_id = await desk.paid()
    change_id, withdrawn = new_id(), new_id()
    await shop.hears(shop.contacts("tok_ok", change_id), shop.added(change_id, 500), shop.withdrawn(withdrawn))
    await desk.works()
    less = shop.changed(200, before=3500)
    await shop.hears(less, shop.dispatched(3300))
    await desk.works()
    answer = await desk.get(f"/api/admin/payments/{shop.order_id}")
    shown = answer.json()
    assert [(one["change_id"], one["status"], one["change_withdrawn"]) for one in shown["payments"]] == [
        (None, "captured", False),
        (str(change_id), "captured", False),
        (str(withdrawn), "voided", True),
    ]
    sums = {name: shown[name]["amount"] for name in ("authorized", "captured", "released", "refunded")}
    assert sums == {"authorized": 3500, "captured": 3300, "released": 200, "refunded": 0}
    payments = [one["payment_id"] for one in shown["payments"]]
    [capture] = shown["captures"]
    assert [(one["payment_id"], one["amount"]["amount"], one["final"], one["status"]) for one in capture["draws"]] == [
        (payments[0], 3000, True, "captured"),
        (payments[1], 300, True, "captured"),
    ]
    assert [(one["change_id"], one["amount"]["amount"], one["due"]["amount"]) for one in shown["reductions"]] == [
        (str(less.change_id), 200, 3300)
    ]
    assert {one["payment_id"] for one in shown["ledger"]} == set(payments[:2])
    assert {one["payment_id"] for one in shown["psp_attempts"]} == set(payments[:2])
    assert "tok_" not in answer.text
    listed = (await desk.get(f"/api/admin/payments?order_id={shop.order_id}")).json()["items"]
    assert {one["payment_id"] for one in listed} == set(payments)


async def test_unknown_payment_is_not_found(desk: Desk) -> None:
    answer = await desk.get(f"/api/admin/payments/{new_id()}")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:waybill:problem:not-found")


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "cursor=nonsense", "status=paid", "order_id=1", "cursor=" + "a" * 501]
)
async def test_bad_query_names_its_field(desk: Desk, query: str) -> None:
    answer = await desk.get(f"/api/admin/payments?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == [query.partition("=")[0]]


async def test_audit_tells_that_the_books_are_clean(desk: Desk) -> None:
    await desk.paid()
    answer = await desk.get("/api/admin/payments/audit", "auditor")
    found = answer.json()
    assert (answer.status_code, found["clean"], found["violations"]) == (200, True, [])
    assert sum(account["balance"] for account in found["accounts"]) == 0


PATHS = ["/api/admin/payments", f"/api/admin/payments/{UUID(int=1)}", "/api/admin/payments/audit"]


@pytest.mark.parametrize("path", PATHS)
async def test_nobody_reads_payments_without_a_token(desk: Desk, path: str) -> None:
    answer = await desk.client.get(path)
    forged = await desk.client.get(path, headers=Issuer().headers("mallory", "admin"))
    assert (answer.status_code, forged.status_code) == (401, 401)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("role", ["customer", "warehouse", "fraud_reviewer"])
async def test_other_roles_read_no_payments(desk: Desk, path: str, role: str) -> None:
    answer = await desk.get(path, role)
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:waybill:problem:forbidden")


@pytest.mark.parametrize("role", ["finance", "support", "auditor", "admin"])
async def test_staff_of_money_read_payments(desk: Desk, role: str) -> None:
    assert (await desk.get("/api/admin/payments", role)).status_code == 200


def notice(order_id: object, kind: str = "payment_intent.canceled", **notes: str) -> bytes:
    subject = {"object": "payment_intent", "id": "pi_1", "metadata": {"order_id": str(order_id), **notes}}
    return json.dumps({"id": "evt_1", "object": "event", "type": kind, "data": {"object": subject}}).encode()


def signed(body: bytes, moment: float, secret: str = SECRET) -> str:
    mac = hmac.new(secret.encode(), f"{int(moment)}.".encode() + body, hashlib.sha256)
    return f"t={int(moment)},v1={mac.hexdigest()}"


async def count(desk: Desk, result: str) -> float:
    text = (await desk.client.get("/metrics")).text
    lines = [line for line in text.splitlines() if line.startswith(f'psp_webhooks_total{{result="{result}"}}')]
    return float(lines[0].split()[-1])


async def test_signed_notice_makes_us_ask(desk: Desk) -> None:
    order_id = await desk.paid()
    before, heard = desk.psp.calls, await count(desk, "heard")
    body = notice(order_id)
    for _ in range(3):
        assert (await desk.notify(body, signed(body, desk.clock().timestamp()))).status_code == 200
    desk.clock.forward(seconds=3)
    await desk.works()
    assert desk.psp.calls == before + 1, "three notices, one question"
    assert (await desk.main(order_id))["status"] == "authorized"
    assert await count(desk, "heard") == heard + 3


async def test_signed_notice_about_an_addition_asks_about_it(desk: Desk) -> None:
    shop = Shop(desk.app.state.database, desk.clock)
    shop.order_id, change_id = await desk.paid(), new_id()
    await shop.hears(shop.contacts("tok_ok", change_id), shop.added(change_id, 500))
    await desk.works()
    body = notice(shop.order_id, change_id=str(change_id))
    assert (await desk.notify(body, signed(body, desk.clock().timestamp()))).status_code == 200
    assert await shop.row("change_id IS NULL, action") == ((True, None), (False, "inquire"))
    desk.clock.forward(seconds=3)
    await desk.works()
    assert await shop.row("status, action") == (("authorized", None), ("authorized", None))


Forgery = Callable[[bytes, float], str]
FORGERIES: dict[str, Forgery] = {
    "another secret": lambda body, now: signed(body, now, "whsec_of_somebody_else"),
    "another body": lambda _, now: signed(b"{}", now),
    "stale": lambda body, now: signed(body, now - 301),
    "from the future": lambda body, now: signed(body, now + 301),
    "none": lambda _, __: "",
    "nonsense": lambda _, __: "t=,v1=,=,?",
    "no moment": lambda body, now: signed(body, now).partition(",")[2],
    "no signature": lambda body, now: signed(body, now).partition(",")[0],
    "endless moment": lambda body, now: signed(body, now).replace("t=", "t=" + "9" * 40),
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_forged_or_stale_notice_is_refused_and_counted(desk: Desk, forgery: str) -> None:
    order_id = await desk.paid()
    refused = await count(desk, "refused")
    body = notice(order_id)
    answer = await desk.notify(body, FORGERIES[forgery](body, desk.clock().timestamp()))
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:waybill:problem:invalid-webhook")
    assert await count(desk, "refused") == refused + 1
    assert (await desk.main(order_id))["due"] is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b"\xff",
        notice("not-an-order"),
        notice(UUID(int=1), change_id="no change"),
        b'{"type": 1, "data": {"object": []}}',
    ],
)
async def test_notice_about_nothing_of_ours_is_ignored(desk: Desk, body: bytes) -> None:
    before = await count(desk, "ignored")
    assert (await desk.notify(body, signed(body, desk.clock().timestamp()))).status_code == 200
    assert await count(desk, "ignored") == before + 1


async def test_without_a_secret_no_notice_is_believed(desk: Desk) -> None:
    body = notice(new_id())
    with pytest.raises(InvalidWebhookError):
        PspWebhooks("", desk.clock).read(body, signed(body, desk.clock().timestamp(), ""))


async def test_running_service_authorizes_by_itself(postgres: PostgresServer) -> None:
    issuer = Issuer()
    settings = Settings(
        database_url=SecretStr(await migrated(postgres)),
        kafka_bootstrap_servers="127.0.0.1:9",
        auth_issuer=issuer.url,
        auth_jwks_url=f"{issuer.url}/jwks",
        roles=frozenset({"api", "workers"}),
        psp="stub",
    )
    app = create(settings)
    async with serving(app, issuer) as client:
        desk = Desk(app, client, issuer, SettableClock())
        order_id = await prepared(desk)

        async def authorized() -> Any:
            shown = await desk.main(order_id)
            return shown["status"] == "authorized" and shown

        shown = await eventually(authorized, "the workers have the total held")
        assert shown["psp_reference"] in desk.psp.books


async def prepared(desk: Desk) -> UUID:
    """Tell of an order whose payment the workers find by themselves."""
    order_id = new_id()
    total = Money(amount=3000, currency="EUR")
    instrument = PaymentInstrument(method="card", token="tok_ok")
    contact = Contact(email="alice@example.org")
    contacts = OrderContacts(
        order_id=order_id, user_id="alice", contact=contact, shipping_address=HOME, billing_address=HOME, payment=instrument
    )
    reserved = StockReserved(order_id=order_id, user_id="alice", total_amount=total, allocations=[])
    await perform(desk.app.state.database, handlers.authorize_payment, reserved)
    await perform(desk.app.state.database, handlers.note_instrument, contacts)
    return order_id


def test_stripe_needs_a_key() -> None:
    with pytest.raises(ValidationError, match="PAYMENT_PSP_API_KEY"):
        Settings(
            database_url=SecretStr("postgresql://x"),
            kafka_bootstrap_servers="127.0.0.1:9",
            auth_issuer="https://issuer.test",
            auth_jwks_url="https://issuer.test/jwks",
        )


async def test_a_chargeback_is_told_by_the_psp_listed_and_shown(desk: Desk) -> None:
    order_id = await desk.paid()
    amount = Money(amount=3000, currency="EUR")
    parcel = ShipmentDispatched(
        order_id=order_id, user_id="alice", shipment_id=new_id(), warehouse_id="north", lines=[], amount=amount
    )
    await perform(desk.app.state.database, handlers.capture_payment, parcel)
    await desk.works()
    reference = (await desk.main(order_id))["psp_reference"]
    for kind, status in (("created", "needs_response"), ("created", "needs_response"), ("closed", "lost")):
        told = {"id": "dp_7", "payment_intent": reference, "amount": 1200, "reason": "fraudulent", "status": status}
        body = json.dumps({"type": f"charge.dispute.{kind}", "data": {"object": told}}).encode()
        assert (await desk.notify(body, signed(body, desk.clock().timestamp()))).status_code == 200
    listed = (await desk.get(f"/api/admin/disputes?order_id={order_id}", "support")).json()["items"]
    assert [(one["psp_dispute"], one["amount"]["amount"], one["status"]) for one in listed] == [("dp_7", 1200, "lost")]
    shown = (await desk.get(f"/api/admin/payments/{order_id}")).json()
    assert shown["disputes"] == listed
    assert [one["entry"] for one in shown["ledger"]].count("dispute") == 1
    assert (await desk.get("/api/admin/disputes", "warehouse")).status_code == 403


async def test_a_chargeback_of_no_payment_of_ours_changes_nothing(desk: Desk) -> None:
    told = {"id": "dp_8", "payment_intent": "pi_alien", "amount": 1200, "reason": "fraudulent", "status": "needs_response"}
    body = json.dumps({"type": "charge.dispute.created", "data": {"object": told}}).encode()
    assert (await desk.notify(body, signed(body, desk.clock().timestamp()))).status_code == 200
    forged = await desk.notify(body, signed(body, desk.clock().timestamp())[:-1] + "x")
    assert forged.status_code == 400
    listed = (await desk.get("/api/admin/disputes?status=open")).json()["items"]
    assert "dp_8" not in {one["psp_dispute"] for one in listed}


async def test_refunds_are_shown_with_their_parts(desk: Desk) -> None:
    order_id = await desk.paid()
    amount = Money(amount=400, currency="EUR")
    refund = RefundRequested(
        order_id=order_id, user_id="alice", refund_id=new_id(), amount=amount, reason=RefundReason.GOODWILL
    )
    await perform(desk.app.state.database, handlers.request_refund, refund)
    [shown] = (await desk.get(f"/api/admin/payments/{order_id}")).json()["refunds"]
    assert (shown["refund_id"], shown["status"], shown["code"]) == (str(refund.refund_id), "failed", "exceeds_captured")
