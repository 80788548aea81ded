"""An order whose risk a person looks at, and addresses to which too many payments were declined."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from chassis.domain import new_id
from chassis.testing import MORNING, eventually, perform, told
from contracts.inventory import StockReserved
from contracts.order import CancelReason, OrderContacts
from contracts.payment import (
    PaymentAuthorized,
    PaymentDeclined,
    PaymentReviewed,
    PaymentReviewRequired,
    ReviewDecision,
)
from contracts.types import Client, Money
from order.api import live
from order.handlers import await_review, cancel_declined, cancel_expired, confirm_order, note_allocation, note_reviewed
from order.model.order import REVIEW_MARGIN
from order.store import ExpiredOrder

from .conftest import Shop, order_body

pytestmark = pytest.mark.database

DEADLINE = MORNING + timedelta(hours=4)
TOTAL = Money(amount=3097, currency="EUR")
ADDRESS = "93.184.215.14"


def facts(order: dict[str, Any]) -> dict[str, Any]:
    return {"order_id": UUID(order["order_id"]), "user_id": order["user_id"]}


def required(order: dict[str, Any]) -> PaymentReviewRequired:
    return PaymentReviewRequired(**facts(order), score=60, facts=["disposable_mail"], deadline_at=DEADLINE)


def reviewed(order: dict[str, Any], decision: ReviewDecision = ReviewDecision.APPROVE) -> PaymentReviewed:
    return PaymentReviewed(**facts(order), decision=decision)


async def shown(shop: Shop, order: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await shop.ask("GET", f"/api/admin/orders/{order['order_id']}", "support")).json()
    return found


async def notes(shop: Shop, order: dict[str, Any]) -> list[str]:
    answer = await shop.ask("GET", f"/api/admin/orders/{order['order_id']}/history", "support")
    return [entry["notes"] for entry in answer.json()["items"]]


async def deadline(shop: Shop, order: dict[str, Any]) -> Any:
    async with shop.database.transaction() as transaction:
        query = "SELECT deadline_at FROM orders WHERE order_id = $1"
        return (await transaction.fetch(query, UUID(order["order_id"])))[0]["deadline_at"]


@pytest.mark.parametrize("stock_first", [True, False])
async def test_an_order_in_review_waits_longer_and_is_confirmed_when_it_is_approved(
    shop: Shop,
    stock_first: bool,  # noqa: FBT001 - a scenario
) -> None:
    order = (await shop.place()).json()
    reserved = StockReserved(**facts(order), total_amount=TOTAL, allocations=[])
    if stock_first:
        await perform(shop.database, note_allocation, reserved)
    await perform(shop.database, await_review, required(order))
    if not stock_first:
        await perform(shop.database, note_allocation, reserved)
    assert await deadline(shop, order) == DEADLINE + timedelta(minutes=15)
    waiting = await shown(shop, order)
    assert (waiting["status"], waiting["hold_reason"]) == ("Pending", "in_review")
    await perform(shop.database, note_reviewed, reviewed(order))
    await perform(shop.database, confirm_order, PaymentAuthorized(**facts(order), payment_id=new_id(), amount=TOTAL))
    confirmed = await shown(shop, order)
    assert (confirmed["status"], confirmed["hold_reason"]) == ("Processing", None)
    assert [note for note in await notes(shop, order) if "eview" in note] == ["In review", "Review: approved"]


async def test_a_rejected_order_is_cancelled(shop: Shop) -> None:
    order = (await shop.place()).json()
    await perform(shop.database, await_review, required(order))
    await perform(shop.database, note_reviewed, reviewed(order, ReviewDecision.REJECT))
    declined = PaymentDeclined(**facts(order), payment_id=new_id(), amount=TOTAL, code="fraud_rejected")
    await perform(shop.database, cancel_declined, declined)
    ended = await shown(shop, order)
    assert (ended["status"], ended["cancel_reason"], ended["hold_reason"]) == ("Cancelled", "payment_declined", None)
    assert (await notes(shop, order))[-2:] == ["Review: rejected", "Payment declined: fraud rejected"]


async def test_the_deadline_is_never_earlier_for_a_review(shop: Shop) -> None:
    order = (await shop.place()).json()
    before = await deadline(shop, order)
    soon = required(order).model_copy(update={"deadline_at": MORNING + timedelta(seconds=1)})
    await perform(shop.database, await_review, soon)
    assert await deadline(shop, order) == before


async def test_a_customer_may_cancel_while_somebody_looks(shop: Shop) -> None:
    order = (await shop.place()).json()
    await perform(shop.database, await_review, required(order))
    assert (await shop.ask("POST", f"/api/orders/{order['order_id']}/cancel")).status_code == 200
    await perform(shop.database, note_reviewed, reviewed(order))
    await perform(shop.database, await_review, required(order))
    ended = await shown(shop, order)
    assert (ended["status"], ended["cancel_reason"], ended["hold_reason"]) == ("Cancelled", CancelReason.CUSTOMER, None)
    assert "Review: approved" not in await notes(shop, order)


async def test_an_order_whose_review_nobody_tells_the_end_of_ends_all_the_same(shop: Shop) -> None:
    order = (await shop.place()).json()
    await perform(shop.database, await_review, required(order))
    shop.clock.forward(hours=5)
    async with shop.database.transaction() as transaction:
        [due] = await ExpiredOrder.claim(transaction, 10)
    await perform(shop.database, cancel_expired, due)
    assert (await shown(shop, order))["cancel_reason"] == CancelReason.DEADLINE


async def test_a_deadline_that_was_claimed_as_the_review_began_ends_nothing(shop: Shop) -> None:
    order = (await shop.place()).json()
    shop.clock.forward(seconds=shop.app.state.settings.pending_deadline_seconds)
    async with shop.database.transaction() as transaction:
        [due] = [one for one in await ExpiredOrder.claim(transaction, 100) if str(one.order_id) == order["order_id"]]
    await perform(shop.database, await_review, required(order))
    await perform(shop.database, cancel_expired, due)
    assert (await shown(shop, order))["status"] == "Pending"
    assert await deadline(shop, order) == DEADLINE + REVIEW_MARGIN


class QuietTail:
    """Hears of nothing."""

    alive = True

    @asynccontextmanager
    async def changes(self, _: str) -> AsyncIterator[asyncio.Event]:
        yield asyncio.Event()


async def test_whoever_prefers_to_wait_is_answered_as_soon_as_a_review_begins(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shop.app.state.process, "tail", QuietTail())
    headers = shop.of("wendy") | {"Prefer": "wait=30"}

    async def placed() -> dict[str, Any] | None:
        found = (await shop.ask("GET", "/api/orders", user="wendy")).json()["items"]
        return found[0] if found else None

    async with asyncio.timeout(10):
        waiting = asyncio.create_task(shop.http.post("/api/orders", json=order_body(), headers=headers))
        order = await eventually(placed, "the order is there")
        assert not waiting.done()
        await perform(shop.database, await_review, required(order))
        answer = await waiting
    assert (answer.status_code, answer.json()["status"]) == (201, "Pending")
    assert answer.headers["preference-applied"] == "wait=30"


async def test_in_a_crowd_nobody_stays_to_wait(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop.app.state.process, "tail", QuietTail())
    headers = shop.of("wendy") | {"Prefer": "wait=30"}
    shop.app.state.doors.inside = shop.app.state.doors.most - 1
    async with asyncio.timeout(10):
        answer = await shop.http.post("/api/orders", json=order_body(), headers=headers)
    assert (answer.status_code, answer.json()["status"]) == (201, "Pending")


async def test_an_order_that_is_placed_is_acknowledged_though_it_cannot_be_read(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object) -> None:
        raise OSError("the database is away")

    monkeypatch.setattr(shop.app.state.process, "tail", QuietTail())
    monkeypatch.setattr(live, "_read", fails)
    answer = await shop.http.post("/api/orders", json=order_body(), headers=shop.of("wendy") | {"Prefer": "wait=30"})
    assert (answer.status_code, answer.json()["status"]) == (201, "Pending")
    assert "preference-applied" not in answer.headers


# --- from where an order comes --------------------------------------------------------------------------------------------


def knows_addresses(shop: Shop, **more: Any) -> None:
    settings = shop.app.state.settings.model_copy(update={"risk_secret": SecretStr("risk_of_the_test"), **more})
    shop.app.state.settings = settings


async def placed_from(shop: Shop, forwarded: str, device: str | None = None, user: str = "ada") -> Any:
    headers = shop.of(user) | {"X-Forwarded-For": forwarded} | ({"X-Device-Id": device} if device is not None else {})
    return await shop.http.post("/api/orders", json=order_body(), headers=headers)


async def client_told(shop: Shop, order_id: str) -> Client | None:
    [contacts] = [event for event in await told(shop.database, order_id) if isinstance(event, OrderContacts)]
    return contacts.client


@pytest.mark.parametrize(
    ("forwarded", "device", "client"),
    [
        (ADDRESS, "phone-1", Client(ip=ADDRESS, device="phone-1")),
        (f"8.8.8.8, {ADDRESS}", None, Client(ip=ADDRESS)),
        ("127.0.0.1", None, None),
        ("not an address", None, None),
        ("10.0.0.7", "phone-1", Client(device="phone-1")),
    ],
)
async def test_only_the_last_hop_is_believed(shop: Shop, forwarded: str, device: str | None, client: Client | None) -> None:
    answer = await placed_from(shop, forwarded, device)
    assert answer.status_code == 201, answer.text
    assert await client_told(shop, answer.json()["order_id"]) == client
    assert ADDRESS not in answer.text


async def test_a_device_that_is_none_is_refused_by_name(shop: Shop) -> None:
    answer = await placed_from(shop, ADDRESS, "x" * 201)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "X-Device-Id")


async def declines(shop: Shop, count: int, code: str = "card_declined", address: str = ADDRESS) -> None:
    """Have payments to orders from one address declined."""
    for _ in range(count):
        order = (await placed_from(shop, address)).json()
        event = PaymentDeclined(**facts(order), payment_id=new_id(), amount=TOTAL, code=code)
        await perform(shop.database, cancel_declined, event)
        shop.clock.forward(seconds=1)
    shop.clock.forward(seconds=2)


async def test_an_address_with_thirty_declines_within_an_hour_is_throttled_for_a_while(shop: Shop) -> None:
    knows_addresses(shop)
    await declines(shop, 29)
    assert (await placed_from(shop, ADDRESS)).status_code == 201
    await declines(shop, 1)
    refused = await placed_from(shop, ADDRESS, user="bob")
    assert (refused.status_code, refused.json()["type"]) == (429, "urn:waybill:problem:too-many-declines")
    seconds = int(refused.headers["Retry-After"])
    assert 3500 < seconds <= 3600
    assert (await placed_from(shop, "93.184.215.15")).status_code == 201, "another address"
    shop.clock.forward(seconds=seconds)
    assert (await placed_from(shop, ADDRESS)).status_code == 201


async def test_failures_of_ours_throttle_nobody(shop: Shop) -> None:
    knows_addresses(shop, declines_per_hour=3)
    await declines(shop, 4, code="not_authorized")
    assert (await placed_from(shop, ADDRESS)).status_code == 201


async def test_addresses_of_one_network_are_one(shop: Shop) -> None:
    knows_addresses(shop, declines_per_hour=3)
    await declines(shop, 3, address="2a00:1450:4001::7")
    assert (await placed_from(shop, "2a00:1450:4001::8")).status_code == 429
    assert (await placed_from(shop, "2a00:1450:4002::7")).status_code == 201


async def test_an_address_is_kept_as_a_mark_and_costs_no_statement(shop: Shop) -> None:
    knows_addresses(shop)
    await placed_from(shop, "8.8.8.8")
    before = shop.database.statements
    await placed_from(shop, ADDRESS)
    with_address = shop.database.statements - before
    await shop.place()
    assert with_address == shop.database.statements - before - with_address
    async with shop.database.transaction() as transaction:
        rows = await transaction.fetch("SELECT client_mark::text AS mark FROM orders WHERE client_mark IS NOT NULL")
    assert len({row["mark"] for row in rows}) == 2


async def test_the_same_decline_counts_once(shop: Shop) -> None:
    knows_addresses(shop, declines_per_hour=2)
    order = (await placed_from(shop, ADDRESS)).json()
    event = PaymentDeclined(**facts(order), payment_id=new_id(), amount=TOTAL, code="card_declined")
    await perform(shop.database, cancel_declined, event, event.model_copy())
    shop.clock.forward(seconds=3)
    assert (await placed_from(shop, ADDRESS)).status_code == 201
