"""A shop of a test's own in a running Waybill: a product nobody else buys, its customers, and the books to compare with."""

import asyncio
import contextlib
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2

from chassis.domain import new_id
from chassis.testing import eventually

from .running import Waybill, documents

PRICE: Final = 1250
SHIPPING: Final = 390
"""What the demo's terms of sale ask for a parcel of up to 2 kg within Germany."""
WAREHOUSE: Final = "berlin"
DECIDED: Final = frozenset({"Processing", "Cancelled"})
LAST_WORDS: Final = {"Processing": "is confirmed", "Cancelled": "was cancelled", "Delivered": "was delivered"}
"""What the last mail about an order says."""
AT_REST_SECONDS: Final = 60.0
IN_FLIGHT: Final = 409
PERSISTENCE_SECONDS: Final = 60.0
"""How long a buyer repeats a request that nobody answers."""

_numbers = itertools.count(1)


def order_body(sku: str, quantity: int = 1, token: str = "tok_ok", **contact: str) -> dict[str, Any]:  # noqa: S107 - a simulator's token
    """Order `quantity` of a product."""
    return {
        "items": [{"product_id": sku, "quantity": quantity}],
        "shipping_address": {
            "name": "Ada Lovelace",
            "line1": "Hauptstraße 1",
            "city": "Berlin",
            "postal_code": "10115",
            "country": "DE",
        },
        "contact": {"email": "ada@example.com", **contact},
        "payment": {"method": "card", "token": token},
    }


class Person:
    """Somebody with a token, on the way through the gateway."""

    def __init__(self, client: httpx2.AsyncClient, user: str, bearer: str) -> None:
        self._client = client
        self.user = user
        self._headers = {"Authorization": f"Bearer {bearer}"}

    async def send(self, method: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        """Send one request; names of headers are written with underscores."""
        given = self._headers | {name.replace("_", "-"): value for name, value in headers.items()}
        content = {} if body is None else {"json": body}
        return await self._client.request(method, path, headers=given, **content)

    async def get(self, path: str) -> Any:
        """Read a document that must be there."""
        answer = await self.send("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def do(self, method: str, path: str, body: Any = None, *, expect: int = 200, **headers: str) -> Any:
        """Ask for something that must be done."""
        answer = await self.send(method, path, body, **headers)
        assert answer.status_code == expect, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def insist(self, method: str, path: str, body: Any, key: str) -> httpx2.Response:
        """Repeat a request with its Idempotency-Key until it is answered, as a client in earnest does."""
        until = time.monotonic() + PERSISTENCE_SECONDS
        last = "nothing"
        while time.monotonic() < until:
            try:
                answer = await self.send(method, path, body, Idempotency_Key=key)
            except httpx2.HTTPError as error:
                last = f"{type(error).__name__}: {error}"
            else:
                if answer.status_code < 500 and not (answer.status_code == IN_FLIGHT and "in-flight" in answer.text):
                    return answer
                last = f"{answer.status_code} {answer.text}"
            await asyncio.sleep(0.2)
        raise AssertionError(f"{method} {path} was not answered within {PERSISTENCE_SECONDS} s; the last answer: {last}")


@dataclass
class Shop:
    """A product with its stock in one warehouse, a customer who buys it, and operators."""

    waybill: Waybill
    client: httpx2.AsyncClient
    sku: str
    customer: Person
    operator: Person
    keeper: Person
    stocked: int
    placed: dict[str, str] = field(default_factory=dict)
    """Orders that were acknowledged, by Idempotency-Key."""

    def person(self, user: str, *roles: str) -> Person:
        """Sign somebody in."""
        return Person(self.client, user, self.waybill.token(user, *(roles or ("customer",))))

    async def offer(self, sku: str, warehouse: str, stock: int, **more: Any) -> None:
        """Put a product on sale that one warehouse has."""
        offer = {"product_id": sku, "name": sku, "price": {"amount": PRICE, "currency": "EUR"}, "weight_grams": 20}
        await self.keeper.do("POST", "/api/admin/products", offer | more, expect=201)
        delivery = {"product_id": sku, "warehouse_id": warehouse, "delta": stock, "reason": "opening stock"}
        await self.keeper.do("POST", "/api/admin/stock/adjustments", delivery, expect=201)
        window_shopper = self.person("window-shopper")

        async def on_sale() -> bool:
            cart = {"items": [{"product_id": sku, "quantity": 1}]}
            return (await window_shopper.send("PUT", "/api/cart", cart)).status_code == 200

        await eventually(on_sale, f"the order service learns of {sku}")

    async def sells_at(self, price: int) -> None:
        """Wait until the order service knows the product's new price."""
        looking = self.person("window-shopper")
        await looking.do("PUT", "/api/cart", {"items": [{"product_id": self.sku, "quantity": 1}]})

        async def known() -> bool:
            return bool((await looking.get("/api/cart"))["total_amount"]["amount"] == price)

        await eventually(known, f"{self.sku} is sold at {price}")

    async def place(self, quantity: int = 1, token: str = "tok_ok", **headers: str) -> dict[str, Any]:  # noqa: S107
        """Place an order that must be accepted."""
        body = order_body(self.sku, quantity, token)
        placed: dict[str, Any] = await self.customer.do("POST", "/api/orders", body, expect=201, **headers)
        return placed

    async def buy(self, key: str, token: str = "tok_ok", *, cancel: bool = False) -> None:  # noqa: S107
        """Place an order whatever happens to the services, and perhaps cancel it; remembers what was acknowledged."""
        answer = await self.customer.insist("POST", "/api/orders", order_body(self.sku, token=token), key)
        assert answer.status_code == 201, answer.text
        order_id = self.placed[key] = answer.json()["order_id"]
        if cancel:
            done = await self.customer.insist("POST", f"/api/orders/{order_id}/cancel", None, f"{key}-cancel")
            already = await self.customer.send("GET", f"/api/orders/{order_id}")
            assert done.status_code == 200 or already.json()["status"] == "Cancelled", done.text

    async def trade(self, rate: float, stop: asyncio.Event) -> None:
        """Place `rate` orders a second until `stop` is set, each eighth declined and each tenth cancelled; wait for answers."""
        async with asyncio.TaskGroup() as buyers:
            began = time.monotonic()
            for number in itertools.count():
                token = "tok_declined" if number % 8 == 5 else "tok_ok"
                buyers.create_task(self.buy(f"{self.sku}-{number}", token, cancel=number % 10 == 7))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(0.0, began + (number + 1) / rate - time.monotonic())):
                        await stop.wait()
                if stop.is_set():
                    return

    async def order(self, order_id: str) -> Any:
        """Look at an order as an operator."""
        return await self.operator.get(f"/api/admin/orders/{order_id}")

    async def reaches(self, order_id: str, *statuses: str, within: float = 20.0) -> dict[str, Any]:
        """Wait until an order has one of these statuses."""
        seen: dict[str, Any] = {}

        async def probe() -> dict[str, Any] | None:
            seen.update(await self.order(order_id))
            return seen if seen["status"] in statuses else None

        found: dict[str, Any] = await eventually(
            probe,
            f"order {order_id} becomes {' or '.join(statuses)}",
            within=within,
            seen=lambda: {name: seen.get(name) for name in ("status", "payment_state", "cancel_reason", "hold_reason")},
        )
        return found

    async def bought(self) -> list[dict[str, Any]]:
        """List all orders of the customer."""
        orders: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = await self.customer.get(f"/api/orders?limit=100{cursor}")
            orders += page["items"]
            if page["next_cursor"] is None:
                return orders
            cursor = f"&cursor={page['next_cursor']}"

    async def at_rest(self, within: float = AT_REST_SECONDS) -> list[dict[str, Any]]:
        """Wait until every order of the customer is decided and nothing of it is open; answers the orders."""
        waiting: list[Any] = []

        async def probe() -> bool:
            waiting.clear()
            for those in ("stuck_for_seconds=0", "status=Pending"):
                answer = await self.operator.send("GET", f"/api/admin/orders?{those}&limit=20&user_id={self.customer.user}")
                waiting.extend(documents(answer) if answer.status_code == 200 else [answer.text])
            return not waiting

        await eventually(
            probe,
            f"the orders of {self.customer.user} come to rest",
            within=within,
            every=0.2,
            seen=lambda: [
                {name: one[name] for name in ("order_id", "status", "order_state", "payment_state", "cancel_reason")}
                if isinstance(one, dict)
                else one
                for one in waiting[:5]
            ],
        )
        return await self.bought()

    async def stock(self) -> dict[str, int]:
        """Read the product's stock."""
        (row,) = (await self.operator.get(f"/api/admin/stock?product_id={self.sku}"))["items"]
        return {name: row[name] for name in ("on_hand", "reserved", "available")}

    async def ledger(self, order_id: str) -> list[dict[str, Any]]:
        """Read what the PSP has in its books for an order."""
        return documents(await self.client.get(f"/sim/psp/ledger?order_id={order_id}"))

    async def mails(self, order_id: str) -> list[dict[str, Any]]:
        """Read the mails about an order, newest first."""
        return documents(await self.client.get(f"/sim/mail/messages?order_id={order_id}"))

    async def texts(self, order_id: str) -> list[dict[str, Any]]:
        """Read the SMS about an order, newest first."""
        return documents(await self.client.get(f"/sim/sms/messages?order_id={order_id}"))

    async def ended_right(self) -> Counter[str]:
        """Check that each acknowledged order is there once, and has its stock and its money; answers how they ended."""
        orders = await self.at_rest()
        assert Counter(one["order_id"] for one in orders) == Counter(self.placed.values())
        undecided = [one for one in orders if one["status"] not in DECIDED]
        assert not undecided, undecided
        for one in orders:
            assert (one["cancel_reason"] is not None) == (one["status"] == "Cancelled"), one
        alive = [one for one in orders if one["status"] == "Processing"]
        left = self.stocked - len(alive)
        assert await self.stock() == {"on_hand": self.stocked, "reserved": len(alive), "available": left}
        for one in orders:
            await self._check_money(one)
        return Counter(one["cancel_reason"] or one["status"] for one in orders)

    async def _check_money(self, order: dict[str, Any]) -> None:
        entries = await self.ledger(order["order_id"])
        held = [one for one in entries if one["authorised"]]
        assert len(held) <= 1, entries
        assert [one["captured"] for one in entries if one["captured"]] == []
        open_now = sum(one["open"] for one in entries)
        assert open_now == (order["total_amount"]["amount"] if order["status"] == "Processing" else 0), (order, entries)

    async def told_once(self, within: float) -> int:
        """Wait until the customer was told of each order and its end, once; answers how many mails came again.

        Only a crash between the provider's OK and the commit may repeat a mail, and then under the same Message-ID.
        """
        repeats = 0
        until = time.monotonic() + within
        for order in await self.bought():
            last = LAST_WORDS[order["status"]]
            mails: list[dict[str, Any]] = []

            async def told(order_id: str = order["order_id"], last: str = last, mails: list[Any] = mails) -> bool:
                mails[:] = await self.mails(order_id)
                subjects = [mail["subject"] for mail in mails]
                return all(any(words in subject for subject in subjects) for words in ("have your order", last))

            what = f"a mail says that order {order['order_id']} {last}"
            await eventually(told, what, within=max(1.0, until - time.monotonic()), every=0.5)
            times = Counter(mail["subject"] for mail in mails)
            most = {subject: len(order["shipments"]) if subject.startswith("A parcel") else 1 for subject in times}
            assert times <= Counter(most), f"two Message-IDs for one mail: {times}"
            repeats += sum(mail["count"] - 1 for mail in mails)
        return repeats


@asynccontextmanager
async def opened(waybill: Waybill, stock: int = 10_000) -> AsyncIterator[Shop]:
    """Open a shop with a product of its own and `stock` of it."""
    limits = httpx2.Limits(max_connections=300, max_keepalive_connections=100)
    async with httpx2.AsyncClient(base_url=waybill.gateway, timeout=30, limits=limits) as client:
        number = f"{next(_numbers)}-{new_id().hex[-6:]}"
        sku = f"TEST-{number}"
        admin = Person(client, "keeper", waybill.token("keeper", "admin"))
        customer = Person(client, f"customer-{number}", waybill.token(f"customer-{number}", "customer"))
        operator = Person(client, "operator", waybill.token("operator", "support", "warehouse"))
        shop = Shop(waybill, client, sku, customer, operator, admin, stock)
        await shop.offer(sku, WAREHOUSE, stock)
        yield shop
