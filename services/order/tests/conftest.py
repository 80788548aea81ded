"""A database of the order service with a small catalogue, and its API."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

import order
from chassis.database import Database
from chassis.limits import Limiter
from chassis.testing import Issuer, PostgresServer, SettableClock, perform, service_database, serving
from contracts.inventory import ProductPublished
from contracts.types import Money
from order.handlers import learn_product
from order.main import create
from order.settings import Settings

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
        yield database


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


@pytest.fixture
async def shop(database: Database, clock: SettableClock) -> AsyncIterator[Shop]:
    """Serve the API without a broker: what it tells waits in the outbox."""
    settings = Settings(
        database_url=SecretStr(database.url),
        kafka_bootstrap_servers="127.0.0.1:1",
        auth_issuer=Issuer.url,
        auth_jwks_url=f"{Issuer.url}/jwks",
    )
    issuer = Issuer()
    app = create(settings, clock=clock)
    async with serving(app, issuer) as http:
        yield Shop(app, http, issuer, database, clock)
