"""The saga's happy path, step by step over four real databases, with the facts of each outbox carried on by hand."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from types import ModuleType
from typing import Any, Final

import pytest

import inventory
import inventory.handlers
import notification
import notification.handlers
import order
import order.handlers
import payment
import payment.handlers
from chassis import batch
from chassis.batch import Function, Item
from chassis.database import Database
from chassis.domain import Cause
from chassis.idempotency import Request
from chassis.jobs import Jobs, arguments
from chassis.reactions import Reactions, read
from chassis.testing import PostgresServer, perform, service_database
from contracts import Envelope, Event
from contracts.inventory import ProductPublished
from contracts.types import Money
from inventory.handlers import adjust_stock, offer_product, open_warehouse
from inventory.model import AdjustStock, OfferProduct, OpenWarehouse
from notification.gateway import Mailer, StubProvider, Texter
from notification.letters import Letters
from notification.settings import Settings as NotificationSettings
from order.api.cart import ChangeCart, change_cart
from order.api.orders import OrderBody, PlaceOrder, place_order
from payment.gateway import PspGateway, StubPsp

SKUS: Final = tuple(f"SKU-{number}" for number in range(40))
LINES: Final = 3
PRICE: Final = Money(amount=1999, currency="EUR")
PLENTY: Final = 10**6
REACTIONS: Final[dict[str, Reactions]] = {
    "order": order.handlers.react,
    "inventory": inventory.handlers.react,
    "payment": payment.handlers.react,
    "notification": notification.handlers.react,
}
JOBS: Final[dict[str, Jobs]] = {"payment": payment.handlers.jobs, "notification": notification.handlers.jobs}


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A fact of an outbox in the form in which it arrives from the broker."""

    topic: str
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]]
    partition: int = 0
    offset: int = 0


class Saga:
    """Four services' databases; each step answers how many statements (each a round trip) it took."""

    def __init__(self, databases: dict[str, Database]) -> None:
        self.databases = databases
        settings = NotificationSettings(
            database_url="postgresql://none",
            kafka_bootstrap_servers="127.0.0.1:1",
            auth_issuer="https://issuer.test",
            auth_jwks_url="https://issuer.test/jwks",
        )
        stub = StubProvider()
        self._gateways: dict[type, Any] = {
            PspGateway: StubPsp(),
            Mailer: stub,
            Texter: stub,
            Letters: Letters("Waybill"),
            NotificationSettings: settings,
        }
        self._runs = 0

    async def stock_up(self) -> None:
        """Offer the products and take in more of each than any test orders."""
        for warehouse in ("north", "south"):
            await perform(self.databases["inventory"], open_warehouse, OpenWarehouse(warehouse, warehouse, "DE", None))
        await perform(
            self.databases["inventory"], offer_product, *(OfferProduct(sku, sku, "", PRICE, active=True) for sku in SKUS)
        )
        deliveries = [AdjustStock(sku, place, PLENTY, "opening stock") for sku in SKUS for place in ("north", "south")]
        await perform(self.databases["inventory"], adjust_stock, *deliveries)
        await self.hears("order", "inventory", ProductPublished)
        # A process reads the terms of sale once, with the first thing that is priced.
        await perform(self.databases["order"], change_cart, ChangeCart("warm", PRICE.currency, add=(SKUS[0], 1)))

    async def accepts(self, count: int) -> int:
        """Place orders of three lines, each with an Idempotency-Key, in one batch."""
        self._runs += 1
        function = Function.of(place_order)
        items = [
            Item(
                PlaceOrder("ada", _body(number), PRICE.currency, timedelta(minutes=30)),
                function,
                Cause("customer:ada", self.databases["order"].clock()),
                request=Request.of("ada", f"{self._runs}-{number}", "POST", "/api/orders", b""),
            )
            for number in range(count)
        ]
        spent = await self._spent("order", lambda: batch.run(self.databases["order"], items))
        assert [item.result.status for item in items] == [201] * count
        return spent

    async def hears(self, service: str, publisher: str, *events: type[Event]) -> int:
        """Have a service handle, in one batch, all facts of these types that it has not heard yet."""
        database = self.databases[service]
        items = []
        for record in await self._told(publisher, events):
            item = read(record, REACTIONS[service], database.clock())
            assert item is not None, f"{service} does not hear {record.headers}"
            items.append(item)
        return await self._spent(service, lambda: batch.run(database, items))

    async def works(self, service: str, job: str, most: int) -> tuple[int, int, int]:
        """Do the due rows of a job: statements of the claim, statements of noting the outcomes, number of rows."""
        database, declared = self.databases[service], JOBS[service].jobs[job]
        assert declared.call is not None
        claimed: list[Any] = []

        async def claim() -> None:
            async with database.transaction() as transaction:
                claimed.extend(await declared.due.claim(transaction, most))

        claiming = await self._spent(service, claim)
        outcomes = [await declared.call(due, *arguments(declared, self._gateways)) for due in claimed]
        items = [
            Item(outcome, JOBS[service].outcomes[type(outcome)], replace(due.cause, at=database.clock()))
            for due, outcome in zip(claimed, outcomes, strict=True)
        ]
        return claiming, await self._spent(service, lambda: batch.run(database, items)), len(claimed)

    async def messages(self) -> dict[str, list[int]]:
        """List the sizes (bytes of value and headers) of all facts told, by topic."""
        found: dict[str, list[int]] = {}
        for service in self.databases:
            for record in await self._told(service, ()):
                size = len(record.value) + sum(len(name) + len(value) for name, value in record.headers)
                found.setdefault(record.topic, []).append(size)
        return found

    async def _told(self, service: str, events: Sequence[type[Event]]) -> list[StoredRecord]:
        async with self.databases[service].transaction() as transaction:
            rows = await transaction.fetch(
                "SELECT * FROM outbox WHERE type = ANY($1::text[]) OR $1 = '{}' ORDER BY id", [event.type for event in events]
            )
        return [_record(service, row) for row in rows]

    async def _spent(self, service: str, work: Callable[[], Awaitable[object]]) -> int:
        before = self.databases[service].statements
        await work()
        return self.databases[service].statements - before


def _body(number: int) -> OrderBody:
    chosen = [SKUS[(number * 7 + step * 11) % len(SKUS)] for step in range(LINES)]
    return OrderBody.model_validate(
        {
            "items": [{"product_id": sku, "quantity": 1} for sku in chosen],
            "shipping_address": {
                "name": "Ada Lovelace",
                "line1": "12 Long Street",
                "city": "Berlin",
                "postal_code": "10115",
                "country": "DE",
            },
            "contact": {"email": "ada@example.com"},
            "payment": {"method": "card", "token": "tok_ok"},
        }
    )


def _record(service: str, row: Any) -> StoredRecord:
    envelope = Envelope(
        event_id=row["id"],
        type=row["type"],
        source=service,
        time=row["occurred_at"],
        subject=row["aggregateid"],
        sequence=row["sequence"],
        correlation_id=row["correlation_id"],
        causation_id=row["causation_id"],
        traceparent=row["traceparent"],
    )
    return StoredRecord(row["aggregatetype"], row["aggregateid"].encode(), row["payload"].encode(), envelope.headers())


@pytest.fixture
async def make_saga(postgres: PostgresServer) -> AsyncIterator[Callable[[], Awaitable[Saga]]]:
    """Give a maker of sagas over fresh databases with a stocked catalogue."""
    packages: dict[str, ModuleType] = {
        "order": order,
        "inventory": inventory,
        "payment": payment,
        "notification": notification,
    }
    async with AsyncExitStack() as stack:

        async def make() -> Saga:
            databases = {
                name: await stack.enter_async_context(service_database(postgres, package)) for name, package in packages.items()
            }
            saga = Saga(databases)
            await saga.stock_up()
            return saga

        yield make
