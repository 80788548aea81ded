"""What became of each change of an order, and of each move of a shipment: one row each, so that none takes effect twice.

A change that is withdrawn before it is heard of is barred. What an order's cancellation overtakes finds nothing to do: by then
everything held for the order, additions and what it waited for included, was given back in one.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final, Self
from uuid import UUID

from sqlalchemy import Text
from sqlmodel import Field

from chassis.domain import Cause
from contracts.inventory import (
    AdditionRefused,
    AdditionReleased,
    AdditionReserved,
    ReservationReduced,
    ShipmentMoved,
    ShipmentMoveRefused,
)
from contracts.order import (
    OrderChanged,
    OrderChangeRequested,
    OrderChangeWithdrawn,
    ShipmentMoveRequested,
)
from inventory.model.lines import as_lines, summed
from inventory.model.reservation import NotHeldError, Reservation, allocations, refusal_reason
from inventory.model.shelves import Shelves
from inventory.model.table import Table


class AmendmentKind(StrEnum):
    """What is changed: more is held, less, or the same elsewhere."""

    ADDITION = "addition"
    REDUCTION = "reduction"
    MOVE = "move"


class AmendmentStatus(StrEnum):
    """What became of it; `held` is an addition that is not decided yet."""

    HELD = "held"
    REFUSED = "refused"
    BARRED = "barred"
    RELEASED = "released"
    KEPT = "kept"
    DONE = "done"


AMENDMENT_TRANSITIONS: Final[Mapping[AmendmentStatus, frozenset[AmendmentStatus]]] = {
    AmendmentStatus.HELD: frozenset({AmendmentStatus.RELEASED, AmendmentStatus.KEPT}),
    AmendmentStatus.REFUSED: frozenset({AmendmentStatus.RELEASED}),
    AmendmentStatus.BARRED: frozenset(),
    AmendmentStatus.RELEASED: frozenset(),
    AmendmentStatus.KEPT: frozenset(),
    AmendmentStatus.DONE: frozenset(),
}
"""Where an amendment can go from where it stands."""


class Amendment(Table, table=True):
    """A change of an order, or a move of a shipment, as the inventory remembers it; `change_id` is that of either."""

    __tablename__ = "amendment"

    order_id: UUID = Field(primary_key=True)
    change_id: UUID = Field(primary_key=True)
    kind: str = Field(sa_type=Text)
    status: str = Field(sa_type=Text)
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def request(
        cls, event: OrderChangeRequested, reservation: Reservation, shelves: Shelves, cause: Cause
    ) -> tuple[Self, AdditionReserved | AdditionRefused | None]:
        """Hold all that a change adds, or nothing of it; None where the order is over, which is answer enough."""
        if reservation.is_over:
            return cls._of(event.order_id, event.change_id, AmendmentKind.ADDITION, AmendmentStatus.REFUSED, cause), None
        wanted = summed(event.lines)
        promised = reservation.add(wanted, event.change_id, event.destination, shelves, cause)
        if promised.shortages:
            refused = cls._of(event.order_id, event.change_id, AmendmentKind.ADDITION, AmendmentStatus.REFUSED, cause)
            return refused, AdditionRefused(
                order_id=event.order_id,
                user_id=event.user_id,
                change_id=event.change_id,
                reason=refusal_reason(wanted, shelves),
                shortages=promised.shortages,
            )
        held = cls._of(event.order_id, event.change_id, AmendmentKind.ADDITION, AmendmentStatus.HELD, cause)
        return held, AdditionReserved(
            order_id=event.order_id,
            user_id=event.user_id,
            change_id=event.change_id,
            difference=event.difference,
            allocations=allocations(promised.parcels),
            backordered=as_lines(promised.waiting),
        )

    @classmethod
    def bar(cls, event: OrderChangeWithdrawn, cause: Cause) -> tuple[Self, AdditionReleased]:
        """Remember that a change was withdrawn before it was heard of: nothing will be held for it."""
        barred = cls._of(event.order_id, event.change_id, AmendmentKind.ADDITION, AmendmentStatus.BARRED, cause)
        return barred, AdditionReleased(order_id=event.order_id, user_id=event.user_id, change_id=event.change_id, lines=[])

    def withdraw(
        self, event: OrderChangeWithdrawn, reservation: Reservation | None, shelves: Shelves, cause: Cause
    ) -> AdditionReleased | None:
        """Give back what was held for the change; None where that is done, or the change came about."""
        if AmendmentStatus.RELEASED not in AMENDMENT_TRANSITIONS[AmendmentStatus(self.status)]:
            return None
        lines = [] if reservation is None else reservation.drop(self.change_id, shelves, cause)
        self._become(AmendmentStatus.RELEASED, cause)
        return AdditionReleased(order_id=self.order_id, user_id=event.user_id, change_id=self.change_id, lines=lines)

    def keep(self, reservation: Reservation, shelves: Shelves, cause: Cause) -> None:
        """Let what was added be the order's. Raises NotHeldError where nothing is held of it though the order stands."""
        if AmendmentStatus.KEPT in AMENDMENT_TRANSITIONS[AmendmentStatus(self.status)]:
            reservation.keep(self.change_id, shelves, cause)
            self._become(AmendmentStatus.KEPT, cause)
        elif self.status != AmendmentStatus.KEPT and not reservation.is_over:
            raise NotHeldError(f"Change {self.change_id} came about, and what it wanted to add is {self.status}.")

    @classmethod
    def conclude(
        cls, event: OrderChanged, reservation: Reservation, shelves: Shelves, cause: Cause
    ) -> tuple[Self, ReservationReduced]:
        """Give back what a change took out of the order. Raises NotHeldError."""
        lines = reservation.reduce(event, shelves, cause)
        done = cls._of(event.order_id, event.change_id, AmendmentKind.REDUCTION, AmendmentStatus.DONE, cause)
        return done, ReservationReduced(order_id=event.order_id, user_id=event.user_id, change_id=event.change_id, lines=lines)

    @classmethod
    def move(
        cls, event: ShipmentMoveRequested, reservation: Reservation, shelves: Shelves, cause: Cause
    ) -> tuple[Self, ShipmentMoved | ShipmentMoveRefused]:
        """Hold what a shipment needs in another warehouse instead, or leave it where it is."""
        shortages = reservation.move(event, shelves, cause)
        status = AmendmentStatus.REFUSED if shortages else AmendmentStatus.DONE
        moved = cls._of(event.order_id, event.move_id, AmendmentKind.MOVE, status, cause)
        if shortages:
            return moved, ShipmentMoveRefused(
                order_id=event.order_id, shipment_id=event.shipment_id, move_id=event.move_id, shortages=shortages
            )
        return moved, ShipmentMoved(
            order_id=event.order_id,
            shipment_id=event.shipment_id,
            move_id=event.move_id,
            warehouse_id=event.to_warehouse_id,
        )

    def _become(self, status: AmendmentStatus, cause: Cause) -> None:
        self.status = status.value
        self.version += 1
        self.updated_at = cause.at

    @classmethod
    def _of(cls, order_id: UUID, change_id: UUID, kind: AmendmentKind, status: AmendmentStatus, cause: Cause) -> Self:
        return cls(
            order_id=order_id,
            change_id=change_id,
            kind=kind.value,
            status=status.value,
            version=1,
            created_at=cause.at,
            updated_at=cause.at,
        )
