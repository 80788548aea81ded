"""`waybill demo`: orders come at their rate, each is led to its end, and what is told of them is true."""

import asyncio
import itertools
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from rich.console import Console

from waybill.api_client import Api
from waybill.demo.mix import Fate, Mix
from waybill.demo.screen import line, picture
from waybill.demo.shop import CUSTOMERS, Shop
from waybill.demo.tally import Followed, Tally
from waybill.errors import WaybillError


class Waybill:
    """Orders as the API shows them, decided at once: declined by its token, confirmed otherwise."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, Any, httpx2.Headers]] = []
        self.placed_at: list[float] = []
        self.down = False
        self._numbers = itertools.count(1)

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        body = json.loads(request.content or b"null")
        self.requests.append((request.method, request.url.path, body, request.headers))
        if self.down:
            raise httpx2.ConnectError("nobody listens")
        match request.method, request.url.path.strip("/").split("/"):
            case "GET", ["api", "products"]:
                return httpx2.Response(200, json={"items": [{"product_id": "TEA"}, {"product_id": "MUG"}], "next_cursor": None})
            case "POST", ["api", "orders"]:
                self.placed_at.append(time.monotonic())
                status = "Cancelled" if body["payment"]["token"] == "tok_declined" else "Processing"
                return self._order(f"order-{next(self._numbers)}", status, 201)
            case "POST", ["api", "orders", order_id, "cancel"]:
                return self._order(order_id, "Cancelled")
            case "PUT", ["api", "admin", "orders", order_id, "status"]:
                return self._order(order_id, body["status"])
        return httpx2.Response(404, json={"title": "Not found"})

    def _order(self, order_id: str, status: str, code: int = 200) -> httpx2.Response:
        total = {"amount": 1999, "currency": "EUR"}
        return httpx2.Response(code, json={"order_id": order_id, "status": status, "total_amount": total})

    def bodies(self, method: str, path: str) -> list[Any]:
        return [body for verb, where, body, _ in self.requests if (verb, where) == (method, path)]


@pytest.fixture
def waybill() -> Waybill:
    return Waybill()


@pytest.fixture
async def client(waybill: Waybill) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(waybill), base_url="http://waybill.test") as client:
        yield client


async def shop_of(client: httpx2.AsyncClient, shares: dict[Fate, int]) -> tuple[Shop, Tally]:
    tally = Tally()
    customers = [(who, Api(client, who[0])) for who in CUSTOMERS]
    shop = Shop(Mix(shares, seed=1), tally, Api(client, "operator"), customers)
    await shop.look_around()
    return shop, tally


@pytest.mark.parametrize(
    ("fate", "path"),
    [
        (Fate.KEEP, ["Pending", "Processing"]),
        (Fate.CANCEL, ["Pending", "Processing", "Cancelled"]),
        (Fate.DECLINE, ["Pending", "Cancelled"]),
        (Fate.SHIP, ["Pending", "Processing", "Shipped"]),
        (Fate.DELIVER, ["Pending", "Processing", "Shipped", "Delivered"]),
    ],
)
async def test_an_order_goes_the_way_that_was_chosen(client: httpx2.AsyncClient, fate: Fate, path: list[str]) -> None:
    shop, tally = await shop_of(client, {fate: 100} if fate is not Fate.KEEP else {})
    await shop.trade(rate=100, seconds=0.01, stop=asyncio.Event())
    assert [order.path for order in tally.followed] == [path]
    assert tally.summary()["statuses"] == {path[-1]: 1}
    assert (tally.percentile(0.5) is None) == (fate is Fate.DECLINE)


async def test_orders_come_at_their_rate_and_each_call_can_be_repeated(client: httpx2.AsyncClient, waybill: Waybill) -> None:
    shop, tally = await shop_of(client, {Fate.DELIVER: 100})
    began = time.monotonic()
    await shop.trade(rate=50, seconds=0.4, stop=asyncio.Event())
    assert tally.placed == len(waybill.placed_at) == 20
    early = [at - began - number / 50 for number, at in enumerate(waybill.placed_at) if at - began < number / 50 - 0.005]
    assert early == [], "an order was placed before its time"
    keys = [headers["Idempotency-Key"] for method, _, _, headers in waybill.requests if method != "GET"]
    assert len(keys) == len(set(keys)) == 60
    assert {headers["Authorization"] for method, path, _, headers in waybill.requests if path == "/api/orders"} == {
        f"Bearer {who[0]}" for who in CUSTOMERS
    }


async def test_a_stop_ends_it_before_its_time(client: httpx2.AsyncClient) -> None:
    shop, tally = await shop_of(client, {})
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(0.1, stop.set)
    began = time.monotonic()
    await shop.trade(rate=20, seconds=60, stop=stop)
    assert time.monotonic() - began < 10
    assert 1 <= tally.placed <= 20


async def test_what_fails_is_counted_and_told(client: httpx2.AsyncClient, waybill: Waybill) -> None:
    shop, tally = await shop_of(client, {})
    waybill.down = True
    await shop.trade(rate=100, seconds=0.03, stop=asyncio.Event())
    (complaint, count), *others = tally.errors.items()
    assert (count, others) == (3, [])
    assert "does not answer (ConnectError)" in complaint
    assert "3 failed" in line(tally)


async def test_an_empty_catalogue_is_told(
    client: httpx2.AsyncClient, waybill: Waybill, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(_: Api, path: str) -> AsyncIterator[Any]:
        assert path == "/api/products"
        for item in list[Any]():
            yield item

    monkeypatch.setattr(Api, "pages", nothing)
    with pytest.raises(WaybillError, match="the catalogue is empty"):
        await shop_of(client, {})
    assert waybill.requests == []


def test_the_mix_is_of_a_hundred_and_repeatable() -> None:
    once = Mix.read("cancel=20, deliver=50", 7)
    fates = [once.choose() for _ in range(1000)]
    chosen = Counter(fates)
    again = Mix.read("cancel=20,deliver=50", 7)
    assert fates == [again.choose() for _ in range(1000)]
    assert set(chosen) == {Fate.CANCEL, Fate.DELIVER, Fate.KEEP}
    assert 400 < chosen[Fate.DELIVER] < 600
    usual = Mix.read(None, 1)
    assert {usual.choose() for _ in range(500)} == set(Fate)


@pytest.mark.parametrize("text", ["cancel", "cancel=x", "explode=5", "cancel=60,deliver=50", "keep=10"])
def test_a_mix_that_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(WaybillError, match="--mix"):
        Mix.read(text, 1)


def test_percentiles_and_summary() -> None:
    tally = Tally()
    for number in range(1, 101):
        order = Followed("alice", Fate.KEEP, path=["Pending", "Processing"])
        tally.placed += 1
        tally.begin(order)
        tally.decided(order, number / 1000)
    told = tally.summary()
    assert (told["confirmed_p50_ms"], told["confirmed_p99_ms"]) == (51.0, 100.0)
    assert (told["orders_placed"], told["statuses"]) == (100, {"Processing": 100})


def test_the_live_view_shows_paths_counts_and_times() -> None:
    tally = Tally()
    order = Followed("alice", Fate.SHIP, "order-1", "19.99 EUR", ["Pending", "Processing", "Shipped"])
    tally.begin(order)
    tally.decided(order, 0.0421)
    console = Console(width=160)
    with console.capture() as capture:
        console.print(picture(tally))
    text = capture.get()
    assert "Pending → Processing → Shipped" in text
    assert "42.1 ms" in text
    assert "1 Shipped" in text
