"""A database of the order service with a small catalogue, and its API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

import order
from chassis.database import Database
from chassis.domain import new_id
from chassis.limits import Limiter
from chassis.testing import Issuer, PostgresServer, SettableClock, perform, service_database, serving
from contracts.inventory import ProductPublished, StockReserved, WarehousePublished
from contracts.payment import PaymentAuthorized
from contracts.types import Allocation, Line, Money
from order.gateway import CarrierGateway, StubCarriers
from order.handlers import confirm_order, learn_product, learn_warehouse, note_allocation
from order.main import create
from order.settings import Settings
from services.order.tests.many import MANY, NOW, live_long

LINK_SECRET = "link_of_the_test_0123456789"
CARRIER_SECRET = "whsec_of_the_test"
PRICES = {"MUG": 1250, "PEN": 199, "OLD": 100}


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
async def database(postgres: PostgresServer, clock: SettableClock) -> AsyncIterator[Database]:
    async with service_database(postgres, order, clock) as database:
        await perform(
            database,
            learn_product,
            *(
                ProductPublished(sku=sku, name=sku.title(), price=Money(amount=price, currency="EUR"), active=sku != "OLD")
                for sku, price in PRICES.items()
            ),
        )
        await perform(database, learn_warehouse, *(warehouse(one) for one in ("berlin", "lyon")))
        yield database


def warehouse(warehouse_id: str) -> WarehousePublished:
    """Tell of a warehouse that parcels can leave from."""
    return WarehousePublished(
        warehouse_id=warehouse_id,
        name=warehouse_id.title(),
        country="DE",
        line1="Weg 1",
        city="Stadt",
        postal_code="10117",
    )


@dataclass
class Shop:
    """The order service's API over its database, and an issuer of tokens for its callers."""

    app: FastAPI
    http: httpx2.AsyncClient
    issuer: Issuer
    database: Database
    clock: SettableClock

    def of(self, user: str, *roles: str) -> dict[str, str]:
        return self.issuer.headers(user, *(roles or ("customer",)))

    def limiter(self, per_minute: int) -> None:
        """Let each caller ask so often a minute, from now on."""
        self.app.state.limiter = Limiter(per_minute)

    @property
    def carriers(self) -> StubCarriers:
        """The carriers of this process, with their books."""
        found: StubCarriers = self.app.state.gateways[CarrierGateway]
        return found

    async def confirmed(self, user: str = "ada", *places: str, **changes: Any) -> dict[str, Any]:
        """Place an order and have it confirmed: one parcel for each of its lines, from `places` in turn."""
        order: dict[str, Any] = (await self.place(user, **changes)).json()
        lines = [Line(product_id=item["product_id"], quantity=item["quantity"]) for item in order["items"]]
        held: dict[str, list[Line]] = {}
        for number, line in enumerate(lines):
            held.setdefault((places or ("berlin",))[number % len(places or ("berlin",))], []).append(line)
        allocations = [Allocation(warehouse_id=place, lines=part) for place, part in held.items()]
        facts = {"order_id": order["order_id"], "user_id": user}
        total = Money.model_validate(order["total_amount"])
        reserved = StockReserved(**facts, total_amount=total, allocations=allocations)
        authorized = PaymentAuthorized(**facts, payment_id=new_id(), amount=total)
        await perform(self.database, note_allocation, reserved)
        await perform(self.database, confirm_order, authorized)
        return (await self.http.get(f"/api/orders/{order['order_id']}", headers=self.of(user))).json()  # type: ignore[no-any-return]

    async def ask(self, method: str, path: str, *roles: str, user: str = "ada", **more: Any) -> httpx2.Response:
        """Ask as `user` with `roles`; headers given are added."""
        headers = self.of(user, *roles) | more.pop("headers", {})
        return await self.http.request(method, path, headers=headers, **more)

    async def place(self, user: str = "ada", **changes: Any) -> httpx2.Response:
        return await self.http.post("/api/orders", json=order_body(**changes), headers=self.of(user))


def order_body(**changes: Any) -> dict[str, Any]:
    """Order two mugs and three pens: 30.97 EUR."""
    body: dict[str, Any] = {
        "items": [{"product_id": "MUG", "quantity": 2}, {"product_id": "PEN", "quantity": 3}],
        "shipping_address": {
            "name": "Ada Lovelace",
            "line1": "Hauptstraße 1",
            "city": "Berlin",
            "postal_code": "10115",
            "country": "DE",
        },
        "contact": {"email": "ada@example.com", "phone": "+49 30 123456", "locale": "de"},
        "payment": {"method": "card", "token": "tok_ok"},
    }
    return body | changes


@asynccontextmanager
async def opened(database: Database, clock: SettableClock) -> AsyncIterator[Shop]:
    """Serve the API without a broker: what it tells waits in the outbox."""
    settings = Settings(
        database_url=SecretStr(database.url),
        kafka_bootstrap_servers="127.0.0.1:1",
        auth_issuer=Issuer.url,
        auth_jwks_url=f"{Issuer.url}/jwks",
        carriers="stub",
        carrier_webhook_secret=SecretStr(CARRIER_SECRET),
        public_url="https://shop.example",
        link_secret=SecretStr(LINK_SECRET),
    )
    issuer = Issuer()
    app = create(settings, clock=clock)
    async with serving(app, issuer) as http:
        yield Shop(app, http, issuer, database, clock)


@pytest.fixture(scope="session")
async def past(postgres: PostgresServer) -> AsyncIterator[Database]:
    """Give a shop with a long past; it is only looked at."""
    async with service_database(postgres, order, SettableClock(NOW)) as database:
        await live_long(database, MANY)
        yield database


@pytest.fixture
async def shop(database: Database, clock: SettableClock) -> AsyncIterator[Shop]:
    async with opened(database, clock) as one:
        yield one


@pytest.fixture
async def replica(database: Database, clock: SettableClock) -> AsyncIterator[Shop]:
    """Serve the same shop once more, from a process of its own as far as locks and batches go."""
    async with opened(database, clock) as another:
        yield another
