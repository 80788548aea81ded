"""How a peer takes an order: the request as customers send it to Waybill, the token it comes with, the answer.

Tokens are checked by the chassis's verifier, which remembers them: the cheapest way there is, for everyone.
"""

import os
from typing import Annotated, Final
from uuid import UUID

import uvicorn
from fastapi import FastAPI, Header, HTTPException
from pydantic import BaseModel, Field

from bench.catalogue import PRICE
from chassis.auth import UnauthenticatedError, Verifier
from waybill.embedded.identity import AUDIENCE

CONNECTIONS: Final = 16
"""Connections of a pool to a database: as many again for bursts."""


class Line(BaseModel):
    """So many units of a product."""

    product_id: str = Field(max_length=64)
    quantity: int = Field(ge=1, le=999)


class Address(BaseModel):
    """Where parcels go."""

    name: str
    line1: str
    city: str
    postal_code: str
    country: str = Field(min_length=2, max_length=2)


class Contact(BaseModel):
    """Whom messages go to."""

    email: str


class Payment(BaseModel):
    """What is paid with."""

    method: str
    token: str


class NewOrder(BaseModel):
    """An order as it is placed."""

    items: list[Line] = Field(min_length=1, max_length=100)
    shipping_address: Address
    contact: Contact
    payment: Payment

    @property
    def total(self) -> int:
        """What it costs: the price of everything is the workload's."""
        return sum(line.quantity for line in self.items) * PRICE


class Placed(BaseModel):
    """The answer to a new order."""

    order_id: UUID
    status: str
    total_amount: int


IdempotencyKey = Annotated[str, Header(alias="Idempotency-Key", max_length=255)]
_verifier: list[Verifier] = []


async def customer(authorization: Annotated[str, Header()]) -> str:
    """Tell who is calling; the keys of the identity provider are fetched with the first call."""
    if not _verifier:
        issuer = os.environ["PEER_ISSUER"]
        _verifier.append(Verifier(issuer, AUDIENCE, f"{issuer}/jwks"))
    try:
        return (await _verifier[0].verify(authorization.removeprefix("Bearer "))).user_id
    except UnauthenticatedError as error:
        raise HTTPException(401) from error


def tell_life(app: FastAPI) -> None:
    """Give a program the route by which the gateway sees that it lives."""
    app.get("/livez")(lambda: {"status": "ok"})


def serve(app: FastAPI | str, workers: int | None = None) -> None:
    """Serve a program's routes; in several processes where it is named by its place."""
    port = int(os.environ["PEER_PORT"])
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        workers=workers,
        access_log=False,
        log_level="warning",
    )


def database(service: str) -> str:
    """Return the URL of a service's database."""
    return os.environ[f"PEER_{service.upper()}_DATABASE"]


def brokers() -> str:
    """Return where Kafka is."""
    return os.environ["PEER_KAFKA"]
