"""Values that several events share: money, addresses, lines."""

from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from contracts.event import Fact

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Sku = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class Money(Fact):
    """An amount in minor units (cents) of an ISO 4217 currency."""

    amount: int
    currency: Currency


class Line(Fact):
    """A quantity of one product."""

    product_id: Sku
    quantity: Annotated[int, Field(ge=1)]


class OrderLine(Line):
    """A line of an order at the price it was placed with; `subtotal` is price times quantity."""

    item_id: UUID
    price: Money
    subtotal: Money


class Destination(Fact):
    """Where an order goes, as far as routing needs to know."""

    country: Country
    region: str | None = None


class Address(Fact):
    """A postal address. Personal data: travels only on `order.contacts`."""

    name: str
    line1: str
    line2: str | None = None
    city: str
    region: str | None = None
    postal_code: str
    country: Country


class Contact(Fact):
    """How to reach a customer. Personal data: travels only on `order.contacts`. `phone` is E.164, `locale` BCP 47."""

    email: str
    phone: str | None = None
    locale: str = "en"


class PaymentInstrument(Fact):
    """How the customer pays: the method and the PSP's token for it. Confidential: travels only on `order.contacts`.

    `gift_card` is the code of a card that pays first, as far as its balance goes; `method` pays the rest. So does it beside
    `credit`: what goods pay that come back in exchange for the order, once they are here.
    """

    method: str
    token: str
    gift_card: str | None = None
    credit: Money | None = None


class Client(Fact):
    """From where an order was placed. Personal data: travels only on `order.contacts`."""

    ip: str | None = None
    device: str | None = None
    """The shop's name for the customer's device, as its client gave it."""


class OrderedUnits(Line):
    """Units of one line of an order."""

    item_id: UUID


class Allocation(Fact):
    """The part of an order that one warehouse ships."""

    warehouse_id: str
    lines: list[Line]
