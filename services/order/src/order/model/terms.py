"""The terms of sale that are data: what shipping costs where, and which taxes are due.

Both are whole documents with a version, changed as a whole, so that an order is always priced by one consistent set of them.
An order keeps what it was priced by; later terms change no order that is placed.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from chassis.domain import Refusal
from contracts.types import Country

PPM: Final = 1_000_000
"""Tax rates are counted in millionths: 10.75 % is 107,500."""
NO_CONTROL: Final = r"^[^\x00-\x08\x0b-\x1f]*$"
"""Of what a text consists that can be stored, and set on an invoice."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=NO_CONTROL)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Region = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=NO_CONTROL)]
Percent = Annotated[str, StringConstraints(pattern=r"^\d{1,2}(\.\d{1,4})?$")]


class NoShippingMethodError(Refusal):
    """Nothing can be sent there, or not so much at once, or not in the way the customer wants."""

    slug = "no-shipping-method"
    title = "It cannot be sent there"
    status = 422


class ShippingRate(BaseModel):
    """What one way of shipping costs: to some countries (none named: to all), up to a weight, in minor units."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    countries: list[Country] = []
    up_to_grams: Annotated[int, Field(ge=1)] | None = None
    price: Annotated[int, Field(ge=0, le=10**9)]

    def serves(self, country: str, grams: int) -> bool:
        """Tell whether this rate is for a parcel of this weight to this country."""
        return (not self.countries or country in self.countries) and (self.up_to_grams is None or grams <= self.up_to_grams)


class ShippingMethod(BaseModel):
    """A way of shipping that customers may choose; its first rate that serves a parcel is its price."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method_id: Slug
    name: Name
    rates: Annotated[list[ShippingRate], Field(min_length=1, max_length=200)]
    tax_class: Slug = "standard"
    days: tuple[Annotated[int, Field(ge=0, le=90)], Annotated[int, Field(ge=0, le=90)]] | None = None
    """How many days a parcel takes, at best and at worst."""

    def price(self, country: str, grams: int) -> int | None:
        """Tell what it costs; None where it does not go there, or not with so much."""
        return next((rate.price for rate in self.rates if rate.serves(country, grams)), None)


class TaxRate(BaseModel):
    """The tax on a class of goods in a country, or in a region of it alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    country: Country
    region: Region | None = None
    tax_class: Slug = "standard"
    percent: Percent

    @property
    def ppm(self) -> int:
        """Give the rate in millionths."""
        return int(Decimal(self.percent) * (PPM // 100))


class Terms(BaseModel):
    """All that orders are priced by; `version` counts its changes. Where nothing was ever set, shipping is free and untaxed."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: int = 0
    shipping_methods: list[ShippingMethod] = []
    tax_rates: list[TaxRate] = []

    def tax_rate(self, country: str, region: str | None, tax_class: str) -> int:
        """Tell the rate in millionths: the region's own, else the country's, else none."""
        found = 0
        for rate in self.tax_rates:
            if rate.country == country and rate.tax_class == tax_class:
                if rate.region is not None and rate.region == region:
                    return rate.ppm
                if rate.region is None:
                    found = rate.ppm
        return found

    def offers(self, country: str, grams: int) -> list[tuple[ShippingMethod, int]]:
        """List the ways a parcel can go with their prices, the cheapest first."""
        priced = [(method, method.price(country, grams)) for method in self.shipping_methods]
        offered = [(method, price) for method, price in priced if price is not None]
        return sorted(offered, key=lambda offer: offer[1])

    def choose(self, method_id: str | None, country: str, grams: int) -> tuple[ShippingMethod, int] | None:
        """Answer the way that is wanted, or the cheapest; None where none was ever set up. Raises NoShippingMethodError."""
        if not self.shipping_methods and method_id is None:
            return None
        offers = self.offers(country, grams)
        for method, price in offers:
            if method_id is None or method.method_id == method_id:
                return method, price
        field = "shipping_address.country" if method_id is None or not offers else "shipping_method"
        raise NoShippingMethodError(
            f"{field}: {grams} g cannot be sent to {country}" + (f" by {method_id}." if method_id is not None else "."),
            errors=[{"field": field, "message": "cannot be sent there"}],
            shipping_methods=[method.method_id for method, _ in offers],
        )


def distinct(names: Sequence[object]) -> bool:
    """Tell whether no name stands twice in a document."""
    return len(set(names)) == len(names)
