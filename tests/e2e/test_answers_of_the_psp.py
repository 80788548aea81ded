"""Whatever the PSP answers, or does not, the order comes to its right end; and clients may watch it do so."""

import asyncio
import json
from typing import Any

import pytest

from chassis.testing import eventually
from tests.shop import PRICE, SHIPPING, Shop

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

UNKNOWN_SECONDS = 30.0
GIVEN_UP_SECONDS = 50.0
"""What is unknown of a cancelled order is asked for 30 s again, with pauses of 8 s at the most, and then looked for."""


async def test_every_answer_leads_to_the_right_end(shop: Shop) -> None:
    confirmed = ("tok_ok", "tok_slow", "tok_timeout_captured", "tok_timeout_lost")
    declined = ("tok_declined", "tok_insufficient_funds", "tok_timeout_failed")
    await asyncio.gather(
        *(_is_confirmed(shop, token) for token in confirmed),
        *(_is_declined(shop, token) for token in declined),
        _waits_until_it_is_cancelled(shop),
    )
    kept = len(confirmed)
    assert await shop.stock() == {"on_hand": shop.stocked, "reserved": kept, "available": shop.stocked - kept}


async def _is_confirmed(shop: Shop, token: str) -> None:
    order_id = (await shop.place(token=token))["order_id"]
    order = await shop.reaches(order_id, "Processing", "Cancelled", within=UNKNOWN_SECONDS)
    assert order["status"] == "Processing", token
    (entry,) = await shop.ledger(order_id)
    assert (entry["authorised"], entry["open"], entry["captured"]) == (PRICE + SHIPPING, PRICE + SHIPPING, 0), token


async def _is_declined(shop: Shop, token: str) -> None:
    order_id = (await shop.place(token=token))["order_id"]
    order = await shop.reaches(order_id, "Processing", "Cancelled", within=UNKNOWN_SECONDS)
    assert (order["status"], order["cancel_reason"]) == ("Cancelled", "payment_declined"), token
    assert [entry["authorised"] for entry in await shop.ledger(order_id)] == [0], token
    await _is_at_rest(shop, order_id, UNKNOWN_SECONDS)


async def _waits_until_it_is_cancelled(shop: Shop) -> None:
    """Place an order for which the PSP fails all the time: it says what it waits for, and can be cancelled."""
    placed = await shop.place(token="tok_error", Prefer="wait=2")
    assert placed["status"] == "Pending"
    order_id = placed["order_id"]
    saga = await shop.operator.get(f"/api/admin/orders/{order_id}/saga")
    assert saga["waits_for"] == ["payment.authorized.v1"]
    assert saga["deadline_at"] is not None
    cancelled = await shop.customer.do("POST", f"/api/orders/{order_id}/cancel")
    assert cancelled["status"] == "Cancelled"
    await _is_at_rest(shop, order_id, GIVEN_UP_SECONDS)
    assert [entry for entry in await shop.ledger(order_id) if entry["authorised"]] == []


async def _is_at_rest(shop: Shop, order_id: str, within: float) -> None:
    async def probe() -> bool:
        saga = await shop.operator.get(f"/api/admin/orders/{order_id}/saga")
        return not saga["waits_for"]

    await eventually(probe, f"stock and money of the cancelled order {order_id} are back", within=within, every=0.2)


async def test_prefer_wait_answers_what_was_decided(shop: Shop) -> None:
    decided = await shop.place(Prefer="wait=5")
    assert decided["status"] == "Processing"
    refused = await shop.place(token="tok_declined", Prefer="wait=5")
    assert (refused["status"], refused["cancel_reason"]) == ("Cancelled", "payment_declined")
    too_many = await shop.place(quantity=999, Prefer="wait=5")
    assert too_many["status"] == "Processing"


async def test_the_stream_of_an_order_shows_it_becoming_processing(shop: Shop) -> None:
    placed = await shop.place(token="tok_slow")
    seen: list[dict[str, Any]] = []
    bearer = {"Authorization": f"Bearer {shop.waybill.token(shop.customer.user, 'customer')}"}
    async with (
        asyncio.timeout(20),
        shop.client.stream("GET", f"/api/orders/{placed['order_id']}/events", headers=bearer) as stream,
    ):
        assert stream.status_code == 200
        assert stream.headers["content-type"].startswith("text/event-stream")
        async for line in stream.aiter_lines():
            if line.startswith("data:"):
                seen.append(json.loads(line.removeprefix("data:")))
                if seen[-1]["status"] == "Processing":
                    break
    assert seen[0]["status"] == "Pending"
    assert {one["order_id"] for one in seen} == {placed["order_id"]}
    versions = [one["version"] for one in seen]
    assert versions == sorted(set(versions))
