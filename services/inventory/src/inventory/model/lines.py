"""What a reservation is made of: units held in warehouses, and units waited for.

A line of a bundle remembers what one unit of it is made of, so that what was held is what is given back or sent, whatever the
catalogue says by then. The documents are what lies in the database: only what there is to say, so that a plain line reads as it
always did.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from contracts.types import Destination, Line
from inventory.model.routing import Components


@dataclass(slots=True)
class HeldLine:
    """Units of a product held in a warehouse; `shipped` of them have left.

    `change_id` names the change that wants to add them, as long as that is not decided; `moved_from` the warehouse where they
    were held before a move; `arrived` units were waited for first.
    """

    product_id: str
    warehouse_id: str
    quantity: int
    shipped: int = 0
    components: Components | None = None
    change_id: str | None = None
    moved_from: str | None = None
    arrived: bool = False

    @property
    def open(self) -> int:
        """Units still held."""
        return self.quantity - self.shipped

    @property
    def parts(self) -> Components:
        """What one unit takes from the stock."""
        return self.components or {self.product_id: 1}

    def document(self) -> dict[str, Any]:
        """Write it down."""
        document: dict[str, Any] = {
            "product_id": self.product_id,
            "warehouse_id": self.warehouse_id,
            "quantity": self.quantity,
            "shipped": self.shipped,
        }
        for name in ("components", "change_id", "moved_from", "arrived"):
            if value := getattr(self, name):
                document[name] = value
        return document


@dataclass(slots=True)
class WaitingLine:
    """Units of a product that are held as soon as they come in; `since` decides who gets them first.

    `change_id` names the change that wants to add them, as long as that is not decided: until then they only keep their place.
    """

    product_id: str
    quantity: int
    since: datetime
    country: str
    region: str | None = None
    components: Components | None = None
    change_id: str | None = None

    @property
    def parts(self) -> Components:
        """What one unit takes from the stock."""
        return self.components or {self.product_id: 1}

    @property
    def destination(self) -> Destination:
        """Where they go."""
        return Destination(country=self.country, region=self.region)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Read what `document` wrote."""
        return cls(**{**document, "since": datetime.fromisoformat(document["since"])})

    def document(self) -> dict[str, Any]:
        """Write it down."""
        document: dict[str, Any] = {
            "product_id": self.product_id,
            "quantity": self.quantity,
            "since": self.since.isoformat(),
            "country": self.country,
        }
        for name in ("region", "components", "change_id"):
            if value := getattr(self, name):
                document[name] = value
        return document


def summed(lines: Iterable[Line]) -> dict[str, int]:
    """Add up the units of each product: an order may name one in several lines."""
    total: dict[str, int] = {}
    for line in lines:
        total[line.product_id] = total.get(line.product_id, 0) + line.quantity
    return total


def as_lines(units: Mapping[str, int]) -> list[Line]:
    """Write units per product as an event does."""
    return [Line(product_id=sku, quantity=quantity) for sku, quantity in units.items()]


Taken = list[tuple[HeldLine, int]]
"""Lines with the units that are meant of each."""


def take_of(lines: Iterable[HeldLine], quantity: int, taken: Taken) -> int:
    """Take units of lines as far as they are open and not taken already; answers how many were found."""
    found = 0
    for line in lines:
        units = min(line.open - sum(units for one, units in taken if one is line), quantity - found)
        if units > 0:
            taken.append((line, units))
            found += units
    return found
