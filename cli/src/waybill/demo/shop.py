"""The demo at work: orders are placed at their rate whatever becomes of the earlier ones, and each is then led to its end."""

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from waybill.api_client import Api, ApiError, Deployment, client_of
from waybill.demo.mix import Fate, Mix
from waybill.demo.tally import Followed, Tally
from waybill.errors import WaybillError
from waybill.saga_tree import money

CUSTOMERS: Final = (
    ("alice", "Berlin", "10117", "DE", "en"),
    ("bernd", "Hamburg", "20095", "DE", "de"),
    ("chloe", "Lyon", "69002", "FR", "en"),
    ("daan", "Utrecht", "3511 AX", "NL", "en"),
    ("elif", "Köln", "50667", "DE", "de"),
    ("frida", "Aarhus", "8000", "DK", "en"),
)
DECIDED_WITHIN_SECONDS: Final = 10
AT_REST_WITHIN_SECONDS: Final = 15.0
LOOK_AGAIN_SECONDS: Final = 0.5
MOST_AT_ONCE: Final = 200
MOST_LINES: Final = 3
MOST_OF_ONE: Final = 2


class Shop:
    """Customers, an operator and the catalogue of one deployment."""

    def __init__(self, mix: Mix, tally: Tally, operator: Api, customers: Sequence[tuple[Any, Api]]) -> None:
        self._mix = mix
        self._tally = tally
        self._operator = operator
        self._customers = itertools.cycle(customers)
        self._run = f"demo-{time.time_ns()}"
        self._numbers = itertools.count()
        self.products: list[str] = []

    async def look_around(self) -> None:
        """Read the catalogue; raises WaybillError when there is nothing to buy."""
        self.products = [item["product_id"] async for item in self._operator.pages("/api/products")]
        if not self.products:
            raise WaybillError("the catalogue is empty: `./waybill up` fills it on its first start")

    async def trade(self, rate: float, seconds: float, stop: asyncio.Event) -> None:
        """Have `rate` orders placed a second until the time is over or `stop` is set; returns when all came to their end."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as orders:
            for number in itertools.count():
                due = began + number / rate
                if number / rate >= seconds or await _set_within(stop, due - time.monotonic()):
                    break
                orders.create_task(self._order())

    async def _order(self) -> None:
        who, api = next(self._customers)
        order = Followed(who[0], self._mix.choose())
        try:
            await self._lead(order, who, api)
        except ApiError as error:
            order.error = str(error)
            self._tally.refused[f"{error.status}"] += 1
        except WaybillError as error:
            order.error = str(error)
            self._tally.errors[str(error)] += 1

    async def _lead(self, order: Followed, who: Any, api: Api) -> None:
        """Place an order and lead it to its end."""
        body = self._wish(order, who)
        began = time.monotonic()
        self._tally.placed += 1
        key = f"{self._run}-{next(self._numbers)}"
        view = await api.post("/api/orders", body, Idempotency_Key=key, Prefer=f"wait={DECIDED_WITHIN_SECONDS}")
        order.order_id = view["order_id"]
        order.amount = money(view["total_amount"])
        self._tally.begin(order)
        order.reached("Pending")
        order.reached(view["status"])
        if view["status"] == "Processing":
            self._tally.decided(order, time.monotonic() - began)
            await self._finish(order, api, key)
        elif view["status"] == "Pending":
            await self._await(order, lambda status: status != "Pending")

    def _wish(self, order: Followed, who: Any) -> dict[str, Any]:
        name, city, postal_code, country, locale = who
        chosen = self._mix.random.sample(self.products, min(self._mix.random.randint(1, MOST_LINES), len(self.products)))
        return {
            "items": [{"product_id": sku, "quantity": self._mix.random.randint(1, MOST_OF_ONE)} for sku in chosen],
            "shipping_address": {
                "name": name.title(),
                "line1": "Market Street 1",
                "city": city,
                "postal_code": postal_code,
                "country": country,
            },
            "contact": {"email": f"{name}@example.com", "phone": "+4930123456", "locale": locale},
            "payment": {"method": "card", "token": "tok_declined" if order.fate is Fate.DECLINE else "tok_ok"},
        }

    async def _finish(self, order: Followed, api: Api, key: str) -> None:
        """Do what is meant to be done with a confirmed order."""
        if order.fate is Fate.CANCEL:
            view = await api.post(f"/api/orders/{order.order_id}/cancel", None, Idempotency_Key=f"{key}-cancel")
            order.reached(view["status"])
        if order.fate in {Fate.SHIP, Fate.DELIVER}:
            await self._become(order, "Shipped", key)
        if order.fate is Fate.DELIVER:
            await self._become(order, "Delivered", key)

    async def _become(self, order: Followed, status: str, key: str) -> None:
        path = f"/api/admin/orders/{order.order_id}/status"
        view = await self._operator.put(path, {"status": status}, Idempotency_Key=f"{key}-{status.lower()}")
        order.reached(view["status"])

    async def _await(self, order: Followed, wanted: Callable[[str], bool]) -> None:
        """Look at an order now and then until it is where it should be; it stays where it is when that takes too long."""
        until = time.monotonic() + AT_REST_WITHIN_SECONDS
        while not wanted(order.path[-1]) and time.monotonic() < until:
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
            order.reached((await self._operator.get(f"/api/admin/orders/{order.order_id}"))["status"])


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    """Wait until an event is set, at the longest for some seconds; tells whether it is."""
    if seconds <= 0:
        await asyncio.sleep(0)
        return event.is_set()
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


async def open_for_trade(place: Deployment, mix: Mix, tally: Tally, trade: Callable[[Shop], Any]) -> None:
    """Open the shop of a deployment, and let `trade` do its business in it."""
    async with client_of(place, connections=MOST_AT_ONCE) as client:
        operator = await asyncio.to_thread(place.token, "operator", ["support", "warehouse"])
        tokens = await asyncio.gather(*(asyncio.to_thread(place.token, who[0], ["customer"]) for who in CUSTOMERS))
        customers = [(who, Api(client, bearer)) for who, bearer in zip(CUSTOMERS, tokens, strict=True)]
        shop = Shop(mix, tally, Api(client, operator), customers)
        await shop.look_around()
        await trade(shop)
