"""Dead letters over HTTP, as every service serves them: paged, shown whole, sent back or discarded by name and reason."""

from typing import Any
from uuid import UUID

import pytest

from chassis.database import Database
from chassis.domain import new_id
from contracts import Envelope
from contracts.inventory import StockReleased
from services.order.tests.conftest import Shop

pytestmark = pytest.mark.database
LIST = "/api/admin/dead-letters/order"


async def put_aside(database: Database, event: StockReleased, value: bytes | None = None) -> UUID:
    letter_id = new_id()
    envelope = Envelope(
        event_id=new_id(),
        type=event.type,
        source="inventory",
        time=database.clock(),
        subject=event.key,
        sequence=1,
        correlation_id=event.key,
    )
    async with database.transaction() as transaction:
        await transaction.fetch(
            """INSERT INTO dead_letter (id, topic, kafka_partition, kafka_offset, key, type, reason, error, headers, value,
            created_at) VALUES ($1, 'inventory.events', 0, $2, $3, $4, 'failed', 'ZeroDivisionError', $5, $6, $7)""",
            letter_id,
            letter_id.int % 2**40,
            event.key,
            event.type,
            {name: text.decode() for name, text in envelope.headers()},
            event.model_dump_json().encode() if value is None else value,
            transaction.now,
        )
    return letter_id


async def cancelled(shop: Shop) -> StockReleased:
    order_id = (await shop.place()).json()["order_id"]
    await shop.ask("POST", f"/api/orders/{order_id}/cancel")
    return StockReleased(order_id=order_id, user_id="ada", lines=[])


async def asked(shop: Shop, method: str, path: str, role: str = "support", **more: Any) -> Any:
    reply = await shop.ask(method, f"{LIST}{path}", role, user="sue", **more)
    return reply.status_code, reply.json()


async def test_a_letter_that_is_sent_back_is_handled_and_closed_by_name(shop: Shop) -> None:
    letter_id = await put_aside(shop.database, await cancelled(shop))
    assert await asked(shop, "POST", f"/{letter_id}/retry", json={"reason": "the bug is fixed"}) == (200, {"status": "retried"})
    _, whole = await asked(shop, "GET", f"/{letter_id}", "auditor")
    assert (whole["status"], whole["resolved_by"], whole["note"]) == ("retried", "support:sue", "the bug is fixed")
    async with shop.database.transaction() as transaction:
        [order] = await transaction.fetch("SELECT released_at FROM orders")
    assert order["released_at"] is not None
    code, refused = await asked(shop, "POST", f"/{letter_id}/discard", json={"reason": "again"})
    assert (code, refused["type"]) == (409, "urn:waybill:problem:dead-letter-resolved")


async def test_a_letter_that_fails_again_stays_open(shop: Shop) -> None:
    letter_id = await put_aside(shop.database, await cancelled(shop), b"{broken")
    code, refused = await asked(shop, "POST", f"/{letter_id}/retry")
    assert (code, refused["type"]) == (422, "urn:waybill:problem:dead-letter-failed-again")
    _, whole = await asked(shop, "GET", f"/{letter_id}")
    assert (whole["status"], whole["value"], whole["value_encoding"]) == ("open", "{broken", "text")
    assert whole["headers"]["ce_type"] == "inventory.stock_released.v1"


async def test_letters_are_paged_and_given_up_for_a_reason(shop: Shop) -> None:
    event = await cancelled(shop)
    put = [str(await put_aside(shop.database, event)) for _ in range(3)]
    _, first = await asked(shop, "GET", "", params={"limit": 2})
    _, second = await asked(shop, "GET", "", params={"limit": 2, "cursor": first["next_cursor"]})
    assert [one["id"] for one in first["items"] + second["items"]] == put[::-1]
    assert second["next_cursor"] is None
    assert "value" not in first["items"][0]
    code, refused = await asked(shop, "POST", f"/{put[0]}/discard", json={"reason": ""})
    assert (code, refused["errors"][0]["field"]) == (422, "reason")
    assert (await asked(shop, "POST", f"/{put[0]}/discard", json={"reason": "not ours"}))[0] == 200
    _, left = await asked(shop, "GET", "", params={"status": "open"})
    assert len(left["items"]) == 2


async def test_who_may_look_and_who_may_decide(shop: Shop) -> None:
    letter_id = await put_aside(shop.database, await cancelled(shop))
    for role, looks, decides in (("customer", 403, 403), ("warehouse", 403, 403), ("auditor", 200, 403)):
        assert (await asked(shop, "GET", "", role))[0] == looks
        assert (await asked(shop, "GET", f"/{letter_id}", role))[0] == looks
        assert (await asked(shop, "POST", f"/{letter_id}/retry", role))[0] == decides
    for method, path in (("GET", ""), ("POST", "/retry")):
        assert (await asked(shop, method, f"/{new_id()}{path}"))[0] == 404
