"""Disputed money and other incidents: the order says so, and the bank gets its evidence."""

import io
import json
import zipfile
from uuid import UUID

import pytest

from chassis.domain import new_id
from chassis.testing import hear_again, perform, told
from contracts.payment import (
    DisputeClosed,
    DisputeOpened,
    IncidentKind,
    PaymentCaptureFailed,
    PaymentIncident,
    PaymentIncidentResolved,
    ReauthorizationDeclined,
    RefundBounced,
)
from contracts.types import Money
from order.handlers import (
    cancel_unheld,
    note_bounce,
    note_capture_failed,
    note_dispute,
    note_dispute_closed,
    note_incident,
    note_incident_resolved,
)
from services.order.tests.conftest import Shop
from services.order.tests.test_documents_api import sold

pytestmark = pytest.mark.database

MONEY = Money(amount=3097, currency="EUR")


@pytest.mark.parametrize("won", [True, False])
async def test_a_dispute_puts_the_order_before_a_person_until_it_is_closed(shop: Shop, won: bool) -> None:  # noqa: FBT001
    order_id = UUID(await sold(shop))
    facts = {"order_id": order_id, "user_id": "ada", "payment_id": new_id(), "amount": MONEY}
    opened = DisputeOpened(**facts, code="product_not_received")
    assert await hear_again(shop.database, note_dispute, opened) == [1, 0]
    shown = (await shop.ask("GET", f"/api/admin/orders/{order_id}", "support")).json()
    assert shown["hold_reason"] == "disputed"
    await perform(shop.database, note_dispute_closed, DisputeClosed(**facts, won=won))
    assert (await shop.ask("GET", f"/api/admin/orders/{order_id}", "support")).json()["hold_reason"] is None
    history = (await shop.ask("GET", f"/api/admin/orders/{order_id}/history", "support")).json()["items"]
    assert [entry["notes"] for entry in history][-2:] == [
        "Payment disputed: 3097 EUR, product not received",
        "Dispute won: the money stays" if won else "Dispute lost: the money is gone",
    ]


async def reason(shop: Shop, order_id: UUID) -> str | None:
    """Tell why a person must look at an order."""
    shown: dict[str, str | None] = (await shop.ask("GET", f"/api/admin/orders/{order_id}", "support")).json()
    return shown["hold_reason"]


async def test_an_order_is_disputed_for_as_long_as_one_dispute_is_open(shop: Shop) -> None:
    order_id = UUID(await sold(shop))
    facts = {"order_id": order_id, "user_id": "ada", "payment_id": new_id(), "amount": MONEY}
    for _ in range(2):
        await perform(shop.database, note_dispute, DisputeOpened(**facts, code="product_not_received"))
    await perform(shop.database, note_dispute_closed, DisputeClosed(**facts, won=True, others_open=True))
    assert await reason(shop, order_id) == "disputed"
    await perform(shop.database, note_dispute_closed, DisputeClosed(**facts, won=False))
    assert await reason(shop, order_id) is None


async def test_an_incident_is_shown_until_a_person_has_dealt_with_all_of_them(shop: Shop) -> None:
    order_id = UUID(await sold(shop))
    facts = {"order_id": order_id, "user_id": "ada", "amount": MONEY}
    for kind in (IncidentKind.AUTHORIZATION_EXPIRED, IncidentKind.OVERPAID):
        await perform(shop.database, note_incident, PaymentIncident(**facts, kind=kind))
    assert await reason(shop, order_id) == "payment_authorization_expired"
    first, last = [
        PaymentIncidentResolved(**facts, incident_id=new_id(), kind=kind, others_open=others_open)
        for kind, others_open in (("authorization_expired", True), ("overpaid", False))
    ]
    await perform(shop.database, note_incident_resolved, first)
    assert await reason(shop, order_id) == "payment_authorization_expired"
    assert await hear_again(shop.database, note_incident_resolved, last) == [1, 0]
    assert await reason(shop, order_id) is None
    history = (await shop.ask("GET", f"/api/admin/orders/{order_id}/history", "support")).json()["items"]
    assert history[-1]["notes"] == "Payment: overpaid, dealt with"


async def test_an_order_that_could_not_be_paid_is_looked_at_until_a_person_has_dealt_with_it(shop: Shop) -> None:
    order_id, parcel = UUID(await sold(shop)), new_id()
    facts = {"order_id": order_id, "user_id": "ada", "amount": MONEY}
    failed = PaymentCaptureFailed(**facts, payment_id=new_id(), shipment_id=parcel, code="card_declined")
    await perform(shop.database, note_capture_failed, failed)
    assert await reason(shop, order_id) == "capture_failed"
    resolved = PaymentIncidentResolved(**facts, incident_id=new_id(), kind="capture_failed", others_open=False)
    await perform(shop.database, note_incident_resolved, resolved)
    assert await reason(shop, order_id) is None


async def test_an_incident_that_is_resolved_leaves_other_reasons(shop: Shop) -> None:
    order_id = UUID(await sold(shop))
    facts = {"order_id": order_id, "user_id": "ada", "amount": MONEY}
    await perform(shop.database, note_dispute, DisputeOpened(**facts, payment_id=new_id(), code="product_not_received"))
    resolved = PaymentIncidentResolved(**facts, incident_id=new_id(), kind="overpaid", others_open=False)
    await perform(shop.database, note_incident_resolved, resolved)
    assert await reason(shop, order_id) == "disputed"


async def test_a_refund_that_does_not_arrive_is_shown(shop: Shop) -> None:
    order_id = UUID(await sold(shop))
    bounced = RefundBounced(order_id=order_id, user_id="ada", amount=MONEY)
    assert await hear_again(shop.database, note_bounce, bounced) == [1, 0]
    shown = (await shop.ask("GET", f"/api/admin/orders/{order_id}", "support")).json()
    assert shown["hold_reason"] == "payment_refund_failed"


async def test_an_order_of_which_nothing_has_left_ends_when_its_money_is_held_no_longer(shop: Shop) -> None:
    order_id = UUID((await shop.confirmed("ada", "berlin", "lyon"))["order_id"])
    lost = ReauthorizationDeclined(order_id=order_id, user_id="ada", payment_id=new_id(), amount=MONEY, code="card_declined")
    assert await hear_again(shop.database, cancel_unheld, lost) == [1, 0]
    await perform(shop.database, cancel_unheld, lost)
    shown = (await shop.ask("GET", f"/api/admin/orders/{order_id}", "support")).json()
    assert (shown["status"], shown["cancel_reason"]) == ("Cancelled", "payment_declined")
    assert [type(fact).__name__ for fact in await told(shop.database, order_id)].count("OrderCancelled") == 1


async def test_an_order_of_which_a_part_has_left_is_put_before_a_person(shop: Shop) -> None:
    order = await shop.confirmed("ada", "berlin", "lyon")
    order_id, parcel = UUID(order["order_id"]), order["shipments"][0]["shipment_id"]
    sent = await shop.ask("POST", f"/api/admin/orders/{order_id}/shipments/{parcel}/dispatch", "support", json={})
    assert sent.status_code == 200, sent.text
    lost = ReauthorizationDeclined(order_id=order_id, user_id="ada", payment_id=new_id(), amount=MONEY, code="card_declined")
    await perform(shop.database, cancel_unheld, lost)
    shown = (await shop.ask("GET", f"/api/admin/orders/{order_id}", "support")).json()
    assert (shown["status"], shown["hold_reason"]) == ("Processing", "payment_authorization_expired")


async def test_the_evidence_holds_order_way_and_papers(shop: Shop) -> None:
    order_id = await sold(shop)
    reply = await shop.ask("GET", f"/api/admin/orders/{order_id}/evidence", "finance")
    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(reply.content)) as pack:
        names = set(pack.namelist())
        assert {"order.json", "history.json", "tracking.json", "INV-2026-000001.pdf", "INV-2026-000001.json"} <= names
        assert json.loads(pack.read("order.json"))["order_id"] == order_id
        assert len(json.loads(pack.read("tracking.json"))["shipments"]) == 2
        assert pack.read("INV-2026-000002.pdf").startswith(b"%PDF")
    assert (await shop.ask("GET", f"/api/admin/orders/{new_id()}/evidence", "finance")).status_code == 404
