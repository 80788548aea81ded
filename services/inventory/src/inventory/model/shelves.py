"""The stock at hand, and the journal of what is posted to it.

What orders wait for is counted beside what lies there: units that someone waits for are not free, so that no new order takes
what comes in for an older one. The shelves notice when the units that are free cross a product's threshold or 0, compared with
what they were when the function at work first touched them, and which products came in.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from chassis.domain import Cause, new_id
from contracts.inventory import StockBack, StockLow, StockSoldOut
from inventory.model.routing import USUAL, Components, Place, Router, Rule
from inventory.model.stock import (
    EFFECT,
    AdjustStock,
    BundleHasNoStockError,
    InsufficientStockError,
    MovementKind,
    Posting,
    Stock,
    TransferStock,
    UnknownProductError,
    UnknownWarehouseError,
)


@dataclass(frozen=True, slots=True)
class Article:
    """A product as far as its stock is concerned; `components` None: it is no bundle."""

    active: bool
    backorder: bool = False
    threshold: int | None = None
    components: Components | None = None


UNKNOWN: Final = Article(active=False)


class Shelves:
    """The stock rows of some products, and what is posted to them; `movements` is to be written to the ledger.

    `came_in` are the products of which units became free to give, `due` those whose waiting orders are to be looked at in any
    case. `doubtful` are those for which something was decided that holds only if no one else changed what is waited for, or
    filled an empty shelf, meanwhile: the store looks again before it writes.
    """

    def __init__(
        self,
        rows: Iterable[Stock],
        articles: Mapping[str, Article],
        places: Mapping[str, Place],
        *,
        rules: Sequence[Rule] = USUAL,
        waiting: Mapping[str, int] | None = None,
    ) -> None:
        self._rows: dict[str, dict[str, Stock]] = {}
        self._total: dict[str, int] = {}
        for row in rows:
            self._rows.setdefault(row.sku, {})[row.warehouse_id] = row
            self._total[row.sku] = self._total.get(row.sku, 0) + row.available
        self._articles = articles
        self._waited = dict(waiting or {})
        self._waiting = dict(self._waited)
        self._before: dict[str, int] = {}
        self.places = places
        self.router = Router(rules, places)
        self.movements: list[Posting] = []
        self.came_in: set[str] = set()
        self.due: set[str] = set()
        self.doubtful: set[str] = set()

    def article(self, sku: str) -> Article:
        """Answer what is known of a product; one that is not in the catalogue cannot be ordered."""
        return self._articles.get(sku, UNKNOWN)

    def of(self, sku: str) -> Sequence[Stock]:
        """Answer a product's stock, by warehouse."""
        return tuple(self._rows.get(sku, {}).values())

    def available(self, sku: str, warehouse_id: str) -> int:
        """Count the units of a product that lie in a warehouse and are promised to no one."""
        row = self._rows.get(sku, {}).get(warehouse_id)
        return 0 if row is None else row.available

    def room(self, skus: Iterable[str]) -> dict[str, dict[str, int]]:
        """Count the units of products that are promised to no one, by warehouse."""
        room: dict[str, dict[str, int]] = {}
        for sku in skus:
            for place, row in self._rows.get(sku, {}).items():
                if units := row.available:
                    room.setdefault(place, {})[sku] = units
        return room

    def total(self, sku: str) -> int:
        """Count the units of a product that are promised to no one, in all warehouses."""
        return self._total.get(sku, 0)

    def waiting(self, sku: str) -> int:
        """Count the units of a product that orders wait for."""
        return self._waiting.get(sku, 0)

    def free(self, sku: str) -> int:
        """Count the units of a product that a new order can have: those promised to no one, less what others wait for."""
        return max(0, self._total.get(sku, 0) - self._waiting.get(sku, 0))

    def seen(self, sku: str) -> tuple[int, int]:
        """Tell what the shelves began with: a product's stock rows, and the units waited for."""
        return len(self._rows.get(sku, {})), self._waited.get(sku, 0)

    def hold(self, parts: Components, warehouse_id: str, quantity: int, order_id: UUID, cause: Cause) -> None:
        """Promise units to an order; the caller has seen that they are there."""
        for sku, each in parts.items():
            self._post(MovementKind.RESERVED, sku, warehouse_id, each * quantity, cause, order_id=order_id)

    def release(self, parts: Components, warehouse_id: str, quantity: int, order_id: UUID, cause: Cause) -> None:
        """Take back units promised to an order."""
        for sku, each in parts.items():
            self._post(MovementKind.RELEASED, sku, warehouse_id, each * quantity, cause, order_id=order_id)

    def ship(
        self, parts: Components, warehouse_id: str, quantity: int, order_id: UUID, shipment_id: UUID, cause: Cause
    ) -> None:
        """Let promised units leave in a parcel."""
        for sku, each in parts.items():
            units = each * quantity
            self._post(MovementKind.SHIPPED, sku, warehouse_id, units, cause, order_id=order_id, shipment_id=shipment_id)

    def take_back(
        self,
        units: Iterable[tuple[Components, int, int]],
        warehouse_id: str,
        order_id: UUID,
        reason: str,
        cause: Cause,
    ) -> None:
        """Take in what came back of an order (parts, units for the shelf, units that go at once): the ledger tells of both.

        Raises UnknownWarehouseError, and then nothing has changed.
        """
        returned = [(sku, each * good, each * bad) for parts, good, bad in units for sku, each in parts.items()]
        for sku, _, _ in returned:
            self._at(sku, warehouse_id, "warehouse_id")
        for sku, good, bad in returned:
            self._post(MovementKind.RETURNED, sku, warehouse_id, good + bad, cause, reason=reason, order_id=order_id)
            if bad:
                self._post(MovementKind.WRITTEN_OFF, sku, warehouse_id, -bad, cause, reason=reason, order_id=order_id)

    def wait(self, parts: Components, quantity: int) -> None:
        """Note that an order waits for units."""
        for sku, each in parts.items():
            self._change_waiting(sku, each * quantity)
            self.doubtful.add(sku)
            if sku not in self._rows:  # no row, no lock: units that are just coming in for the first time cannot see this yet
                self.due.add(sku)

    def serve(self, parts: Components, quantity: int) -> None:
        """Note that an order got units that it waited for."""
        for sku, each in parts.items():
            self._change_waiting(sku, -each * quantity)

    def forgo(self, parts: Components, quantity: int) -> None:
        """Note that an order waits for units no more: they may be another's now."""
        for sku, each in parts.items():
            self._change_waiting(sku, -each * quantity)
            self.came_in.add(sku)

    def adjust(self, wish: AdjustStock, cause: Cause) -> Stock:
        """Correct or take in stock, or write it off.

        Raises InsufficientStockError, UnknownProductError, UnknownWarehouseError, BundleHasNoStockError.
        """
        if wish.delta > 0:
            self._check_has_stock(wish.sku)
        return self._post(wish.kind, wish.sku, wish.warehouse_id, wish.delta, cause, reason=wish.reason)

    def transfer(self, wish: TransferStock, cause: Cause) -> tuple[Stock, Stock]:
        """Carry units from one warehouse to another; answers both stocks.

        Raises InsufficientStockError, UnknownProductError, UnknownWarehouseError, BundleHasNoStockError.
        """
        self._check_has_stock(wish.sku)
        for place, field in ((wish.target, "to"), (wish.source, "from")):
            self._at(wish.sku, place, field)
        source = self._post(MovementKind.MOVED, wish.sku, wish.source, -wish.quantity, cause, reason=wish.reason)
        target = self._post(MovementKind.MOVED, wish.sku, wish.target, wish.quantity, cause, reason=wish.reason)
        return source, target

    def count(self, sku: str, warehouse_id: str, counted: int, note: str, cause: Cause) -> None:
        """Set what lies there to what was counted; raises InsufficientStockError where more is reserved than that."""
        difference = counted - self.on_hand(sku, warehouse_id)
        self._post(MovementKind.COUNTED, sku, warehouse_id, difference, cause, reason=note)

    def on_hand(self, sku: str, warehouse_id: str) -> int:
        """Count what lies in a warehouse, promised or not.

        Raises UnknownProductError, UnknownWarehouseError, BundleHasNoStockError.
        """
        self._check_has_stock(sku)
        if warehouse_id not in self.places:
            raise _unknown_warehouse(warehouse_id, "warehouse_id")
        row = self._rows.get(sku, {}).get(warehouse_id)
        return 0 if row is None else row.on_hand

    def reserved(self, sku: str, warehouse_id: str) -> int:
        """Count what is promised to orders in a warehouse."""
        row = self._rows.get(sku, {}).get(warehouse_id)
        return 0 if row is None else row.reserved

    def fallen(self) -> list[StockLow | StockSoldOut]:
        """Tell which products fell to their threshold, or to nothing, since this was last asked."""
        events: list[StockLow | StockSoldOut] = []
        for sku, before in list(self._before.items()):
            free = self.free(sku)
            if free >= before:
                continue
            del self._before[sku]
            article = self.article(sku)
            if article.components is not None:
                continue
            if article.threshold is not None and free <= article.threshold < before:
                events.append(StockLow(sku=sku, available=free, threshold=article.threshold))
                self.doubtful.add(sku)
            if free == 0:
                events.append(StockSoldOut(sku=sku))
                self.doubtful.add(sku)
        return events

    def risen(self) -> list[StockBack]:
        """Tell which products can be ordered from stock again, since this was last asked."""
        events: list[StockBack] = []
        for sku, before in list(self._before.items()):
            free = self.free(sku)
            if free <= before:
                continue
            del self._before[sku]
            if before == 0 and self.article(sku).components is None:
                events.append(StockBack(sku=sku, available=free))
                self.doubtful.add(sku)
        return events

    def _change_waiting(self, sku: str, units: int) -> None:
        self._before.setdefault(sku, self.free(sku))
        self._waiting[sku] = self._waiting.get(sku, 0) + units

    def _post(
        self,
        kind: MovementKind,
        sku: str,
        warehouse_id: str,
        units: int,
        cause: Cause,
        *,
        reason: str | None = None,
        order_id: UUID | None = None,
        shipment_id: UUID | None = None,
    ) -> Stock:
        row = self._at(sku, warehouse_id, "warehouse_id")
        on_hand, reserved = EFFECT[kind]
        movement = Posting(
            movement_id=new_id(),
            sku=sku,
            warehouse_id=warehouse_id,
            kind=kind,
            on_hand_delta=on_hand * units,
            reserved_delta=reserved * units,
            reason=reason,
            order_id=order_id,
            shipment_id=shipment_id,
            actor=cause.actor,
            at=cause.at,
        )
        row.post(movement)
        self.movements.append(movement)
        freed = (on_hand - reserved) * units
        if freed:
            self._before.setdefault(sku, self.free(sku))
            self._total[sku] += freed
            if freed > 0:
                self.came_in.add(sku)
        return row

    def _at(self, sku: str, warehouse_id: str, field: str) -> Stock:
        row = self._rows.get(sku, {}).get(warehouse_id)
        if row is not None:
            return row
        self._check_known(sku)
        if warehouse_id not in self.places:
            raise _unknown_warehouse(warehouse_id, field)
        raise InsufficientStockError(f"{warehouse_id} has no {sku}.", on_hand=0, reserved=0, available=0)

    def _check_known(self, sku: str) -> None:
        if sku not in self._articles:
            raise UnknownProductError(f"There is no product {sku}.", errors=[_at_fault("product_id", "no such product")])

    def _check_has_stock(self, sku: str) -> None:
        self._check_known(sku)
        if self._articles[sku].components is not None:
            wrong = _at_fault("product_id", "a bundle has no stock of its own; say which components")
            raise BundleHasNoStockError(f"{sku} is a bundle.", errors=[wrong])


def _unknown_warehouse(warehouse_id: str, field: str) -> UnknownWarehouseError:
    return UnknownWarehouseError(f"There is no warehouse {warehouse_id}.", errors=[_at_fault(field, "no such warehouse")])


def _at_fault(field: str, message: str) -> dict[str, str]:
    return {"field": field, "message": message}
