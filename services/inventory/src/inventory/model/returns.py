"""What came back of an order, receipt by receipt: never more than was shipped for it, and each receipt once.

A bundle comes back as what it was made of when it was sent, whatever the catalogue says by then.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from chassis.domain import Refusal
from contracts.inventory import StockReturned
from contracts.order import Disposition, ReturnReceived
from inventory.model.lines import HeldLine, as_lines
from inventory.model.routing import Components


class NotShippedError(Refusal):
    """More comes back than was sent: the order and the books disagree, and a person must look."""

    slug = "not-shipped"
    title = "This was not shipped for the order"


@dataclass(slots=True)
class ReceivedLine:
    """Units of a product that one receipt brought back: `restocked` lie on the shelf, `written_off` went at once."""

    return_id: str
    receipt_id: str
    warehouse_id: str
    product_id: str
    restocked: int
    written_off: int
    components: Components | None = None

    @property
    def units(self) -> int:
        """Units that came back."""
        return self.restocked + self.written_off

    @property
    def parts(self) -> Components:
        """What one unit brings back into the stock."""
        return self.components or {self.product_id: 1}

    def document(self) -> dict[str, Any]:
        """Write it down."""
        document: dict[str, Any] = {name: getattr(self, name) for name in _PLAIN}
        return document | ({"components": self.components} if self.components else {})


_PLAIN: Final = ("return_id", "receipt_id", "warehouse_id", "product_id", "restocked", "written_off")


def came_back(event: ReturnReceived, sent: Iterable[HeldLine], before: Iterable[ReceivedLine]) -> list[ReceivedLine]:
    """Find what was sent in what came back; raises NotShippedError where more did."""
    recipes: dict[tuple[str, frozenset[tuple[str, int]]], Components | None] = {}
    away: Counter[tuple[str, frozenset[tuple[str, int]]]] = Counter()
    for line in sent:
        recipes.setdefault(_kind(line), line.components)
        away[_kind(line)] += line.shipped
    for one in before:
        away[_kind(one)] -= one.units
    received: list[ReceivedLine] = []
    for sku, left in _inspected(event).items():
        for kind, components in recipes.items():
            if kind[0] == sku and (units := min(away[kind], left.total())):
                good = min(left[True], units)
                left.subtract({True: good, False: units - good})
                received.append(ReceivedLine(*receipt_of(event), event.warehouse_id, sku, good, units - good, components))
        if excess := left.total():
            raise NotShippedError(f"Receipt {event.receipt_id} brings {excess} of {sku} more than the customer has.")
    return received


def receipt_of(event: ReturnReceived) -> tuple[str, str]:
    """Name a receipt: a parcel may bring units of several returns, and is a receipt of each of them."""
    return str(event.return_id), str(event.receipt_id)


def returned(event: ReturnReceived, user_id: str, received: Iterable[ReceivedLine]) -> StockReturned:
    """Tell what a receipt brought back, in the products of the order."""
    restocked: Counter[str] = Counter()
    written_off: Counter[str] = Counter()
    for one in received:
        restocked[one.product_id] += one.restocked
        written_off[one.product_id] += one.written_off
    return StockReturned(
        order_id=event.order_id,
        user_id=user_id,
        return_id=event.return_id,
        receipt_id=event.receipt_id,
        warehouse_id=event.warehouse_id,
        restocked=as_lines(+restocked),
        written_off=as_lines(+written_off),
    )


def _kind(line: HeldLine | ReceivedLine) -> tuple[str, frozenset[tuple[str, int]]]:
    return line.product_id, frozenset(line.parts.items())


def _inspected(event: ReturnReceived) -> dict[str, Counter[bool]]:
    """Add up the units of each product by whether they can be sold again."""
    units: dict[str, Counter[bool]] = {}
    for line in event.lines:
        units.setdefault(line.product_id, Counter())[line.disposition is Disposition.RESTOCK] += line.quantity
    return units
