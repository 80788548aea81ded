"""What is held for an order, and what it waits for: one row per order, from its placement (or an earlier cancellation) on.

The row is the inventory's own memory of the order. It makes a second placement harmless, bars one that comes after the
order's cancellation, and says how much a cancellation gives back, a parcel may take out and a return may bring back. What a
change wants to add is marked with it until the change is decided; changes themselves are remembered one by one, in `amendment`.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final, Self
from uuid import UUID

from sqlalchemy import Column, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from chassis.domain import Cause, Refusal
from contracts.inventory import (
    RefusalReason,
    Shortage,
    StockDeducted,
    StockReleased,
    StockReservationFailed,
    StockReserved,
    StockReturned,
)
from contracts.order import (
    OrderCancelled,
    OrderChanged,
    OrderPlaced,
    ReturnReceived,
    ShipmentDispatched,
    ShipmentMoveRequested,
)
from contracts.types import Allocation, Destination, Line
from inventory.model.lines import HeldLine, Taken, WaitingLine, as_lines, summed, take_of
from inventory.model.promise import Promise, promise
from inventory.model.returns import ReceivedLine, came_back, receipt_of, returned
from inventory.model.routing import Split
from inventory.model.shelves import Shelves
from inventory.model.table import Table


class ReservationStatus(StrEnum):
    """How it stands with what an order asked for."""

    HELD = "held"
    REFUSED = "refused"
    BARRED = "barred"
    RELEASED = "released"
    PARTLY_SHIPPED = "partly_shipped"
    SHIPPED = "shipped"


TRANSITIONS: Final[Mapping[ReservationStatus, frozenset[ReservationStatus]]] = {
    ReservationStatus.HELD: frozenset(
        {ReservationStatus.RELEASED, ReservationStatus.PARTLY_SHIPPED, ReservationStatus.SHIPPED}
    ),
    ReservationStatus.PARTLY_SHIPPED: frozenset(
        {ReservationStatus.RELEASED, ReservationStatus.PARTLY_SHIPPED, ReservationStatus.SHIPPED}
    ),
    ReservationStatus.REFUSED: frozenset(),
    ReservationStatus.BARRED: frozenset(),
    ReservationStatus.RELEASED: frozenset(),
    ReservationStatus.SHIPPED: frozenset({ReservationStatus.PARTLY_SHIPPED, ReservationStatus.RELEASED}),
}
"""Where a reservation can go from where it stands; more may be added to an order after all it had has left, until it ends."""

LIVE: Final = frozenset({ReservationStatus.HELD, ReservationStatus.PARTLY_SHIPPED})
"""Where units may be held or waited for."""


class NotHeldError(Refusal):
    """What is taken is not held for its order: its warehouse and the books disagree, and a person must look."""

    slug = "not-held"
    title = "This is not held for the order"


class Reservation(Table, table=True):
    """What is held for one order, what it waits for, the parcels that have taken from it, and what came back of them."""

    __tablename__ = "reservation"

    order_id: UUID = Field(primary_key=True)
    user_id: str = Field(sa_type=Text)
    status: str = Field(sa_type=Text)
    lines: list[HeldLine] = Field(sa_column=Column(JSONB, nullable=False))
    waiting: list[WaitingLine] = Field(sa_column=Column(JSONB, nullable=False))
    shipments: list[str] = Field(sa_column=Column(JSONB, nullable=False))
    receipts: list[ReceivedLine] = Field(sa_column=Column(JSONB, nullable=False))
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def place(cls, event: OrderPlaced, shelves: Shelves, cause: Cause) -> tuple[Self, StockReserved | StockReservationFailed]:
        """Hold every unit of the order, split over warehouses, or have it wait where it may; or nothing at all."""
        wanted = summed(event.items)
        promised = promise(wanted, shelves, event.destination)
        if promised.shortages:
            return cls._of(event.order_id, event.user_id, ReservationStatus.REFUSED, cause), StockReservationFailed(
                order_id=event.order_id,
                user_id=event.user_id,
                reason=refusal_reason(wanted, shelves),
                shortages=promised.shortages,
            )
        held = cls._of(event.order_id, event.user_id, ReservationStatus.HELD, cause)
        held.take_up(promised, event.destination, event.order_date, shelves, cause)
        return held, StockReserved(
            order_id=event.order_id,
            user_id=event.user_id,
            total_amount=event.total_amount,
            allocations=allocations(promised.parcels),
            backordered=as_lines(promised.waiting),
        )

    def take_up(
        self, promised: Promise, to: Destination, since: datetime, shelves: Shelves, cause: Cause, change_id: str | None = None
    ) -> None:
        """Hold what was promised, and wait for the rest."""
        for place, parcel in promised.parcels.items():
            for sku, quantity in parcel.items():
                self._hold(sku, place, quantity, shelves, cause, change_id)
        for sku, quantity in promised.waiting.items():
            components = shelves.article(sku).components
            waiting = WaitingLine(sku, quantity, since, to.country, to.region, components=components, change_id=change_id)
            shelves.wait(waiting.parts, quantity)
            self.waiting.append(waiting)

    @classmethod
    def bar(cls, event: OrderCancelled, cause: Cause) -> Self:
        """Remember that the order was cancelled before it was heard of: nothing will be held for it."""
        return cls._of(event.order_id, event.user_id, ReservationStatus.BARRED, cause)

    def release(self, shelves: Shelves, cause: Cause) -> StockReleased:
        """Give back what is still held and wait no more; a reservation that holds nothing stays as it is."""
        returned: dict[str, int] = {}
        if not self.is_over:
            for line in self.lines:
                if line.open:
                    shelves.release(line.parts, line.warehouse_id, line.open, self.order_id, cause)
                    returned[line.product_id] = returned.get(line.product_id, 0) + line.open
            self._become(ReservationStatus.RELEASED, cause)
            self.wait_no_more(shelves, cause)
        return StockReleased(order_id=self.order_id, user_id=self.user_id, lines=as_lines(returned))

    def wait_no_more(self, shelves: Shelves, cause: Cause) -> None:
        """Give up all that is waited for."""
        for waiting in self.waiting:
            shelves.forgo(waiting.parts, waiting.quantity)
        self.waiting = []
        self._change(cause)

    def ship(self, event: ShipmentDispatched, shelves: Shelves, cause: Cause) -> StockDeducted | None:
        """Take a parcel's units off the books of the warehouse it left; None where it was taken off before.

        A parcel that crossed its move leaves from where it was before: what is held for it elsewhere is held there again.
        Raises NotHeldError.
        """
        if str(event.shipment_id) in self.shipments:
            return None
        packed = summed(event.lines)
        taken: Taken = []
        for sku, quantity in packed.items():
            held = self._take(sku, event.warehouse_id, quantity, taken) if self.is_live else 0
            if held < quantity:
                raise NotHeldError(
                    f"Parcel {event.shipment_id} takes {quantity} of {sku} out of {event.warehouse_id};"
                    f" held there for the order: {held}."
                )
        strayed = [(line, units) for line, units in taken if line.warehouse_id != event.warehouse_id]
        if short := self._short(strayed, event.warehouse_id, shelves):
            raise NotHeldError(f"Parcel {event.shipment_id} left {event.warehouse_id}, which promised others {short}.")
        for line, units in taken:
            astray = line.warehouse_id != event.warehouse_id
            there = self._carry(line, units, event.warehouse_id, shelves, cause) if astray else line
            shelves.ship(there.parts, event.warehouse_id, units, self.order_id, event.shipment_id, cause)
            there.shipped += units
        self.shipments.append(str(event.shipment_id))
        self._settle(cause)
        return StockDeducted(
            order_id=self.order_id,
            shipment_id=event.shipment_id,
            warehouse_id=event.warehouse_id,
            lines=as_lines(packed),
        )

    def take_back(self, event: ReturnReceived, shelves: Shelves, cause: Cause) -> StockReturned | None:
        """Book units that came back; None where this receipt was booked before. Raises NotShippedError."""
        if any((one.return_id, one.receipt_id) == receipt_of(event) for one in self.receipts):
            return None
        received = came_back(event, self.lines, self.receipts)
        units = [(one.parts, one.restocked, one.written_off) for one in received]
        shelves.take_back(units, event.warehouse_id, self.order_id, f"return {event.return_id}", cause)
        self.receipts += received
        self._change(cause)
        return returned(event, self.user_id, received)

    def add(self, wanted: Mapping[str, int], change_id: UUID, to: Destination, shelves: Shelves, cause: Cause) -> Promise:
        """Hold what a change adds, or have it wait where it may; nothing of it where there are shortages."""
        promised = promise(wanted, shelves, to)
        if not promised.shortages:
            self.take_up(promised, to, cause.at, shelves, cause, str(change_id))
            self._settle(cause)
        return promised

    def drop(self, change_id: UUID, shelves: Shelves, cause: Cause) -> list[Line]:
        """Give back what a change wanted to add; answers what went back on sale."""
        if not self.is_live:
            return []
        dropped = [line for line in self.lines if line.change_id == str(change_id)]
        for waiting in self.waiting:
            if waiting.change_id == str(change_id):
                shelves.forgo(waiting.parts, waiting.quantity)
        self.waiting = [waiting for waiting in self.waiting if waiting.change_id != str(change_id)]
        return self._give_back([(line, line.open) for line in dropped], shelves, cause)

    def keep(self, change_id: UUID, shelves: Shelves, cause: Cause) -> None:
        """Let what a change wanted to add be the order's like the rest of it."""
        for line in self.lines:
            if line.change_id == str(change_id):
                line.change_id = None
        for waiting in self.waiting:
            if waiting.change_id == str(change_id):
                waiting.change_id = None
                shelves.due.update(waiting.parts)
        self._change(cause)

    def reduce(self, event: OrderChanged, shelves: Shelves, cause: Cause) -> list[Line]:
        """Give back what a change took out of the order; answers what went back on sale. Raises NotHeldError."""
        if not self.is_live:
            return []
        taken: Taken = []
        for allocation in event.released:
            for sku, quantity in summed(allocation.lines).items():
                if (held := self._take(sku, allocation.warehouse_id, quantity, taken)) < quantity:
                    raise NotHeldError(
                        f"Change {event.change_id} gives back {quantity} of {sku} in {allocation.warehouse_id};"
                        f" held there for the order: {held}."
                    )
        given_up: list[tuple[WaitingLine, int]] = []
        for sku, quantity in summed(event.released_backorders).items():
            open_ = quantity - self._take_waiting(sku, quantity, given_up)
            if open_ and (arrived := self._take_arrived(sku, open_, taken)) < open_:
                raise NotHeldError(
                    f"Change {event.change_id} waits for {quantity} of {sku} no more;"
                    f" waited for or come in for the order: {quantity - open_ + arrived}."
                )
        for waiting, units in given_up:
            shelves.forgo(waiting.parts, units)
            waiting.quantity -= units
        self.waiting = [waiting for waiting in self.waiting if waiting.quantity]
        return self._give_back(taken, shelves, cause)

    def move(self, event: ShipmentMoveRequested, shelves: Shelves, cause: Cause) -> list[Shortage]:
        """Hold what a shipment needs in another warehouse instead, all of it or nothing; answers what is short."""
        wanted = summed(event.lines)
        taken: Taken = []
        movable = self.is_live and str(event.shipment_id) not in self.shipments
        for sku, quantity in wanted.items():
            if not movable or self._take(sku, event.from_warehouse_id, quantity, taken, strayed=False) < quantity:
                return [Shortage(product_id=sku, requested=quantity, available=0) for sku, quantity in wanted.items()]
        if event.from_warehouse_id == event.to_warehouse_id:
            return []
        if short := self._short(taken, event.to_warehouse_id, shelves):
            return [
                Shortage(product_id=sku, requested=quantity, available=min(quantity, short[sku]))
                for sku, quantity in wanted.items()
                if sku in short
            ]
        for line, units in taken:
            self._carry(line, units, event.to_warehouse_id, shelves, cause).moved_from = event.from_warehouse_id
        self._settle(cause)
        return []

    def arrive(self, waiting: WaitingLine, parcels: Split, shelves: Shelves, cause: Cause) -> None:
        """Hold units that were waited for."""
        units = sum(parcel[waiting.product_id] for parcel in parcels.values())
        for place, parcel in parcels.items():
            self._hold(waiting.product_id, place, parcel[waiting.product_id], shelves, cause, arrived=waiting)
        shelves.serve(waiting.parts, units)
        waiting.quantity -= units
        self.waiting = [one for one in self.waiting if one.quantity]
        self._settle(cause)

    @property
    def is_live(self) -> bool:
        """Whether units may be held or waited for."""
        return self.status in LIVE

    @property
    def is_over(self) -> bool:
        """Whether nothing will be held for this order any more."""
        return not TRANSITIONS[ReservationStatus(self.status)]

    def _hold(
        self,
        sku: str,
        place: str,
        quantity: int,
        shelves: Shelves,
        cause: Cause,
        change_id: str | None = None,
        arrived: WaitingLine | None = None,
    ) -> None:
        components = shelves.article(sku).components if arrived is None else arrived.components
        line = HeldLine(sku, place, quantity, components=components, change_id=change_id, arrived=arrived is not None)
        shelves.hold(line.parts, place, quantity, self.order_id, cause)
        self.lines.append(line)

    def _take(self, sku: str, warehouse_id: str, quantity: int, taken: Taken, *, strayed: bool = True) -> int:
        """Find units held in a warehouse, or (`strayed`) moved away from it since; answers how many there are."""
        settled = [line for line in self.lines if line.product_id == sku and line.change_id is None]
        there = [line for line in settled if line.warehouse_id == warehouse_id]
        moved = [line for line in settled if line.moved_from == warehouse_id != line.warehouse_id] if strayed else []
        return take_of([*there, *moved], quantity, taken)

    def _take_arrived(self, sku: str, quantity: int, taken: Taken) -> int:
        """Find units that came in after they had been waited for: the latest first, and those that were moved last.

        What is given up is what the order does not know to be there yet, and it moves only what it knows.
        """
        settled = [line for line in reversed(self.lines) if line.product_id == sku and line.change_id is None]
        arrived = [line for line in settled if line.arrived]
        return take_of(sorted(arrived, key=lambda line: line.moved_from is not None), quantity, taken)

    def _take_waiting(self, sku: str, quantity: int, given_up: list[tuple[WaitingLine, int]]) -> int:
        """Find units that are waited for, those that wait longest last."""
        found = 0
        for waiting in reversed(self.waiting):
            if waiting.product_id == sku and waiting.change_id is None and found < quantity:
                units = min(waiting.quantity, quantity - found)
                given_up.append((waiting, units))
                found += units
        return found

    def _short(self, taken: Taken, warehouse_id: str, shelves: Shelves) -> dict[str, int]:
        """See whether a warehouse has what lines held elsewhere need; answers the products it lacks, with how many it has."""
        needed: dict[str, int] = {}
        for line, units in taken:
            for part, each in line.parts.items():
                needed[part] = needed.get(part, 0) + each * units
        lacking = {part for part, units in needed.items() if shelves.available(part, warehouse_id) < units}
        return {
            line.product_id: min(shelves.available(part, warehouse_id) // each for part, each in line.parts.items())
            for line, _ in taken
            if lacking & line.parts.keys()
        }

    def _carry(self, line: HeldLine, units: int, warehouse_id: str, shelves: Shelves, cause: Cause) -> HeldLine:
        """Hold units of a line in another warehouse; answers the line they are in now."""
        shelves.release(line.parts, line.warehouse_id, units, self.order_id, cause)
        shelves.hold(line.parts, warehouse_id, units, self.order_id, cause)
        line.quantity -= units
        carried = HeldLine(line.product_id, warehouse_id, units, components=line.components, arrived=line.arrived)
        self.lines = [one for one in self.lines if one.quantity] + [carried]
        return carried

    def _give_back(self, taken: Taken, shelves: Shelves, cause: Cause) -> list[Line]:
        """Give back units of lines; answers them by product."""
        returned: dict[str, int] = {}
        for line, units in taken:
            if units:
                shelves.release(line.parts, line.warehouse_id, units, self.order_id, cause)
                line.quantity -= units
                returned[line.product_id] = returned.get(line.product_id, 0) + units
        self.lines = [line for line in self.lines if line.quantity]
        self._settle(cause)
        return as_lines(returned)

    def _settle(self, cause: Cause) -> None:
        """Become what the lines say."""
        if not self.shipments:
            status = ReservationStatus.HELD
        elif self.waiting or any(line.open for line in self.lines):
            status = ReservationStatus.PARTLY_SHIPPED
        else:
            status = ReservationStatus.SHIPPED
        if status == self.status:
            self._change(cause)
        else:
            self._become(status, cause)

    def _become(self, status: ReservationStatus, cause: Cause) -> None:
        if status not in TRANSITIONS[ReservationStatus(self.status)]:
            raise NotHeldError(f"A reservation that is {self.status} cannot become {status}.")
        self.status = status.value
        self._change(cause)

    def _change(self, cause: Cause) -> None:
        self.version += 1
        self.updated_at = cause.at

    @classmethod
    def _of(cls, order_id: UUID, user_id: str, status: ReservationStatus, cause: Cause) -> Self:
        return cls(
            order_id=order_id,
            user_id=user_id,
            status=status.value,
            lines=[],
            waiting=[],
            shipments=[],
            receipts=[],
            version=1,
            created_at=cause.at,
            updated_at=cause.at,
        )


def refusal_reason(wanted: Iterable[str], shelves: Shelves) -> RefusalReason:
    """Say why products cannot be held: one is not on sale, or there is not enough."""
    known = all(shelves.article(sku).active for sku in wanted)
    return RefusalReason.OUT_OF_STOCK if known else RefusalReason.UNKNOWN_PRODUCT


def allocations(parcels: Split) -> list[Allocation]:
    """Write a split as an event does."""
    return [Allocation(warehouse_id=place, lines=as_lines(parcel)) for place, parcel in parcels.items()]
