"""Many at once: the last unit goes to one buyer, and one key makes one order."""

import asyncio
from collections import Counter

import pytest

from tests.running import Waybill, documents
from tests.shop import PRICE, SHIPPING, Person, opened, order_body

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

BUYERS = 200
REPEATS = 50


async def test_the_last_unit_goes_to_one_of_two_hundred_buyers(waybill: Waybill) -> None:
    async with opened(waybill, stock=1) as shop:
        names = [f"{shop.customer.user}-{number}" for number in range(BUYERS)]
        tokens = await asyncio.gather(*(asyncio.to_thread(waybill.token, name, "customer") for name in names))
        buyers = [Person(shop.client, name, token) for name, token in zip(names, tokens, strict=True)]
        answers = await asyncio.gather(
            *(buyer.send("POST", "/api/orders", order_body(shop.sku), Prefer="wait=30") for buyer in buyers)
        )
        assert Counter(answer.status_code for answer in answers) == {201: BUYERS}
        orders = [answer.json() for answer in answers]
        assert Counter(one["cancel_reason"] or one["status"] for one in orders) == {"Processing": 1, "out_of_stock": BUYERS - 1}
        assert await shop.stock() == {"on_hand": 1, "reserved": 1, "available": 0}
        ids = {one["order_id"] for one in orders}
        entries = [one for one in documents(await shop.client.get("/sim/psp/ledger")) if one["order_id"] in ids]
        (winner,) = [one["order_id"] for one in orders if one["status"] == "Processing"]
        assert [(one["order_id"], one["open"]) for one in entries] == [(winner, PRICE + SHIPPING)]


async def test_one_key_makes_one_order(waybill: Waybill) -> None:
    async with opened(waybill) as shop:
        body = order_body(shop.sku)
        answers = await asyncio.gather(
            *(shop.customer.send("POST", "/api/orders", body, Idempotency_Key="once") for _ in range(REPEATS))
        )
        made = [answer for answer in answers if answer.status_code == 201]
        in_flight = [answer for answer in answers if answer.status_code == 409]
        assert made
        assert len(made) + len(in_flight) == REPEATS
        assert all(int(answer.headers["Retry-After"]) >= 1 for answer in in_flight)
        assert len({answer.content for answer in made}) == 1
        (order,) = await shop.bought()
        assert order["order_id"] == made[0].json()["order_id"]
        again = await shop.customer.send("POST", "/api/orders", body, Idempotency_Key="once")
        assert (again.status_code, again.content) == (201, made[0].content)
        other = await shop.customer.send("POST", "/api/orders", order_body(shop.sku, 2), Idempotency_Key="once")
        assert other.status_code == 422
        assert other.headers["Content-Type"] == "application/problem+json"
