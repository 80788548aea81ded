"""What staff see of an order's saga, and what they can do about it: nothing is decided twice, and all of it is written down."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import httpx2
import pytest

from chassis.database import Database
from chassis.domain import new_id
from chassis.testing import MORNING, SettableClock, perform, told
from contracts.order import OrderCancelled, OrderChanged, OrderChangeWithdrawn, OrderShipped
from contracts.payment import PaymentActionRequired, PaymentReviewRequired, PaymentVoided
from contracts.types import Money
from order.gateway import Facts
from order.handlers import await_review, note_action_required, note_voided
from order.model.waiting import Wait
from services.order.tests.conftest import Shop

pytestmark = pytest.mark.database

HOUR: Final = timedelta(hours=1)


async def stuck(shop: Shop, **params: Any) -> list[dict[str, Any]]:
    reply = await shop.ask("GET", "/api/admin/orders/stuck", "support", params=params)
    assert reply.status_code == 200, reply.text
    return list(reply.json()["items"])


async def saga_of(shop: Shop, order_id: str) -> dict[str, Any]:
    saga: dict[str, Any] = (await shop.ask("GET", f"/api/admin/orders/{order_id}/saga", "support")).json()
    return saga


async def history(shop: Shop, order_id: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await shop.ask("GET", f"/api/admin/orders/{order_id}/history", "support")).json()["items"]
    return items


async def test_a_stuck_order_says_whom_it_waits_for_and_until_when(shop: Shop) -> None:
    order = (await shop.place()).json()
    assert await stuck(shop) == []
    shop.clock.forward(minutes=2)
    [found] = await stuck(shop)
    assert found["order_id"] == order["order_id"]
    assert [(one["fact"], one["service"], one["whom"]) for one in found["waiting_for"]] == [
        ("inventory.stock_reserved.v1", "inventory", "service"),
        ("payment.authorized.v1", "payment", "service"),
    ]
    assert found["waiting_for"][0]["until"] == order["deadline_at"]
    assert found["waiting_for"][0]["overdue"] is True
    assert "example.com" not in str(found)
    assert await stuck(shop, older_than_seconds=600) == []


async def test_a_cancelled_order_waits_until_all_is_given_back(shop: Shop) -> None:
    order_id = (await shop.confirmed())["order_id"]
    await shop.ask("POST", f"/api/orders/{order_id}/cancel")
    shop.clock.forward(hours=1)
    [found] = await stuck(shop)
    assert [one["fact"] for one in found["waiting_for"]] == ["inventory.stock_released.v1", "payment.voided.v1"]
    voided = PaymentVoided(order_id=order_id, user_id="ada", payment_id=new_id(), amount=Money(amount=3097, currency="EUR"))
    await perform(shop.database, note_voided, voided)
    assert [one["fact"] for one in (await saga_of(shop, order_id))["waiting_for"]] == ["inventory.stock_released.v1"]


async def test_who_must_act_is_named(shop: Shop) -> None:
    order_id = (await shop.place()).json()["order_id"]
    facts = {"order_id": order_id, "user_id": "ada", "deadline_at": shop.clock() + HOUR}
    await perform(shop.database, await_review, PaymentReviewRequired(**facts, score=80, facts=["new"]))
    waits = (await saga_of(shop, order_id))["waiting_for"]
    assert [(one["fact"], one["whom"]) for one in waits][1] == ("payment.reviewed.v1", "staff")
    other = (await shop.place()).json()["order_id"]
    total = Money(amount=3097, currency="EUR")
    named = {"action": "transfer", "reference": "WB-1", "payment_id": new_id(), "amount": total}
    asked = PaymentActionRequired(**facts | named | {"order_id": other})
    await perform(shop.database, note_action_required, asked)
    waits = (await saga_of(shop, other))["waiting_for"]
    assert [(one["fact"], one["whom"]) for one in waits][1] == ("payment.authorized.v1", "customer")


def test_a_wait_is_overdue_past_its_end_or_past_patience() -> None:
    endless = Wait("payment.voided.v1", MORNING)
    assert not endless.overdue(MORNING + timedelta(seconds=59))
    assert endless.overdue(MORNING + timedelta(seconds=60))
    ending = Wait("payment.authorized.v1", MORNING, MORNING + HOUR, "customer")
    assert not ending.overdue(MORNING + timedelta(minutes=59))
    assert ending.overdue(MORNING + HOUR)


async def test_a_step_tells_how_long_it_took(shop: Shop) -> None:
    order_id = (await shop.place()).json()["order_id"]
    steps = (await saga_of(shop, order_id))["facts"]
    assert {step["type"]: step["latency_ms"] for step in steps} == {"order.placed.v1": None, "order.contacts.v1": None}


class Neighbours:
    """The other services, as far as the gateway shows them."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append((request.method, request.url.path))
        if "/inventory/" in request.url.path:
            return httpx2.Response(503)
        if request.method == "POST":
            return httpx2.Response(200, json={"told": 2, "hastened": ["authorize"]})
        fact = {"event_id": str(new_id()), "type": "payment.authorized.v1", "time": MORNING.isoformat(), "causation_id": None}
        work = {"service": "payment", "job": "authorize", "subject": "1", "attempts": 3, "due_at": MORNING.isoformat()}
        return httpx2.Response(200, json={"items": [fact], "work": [work | {"error": None}]})


@pytest.fixture
async def neighbours(shop: Shop) -> AsyncIterator[Neighbours]:
    others = Neighbours()
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(others)) as client:
        shop.app.state.gateways = {**shop.app.state.gateways, Facts: Facts("http://gateway.test", client)}
        yield others


async def test_the_view_shows_what_others_owe(shop: Shop, neighbours: Neighbours) -> None:
    order_id = (await shop.place()).json()["order_id"]
    saga = await saga_of(shop, order_id)
    assert saga["missing_services"] == ["inventory"]
    owed = {(one["service"], one["job"]): one["attempts"] for one in saga["work"]}
    assert owed == {("payment", "authorize"): 3, ("order", "cancel_expired"): 0}
    assert ("GET", f"/api/admin/facts/payment/{order_id}") in neighbours.asked


@pytest.mark.parametrize(("method", "rest"), [("GET", ""), ("POST", "/nudge")])
async def test_a_key_that_nothing_can_be_about_is_refused_by_name(shop: Shop, method: str, rest: str) -> None:
    refused = await shop.ask(method, f"/api/admin/facts/order/%00{rest}", "support")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "key")


async def unpublished(database: Database) -> list[str]:
    async with database.transaction() as transaction:
        rows = await transaction.fetch("SELECT o.type FROM outbox_unpublished u JOIN outbox o USING (id) ORDER BY o.id")
    return [row["type"] for row in rows]


async def forget_unpublished(database: Database) -> None:
    async with database.transaction() as transaction:
        await transaction.fetch("DELETE FROM outbox_unpublished")


@pytest.mark.usefixtures("neighbours")
async def test_a_retry_tells_anew_hastens_and_is_written_down(shop: Shop) -> None:
    order_id = (await shop.place()).json()["order_id"]
    await forget_unpublished(shop.database)
    path = f"/api/admin/orders/{order_id}/saga/retry"
    done = (await shop.ask("POST", path, "support", user="sue", json={"reason": "hangs"})).json()
    assert done["services"]["order"] == {"told": 2, "hastened": []}
    assert done["services"]["payment"] == {"told": 2, "hastened": ["authorize"]}
    assert done["missing_services"] == ["inventory"]
    assert [wait["fact"] for wait in done["waiting_for"]] == ["inventory.stock_reserved.v1", "payment.authorized.v1"]
    assert sorted(await unpublished(shop.database)) == ["order.contacts.v1", "order.placed.v1"]
    last = (await history(shop, order_id))[-1]
    assert (last["kind"], last["actor"], last["notes"]) == ("saga", "support:sue", "Saga retried: hangs")
    own = (await shop.ask("GET", f"/api/orders/{order_id}/history")).json()["items"]
    assert [entry["kind"] for entry in own] == ["change"]
    nobody = await shop.ask("POST", f"/api/admin/orders/{new_id()}/saga/retry", "support")
    assert nobody.status_code == 404


async def forced(shop: Shop, order_id: str, reason: str = "hangs since Monday") -> httpx2.Response:
    path = f"/api/admin/orders/{order_id}/saga/force-cancel"
    return await shop.ask("POST", path, "support", user="sue", json={"reason": reason})


async def test_an_order_is_cancelled_by_force_once(shop: Shop) -> None:
    order_id = (await shop.place()).json()["order_id"]
    reply = await forced(shop, order_id)
    assert (reply.status_code, reply.json()["status"]) == (200, "Cancelled")
    entries = await history(shop, order_id)
    assert [(one["kind"], one["actor"]) for one in entries[-2:]] == [("change", "support:sue"), ("saga", "support:sue")]
    assert entries[-1]["notes"] == "Cancelled by force: hangs since Monday"
    await forget_unpublished(shop.database)
    again = await forced(shop, order_id)
    assert again.status_code == 200
    assert [type(fact) for fact in await told(shop.database, order_id)].count(OrderCancelled) == 1
    assert "order.cancelled.v1" in await unpublished(shop.database), "who missed it hears it now"


async def part_sent_and_more_asked_for(shop: Shop, clock: SettableClock) -> dict[str, Any]:
    """Have one parcel of an order sent, while nobody answers about what is to be added."""
    order = await shop.confirmed("ada", "berlin", "lyon")
    parcel = f"/api/admin/orders/{order['order_id']}/shipments/{order['shipments'][0]['shipment_id']}"
    await shop.ask("POST", f"{parcel}/dispatch", "warehouse")
    async with shop.database.transaction() as transaction:
        await transaction.fetch("UPDATE orders SET changes_count = 1")
        await transaction.fetch(
            """INSERT INTO order_change (change_id, order_id, kind, state, items, previous_total, new_total, actor, deadline_at,
            created_at) VALUES ($1, $2, 'addition', 'requested', '[]', 1, 2, 'customer:ada', $3, $4)""",
            new_id(),
            UUID(order["order_id"]),
            clock() + HOUR,
            clock(),
        )
    return order


async def test_force_gives_up_a_change_that_nobody_answers(shop: Shop, clock: SettableClock) -> None:
    order = await part_sent_and_more_asked_for(shop, clock)
    facts = (await saga_of(shop, order["order_id"]))["waiting_for"]
    assert "inventory.addition_reserved.v1" in [one["fact"] for one in facts]
    reply = await forced(shop, order["order_id"])
    assert (reply.status_code, reply.json()["status"]) == (200, "Shipped")
    kinds = [type(fact) for fact in await told(shop.database, order["order_id"])]
    ends = {OrderChangeWithdrawn, OrderChanged, OrderShipped}
    assert [kind for kind in kinds if kind in ends] == [OrderChangeWithdrawn, OrderChanged, OrderShipped]


async def test_force_gives_no_change_up_where_nothing_can_be_cancelled(shop: Shop, clock: SettableClock) -> None:
    order = await part_sent_and_more_asked_for(shop, clock)
    parcel = f"/api/admin/orders/{order['order_id']}/shipments/{order['shipments'][1]['shipment_id']}"
    moved = await shop.ask("POST", f"{parcel}/move", "warehouse", json={"warehouse_id": "berlin"})
    assert moved.status_code in {200, 202}, moved.text
    before = await told(shop.database, order["order_id"])
    reply = await forced(shop, order["order_id"])
    assert (reply.status_code, reply.json()["type"]) == (409, "urn:waybill:problem:change-refused")
    assert await told(shop.database, order["order_id"]) == before
    edits = (await shop.ask("GET", f"/api/orders/{order['order_id']}/edits")).json()["items"]
    assert [one["state"] for one in edits] == ["requested"], "who answers about it still can"


async def test_what_has_left_is_not_cancelled_by_force(shop: Shop) -> None:
    order_id = (await shop.confirmed())["order_id"]
    await shop.ask("PUT", f"/api/admin/orders/{order_id}/status", "warehouse", json={"status": "Shipped"})
    before = await history(shop, order_id)
    reply = await forced(shop, order_id)
    assert (reply.status_code, reply.json()["type"]) == (409, "urn:waybill:problem:invalid-transition")
    assert await history(shop, order_id) == before
    assert (await forced(shop, order_id, "")).json()["errors"][0]["field"] == "reason"


async def test_a_note_is_for_staff_only_and_changes_nothing_else(shop: Shop) -> None:
    order = await shop.confirmed()
    path = f"/api/admin/orders/{order['order_id']}/notes"
    written = await shop.ask("POST", path, "warehouse", user="bob", json={"text": "Called: leave it with the neighbour."})
    assert (written.status_code, written.json()["kind"], written.json()["actor"]) == (201, "note", "warehouse:bob")
    assert (await history(shop, order["order_id"]))[-1] == written.json()
    own = (await shop.ask("GET", f"/api/orders/{order['order_id']}/history")).json()["items"]
    assert {entry["kind"] for entry in own} == {"change"}
    seen = (await shop.ask("GET", f"/api/orders/{order['order_id']}")).json()
    assert seen == order, "its version and moment stay"
    for text in ("", "x" * 2001, "4111 1111 1111 1111"):
        refused = await shop.ask("POST", path, "support", json={"text": text})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "text")
