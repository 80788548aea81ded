"""The four services on a real broker: an order is placed, declined, cancelled, waits in vain; a service comes late."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from fastapi import FastAPI
from pydantic import SecretStr

import inventory.main
import inventory.settings
import notification.main
import notification.settings
import order.main
import order.settings
import payment.main
import payment.settings
from chassis import topics
from chassis.testing import (
    Issuer,
    KafkaServer,
    PostgresServer,
    SettableClock,
    eventually,
    perform,
    service_database,
    serving,
)
from contracts.types import Money
from inventory.handlers import adjust_stock, offer_product, open_warehouse
from inventory.model import AdjustStock, OfferProduct, OpenWarehouse
from payment.gateway import PspGateway, StubPsp

from .carrying import DEADLINE, PACKAGES, PRICE, SKU

pytestmark = [pytest.mark.database, pytest.mark.kafka]

STOCK: Final = 10
CREATE: Final[dict[str, Callable[..., FastAPI]]] = {
    "order": order.main.create,
    "inventory": inventory.main.create,
    "payment": payment.main.create,
    "notification": notification.main.create,
}
SETTINGS: Final[dict[str, Callable[..., Any]]] = {
    "order": order.settings.Settings,
    "inventory": inventory.settings.Settings,
    "payment": payment.settings.Settings,
    "notification": notification.settings.Settings,
}
STUBS: Final[dict[str, dict[str, str]]] = {"payment": {"psp": "stub"}, "notification": {"providers": "stub"}}


@dataclass
class Town:
    """Services in this process, each over its own database, on one broker."""

    urls: dict[str, str]
    kafka: str
    clock: SettableClock
    issuer: Issuer = field(default_factory=Issuer)
    apps: dict[str, FastAPI] = field(default_factory=dict)
    clients: dict[str, httpx2.AsyncClient] = field(default_factory=dict)

    @asynccontextmanager
    async def open(self, *services: str) -> AsyncIterator[None]:
        """Run services for the length of the block."""
        async with AsyncExitStack() as stack:
            for name in services:
                settings = SETTINGS[name](
                    database_url=SecretStr(self.urls[name]),
                    kafka_bootstrap_servers=self.kafka,
                    auth_issuer=Issuer.url,
                    auth_jwks_url=f"{Issuer.url}/jwks",
                    **STUBS.get(name, {}),
                )
                app = self.apps[name] = CREATE[name](settings, clock=self.clock)
                self.clients[name] = await stack.enter_async_context(serving(app, self.issuer))
            yield

    @property
    def psp(self) -> StubPsp:
        """The PSP's books."""
        psp: StubPsp = self.apps["payment"].state.gateways[PspGateway].psp
        return psp

    async def stock_up(self) -> None:
        """Offer the product and wait until it can be ordered."""
        database = self.apps["inventory"].state.database
        await perform(database, open_warehouse, OpenWarehouse("berlin", "Berlin", "DE", None))
        price = Money(amount=PRICE, currency="EUR")
        await perform(database, offer_product, OfferProduct(SKU, SKU, "", price, active=True))
        await perform(database, adjust_stock, AdjustStock(SKU, "berlin", STOCK, "opening stock"))

        async def known() -> bool:
            return bool(await self.rows("order", "SELECT sku FROM product"))

        await eventually(known, "order learns of the product", within=20)

    async def rows(self, service: str, query: str) -> list[Any]:
        """Look into a service's database."""
        async with self.apps[service].state.database.transaction() as transaction:
            rows: list[Any] = await transaction.fetch(query)
        return rows

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the order service as the customer."""
        headers = self.issuer.headers("ada", "customer")
        answer = await self.clients["order"].request(method, path, json=body, headers=headers)
        assert answer.status_code in {200, 201}, answer.text
        return answer.json()

    async def place(self, quantity: int = 1, token: str = "tok_ok") -> str:  # noqa: S107 - a simulator's token
        """Place an order."""
        body = {
            "items": [{"product_id": SKU, "quantity": quantity}],
            "shipping_address": {
                "name": "Ada Lovelace",
                "line1": "Hauptstraße 1",
                "city": "Berlin",
                "postal_code": "10115",
                "country": "DE",
            },
            "contact": {"email": "ada@example.com"},
            "payment": {"method": "card", "token": token},
        }
        return str((await self.ask("POST", "/api/orders", body))["order_id"])

    async def ends(self, order_id: str, status: str, reason: str | None = None) -> None:
        """Wait until an order has come to its end, and nothing of it is open."""
        seen: dict[str, Any] = {}

        async def probe() -> bool:
            seen.update(await self.ask("GET", f"/api/orders/{order_id}"))
            stuck = f"SELECT 1 FROM orders WHERE order_id = '{order_id}' AND (released_at IS NULL OR voided_at IS NULL)"
            if (seen["status"], seen["cancel_reason"]) != (status, reason):
                return False
            return status != "Cancelled" or not await self.rows("order", stuck)

        await eventually(probe, f"the order becomes {status} ({reason})", within=20, seen=lambda: seen)

    async def stock(self) -> tuple[int, int]:
        """Read what is on hand and what is reserved."""
        (row,) = await self.rows("inventory", "SELECT on_hand, reserved FROM stock")
        return row["on_hand"], row["reserved"]


@pytest.fixture
async def town(postgres: PostgresServer, kafka: KafkaServer) -> AsyncIterator[Town]:
    """Give services that are not running yet, over fresh databases and empty topics."""
    await _empty_topics(kafka.bootstrap_servers)
    clock = SettableClock()
    async with AsyncExitStack() as stack:
        urls = {}
        for name, package in PACKAGES.items():
            database = await stack.enter_async_context(service_database(postgres, package, clock))
            urls[name] = database.url
        yield Town(urls, kafka.bootstrap_servers, clock)


async def _empty_topics(servers: str) -> None:
    """Make the topics anew; with them go the offsets of the groups that have read them."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        present = [name for name in await admin.list_topics() if not name.startswith("__")]
        if present:
            await admin.delete_topics(present)

        async def gone() -> bool:
            return not [name for name in await admin.list_topics() if not name.startswith("__")]

        await eventually(gone, "the topics are deleted", within=20)
    finally:
        await admin.close()
    planned = topics.plan(4, 1)
    made: list[str] = []

    async def all_made() -> bool:
        made.extend(await topics.create(servers, planned))
        return len(made) >= len(planned)

    await eventually(all_made, "the topics are made anew", within=20)


async def test_orders_come_to_their_ends(town: Town) -> None:
    async with town.open(*PACKAGES):
        await town.stock_up()
        kept, regretted, refused, too_many, unanswered = await asyncio.gather(
            town.place(2),
            town.place(3),
            town.place(token="tok_declined"),
            town.place(STOCK + 1),
            town.place(token="tok_error"),
        )
        await town.ends(kept, "Processing")
        await town.ends(regretted, "Processing")
        await town.ends(refused, "Cancelled", "payment_declined")
        await town.ends(too_many, "Cancelled", "out_of_stock")
        await town.ask("POST", f"/api/orders/{regretted}/cancel")
        await town.ends(regretted, "Cancelled", "customer")
        assert (await town.ask("GET", f"/api/orders/{unanswered}"))["status"] == "Pending"

        # The deadline of the one that the PSP never answered for.
        town.clock.forward(seconds=DEADLINE.total_seconds() + 1)
        await _passes(town, lambda: town.ends(unanswered, "Cancelled", "deadline"))
        assert (await town.ask("GET", f"/api/orders/{kept}"))["status"] == "Processing"
        assert await town.stock() == (STOCK, 2)
        held = {str(one.order_id): one.open for one in town.psp.books.values() if one.open}
        assert held == {kept: 2 * PRICE}


async def _passes(town: Town, awaited: Callable[[], Awaitable[None]]) -> None:
    """Let the clock go on while something is awaited: what is due later never comes due for a clock that stands."""

    async def tick() -> None:
        while True:
            await asyncio.sleep(0.05)  # the clock's own pace
            town.clock.forward(seconds=1)

    ticking = asyncio.create_task(tick())
    try:
        await awaited()
    finally:
        ticking.cancel()


async def test_a_service_that_comes_late_finds_the_order_cancelled(town: Town) -> None:
    async with town.open("order", "inventory"):
        await town.stock_up()
        order_id = await town.place(4)

        async def reserved() -> bool:
            return await town.stock() == (STOCK, 4)

        await eventually(reserved, "the stock is reserved", within=20)
        await town.ask("POST", f"/api/orders/{order_id}/cancel")

        async def released() -> bool:
            return await town.stock() == (STOCK, 0)

        await eventually(released, "the stock is released", within=20)
        # Payment and notification begin when all is over, and read both topics from the start, in whatever order.
        async with town.open("payment", "notification"):
            await town.ends(order_id, "Cancelled", "customer")
            assert town.psp.books == {}

            async def told() -> bool:
                query = "SELECT template, status FROM delivery WHERE channel = 'email' ORDER BY template"
                rows = await town.rows("notification", query)
                return [tuple(row) for row in rows] == [("cancelled", "sent"), ("received", "sent")]

            await eventually(told, "the customer is told of the order and its cancellation", within=20)


async def test_inventory_that_comes_late_gives_everything_back(town: Town) -> None:
    async with town.open("inventory", "order"):
        await town.stock_up()
    async with town.open("order", "payment", "notification"):
        order_id = await town.place(4)
        await town.ask("POST", f"/api/orders/{order_id}/cancel")
        async with town.open("inventory"):
            await town.ends(order_id, "Cancelled", "customer")
            assert await town.stock() == (STOCK, 0)
            assert all(not one.open and not one.captured for one in town.psp.books.values())
