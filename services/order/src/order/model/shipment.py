"""Shipments: the parcels of an order, their labels, and where they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, LargeBinary, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from chassis.domain import Cause, NotFoundError, Refusal, new_id
from contracts.order import PlannedShipment, TrackingStatus
from contracts.types import Line, Money
from order.model.table import Table


class ShipmentState(StrEnum):
    """How far a parcel is."""

    PLANNED = "planned"
    HELD = "held"
    """An operator keeps it back."""
    MOVING = "moving"
    """It is to leave from another warehouse, which has not said yet whether it can."""
    DISPATCHED = "dispatched"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


SHIPMENT_TRANSITIONS: Final[Mapping[ShipmentState, frozenset[ShipmentState]]] = {
    ShipmentState.PLANNED: frozenset(
        {ShipmentState.HELD, ShipmentState.MOVING, ShipmentState.DISPATCHED, ShipmentState.CANCELLED}
    ),
    ShipmentState.HELD: frozenset({ShipmentState.PLANNED, ShipmentState.CANCELLED}),
    ShipmentState.MOVING: frozenset({ShipmentState.PLANNED, ShipmentState.CANCELLED}),
    ShipmentState.DISPATCHED: frozenset({ShipmentState.DELIVERED}),
    ShipmentState.DELIVERED: frozenset(),
    ShipmentState.CANCELLED: frozenset(),
}
OPEN: Final = frozenset({ShipmentState.PLANNED, ShipmentState.HELD, ShipmentState.MOVING})
"""Not left yet: its units can still be cut, and its money is not due."""


class ShipmentNotFoundError(NotFoundError):
    """The order has no such shipment."""

    slug = "shipment-not-found"
    title = "No such shipment"


class ShipmentStateError(Refusal):
    """The shipment is not in a state where this can be done to it."""

    slug = "shipment-state"
    title = "The shipment's state does not allow this"


class ShipmentLinesError(Refusal):
    """The lines named are not those of the shipment, or not a part of it."""

    slug = "shipment-lines"
    title = "These are not a part of the shipment"
    status = 422


class Shipment(Table, table=True):
    """A parcel: what one warehouse sends, and the money due for it (`amount`, of it `shipping_amount` for shipping).

    `lines` hold `item_id`, `product_id`, `quantity` and `amount`, their part of the line's total.
    """

    __tablename__ = "shipments"

    shipment_id: UUID = Field(primary_key=True)
    order_id: UUID = Field(primary_key=True)
    warehouse_id: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    lines: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False))
    amount: int
    shipping_amount: int = Field(default=0, sa_type=BigInteger)
    carrier: str | None = Field(default=None, sa_type=Text)
    service: str | None = Field(default=None, sa_type=Text)
    tracking_number: str | None = Field(default=None, sa_type=Text)
    label_id: UUID | None = None
    hold_reason: str | None = Field(default=None, sa_type=Text)
    moving_to: str | None = Field(default=None, sa_type=Text)
    move_id: UUID | None = None
    move_deadline_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    tracking_status: str | None = Field(default=None, sa_type=Text)
    tracked_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    expected_delivery: date | None = None
    look_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    """When the carrier is asked where the parcel is, unless it says so before."""
    untaken_amount: int = Field(default=0, sa_type=BigInteger)
    """What of its amount could not be taken: goods that left unpaid."""
    dispatched_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    delivered_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))

    @property
    def is_open(self) -> bool:
        """Whether it has neither left nor been cancelled."""
        return self.state in OPEN

    @property
    def units(self) -> int:
        """Count the units in the parcel."""
        return sum([line["quantity"] for line in self.lines])

    @property
    def contents(self) -> list[Line]:
        """List the parcel's products as events carry them."""
        quantities: dict[str, int] = {}
        for line in self.lines:
            quantities[line["product_id"]] = quantities.get(line["product_id"], 0) + line["quantity"]
        return [Line(product_id=sku, quantity=quantity) for sku, quantity in quantities.items()]

    @property
    def planned(self) -> PlannedShipment:
        """Write it as events carry a plan."""
        return PlannedShipment(shipment_id=self.shipment_id, warehouse_id=self.warehouse_id, lines=self.contents)

    def may_become(self, state: ShipmentState) -> bool:
        """Tell whether the parcel can go on to `state`."""
        return state in SHIPMENT_TRANSITIONS[ShipmentState(self.state)]

    def become(self, state: ShipmentState) -> None:
        """Go on to `state`; raises ShipmentStateError."""
        if not self.may_become(state):
            held = f" ({self.hold_reason})" if self.hold_reason else ""
            raise ShipmentStateError(
                f"The shipment is {self.state}{held}: it cannot become {state}.",
                state=self.state,
                allowed=sorted(SHIPMENT_TRANSITIONS[ShipmentState(self.state)]),
            )
        self.state = state

    def take(self, cuts: Mapping[str, int]) -> list[dict[str, Any]]:
        """Take units out, by item id; answers the lines taken. Raises ShipmentLinesError, and then nothing is taken."""
        there = {line["item_id"]: line["quantity"] for line in self.lines}
        for item_id, quantity in cuts.items():
            if not 0 < quantity <= there.get(item_id, 0):
                raise ShipmentLinesError(
                    f"lines: the shipment holds {there.get(item_id, 0)} of item {item_id}, not {quantity}.",
                    errors=[{"field": "lines", "message": f"at most {there.get(item_id, 0)} of item {item_id}"}],
                )
        taken = [{**line, "quantity": cuts[line["item_id"]], "amount": 0} for line in self.lines if line["item_id"] in cuts]
        left = [{**line, "quantity": line["quantity"] - cuts.get(line["item_id"], 0)} for line in self.lines]
        self.lines = [line for line in left if line["quantity"]]
        return taken

    def put(self, lines: list[dict[str, Any]]) -> None:
        """Put lines in, those of one item together."""
        merged = {line["item_id"]: dict(line) for line in self.lines}
        for line in lines:
            if line["item_id"] in merged:
                merged[line["item_id"]]["quantity"] += line["quantity"]
            else:
                merged[line["item_id"]] = dict(line)
        self.lines = list(merged.values())


class LabelState(StrEnum):
    """Whether a carrier is paid to take a parcel."""

    WANTED = "wanted"
    """To be bought, or its purchase is not known to have come about."""
    BOUGHT = "bought"
    FAILED = "failed"
    """The carrier will not take the parcel like this; a person must act."""
    UNWANTED = "unwanted"
    """To be given back, if it was bought at all."""
    VOIDED = "voided"


LABEL_TRANSITIONS: Final[Mapping[LabelState, frozenset[LabelState]]] = {
    LabelState.WANTED: frozenset({LabelState.BOUGHT, LabelState.FAILED, LabelState.UNWANTED}),
    LabelState.BOUGHT: frozenset({LabelState.UNWANTED}),
    LabelState.FAILED: frozenset({LabelState.UNWANTED}),
    LabelState.UNWANTED: frozenset({LabelState.VOIDED}),
    LabelState.VOIDED: frozenset({LabelState.UNWANTED}),
}
"""Voided to unwanted: it was bought after all, when everybody took it for never sold."""


@dataclass(frozen=True, slots=True)
class LabelTerms:
    """What was bought: who carries the parcel under which number, at which price."""

    reference: str
    carrier: str
    service: str
    tracking_number: str
    cost: Money
    pdf: bytes
    expected_delivery: date | None = None


class LabelRecord(Table):
    """A label; its id is the key under which the carrier is asked, so that it is bought at most once.

    `cost_amount` in minor units; the PDF lies beside it and is read alone. A void that the carrier refuses stays due.
    """

    label_id: UUID = Field(primary_key=True)
    order_id: UUID
    state: str = Field(sa_type=Text)
    reference: str | None = Field(default=None, sa_type=Text)
    carrier: str | None = Field(default=None, sa_type=Text)
    service: str | None = Field(default=None, sa_type=Text)
    tracking_number: str | None = Field(default=None, sa_type=Text)
    cost_amount: int | None = Field(default=None, sa_type=BigInteger)
    cost_currency: str | None = Field(default=None, sa_type=Text)
    pdf: bytes | None = Field(default=None, sa_type=LargeBinary)
    error: str | None = Field(default=None, sa_type=Text)
    due_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    attempts: int = 0
    created_at: datetime = Field(sa_type=DateTime(timezone=True))

    @property
    def is_live(self) -> bool:
        """Whether it is, or may come to be, paid for."""
        return self.state in {LabelState.WANTED, LabelState.BOUGHT}

    def become(self, state: LabelState) -> bool:
        """Go on to `state`; answers whether it did, since outcomes may come late or twice."""
        if state not in LABEL_TRANSITIONS[LabelState(self.state)]:
            return False
        self.state = state
        return True

    def note_sold(self, terms: LabelTerms, cause: Cause) -> bool:
        """Note what was bought; answers whether it is of use: one that is unwanted by now is given back next."""
        self.reference, self.error = terms.reference, None
        self.carrier, self.service, self.tracking_number = terms.carrier, terms.service, terms.tracking_number
        self.cost_amount, self.cost_currency = terms.cost.amount, terms.cost.currency
        if self.become(LabelState.BOUGHT):
            self.due_at, self.pdf = None, terms.pdf
            return True
        self.give_back(cause)
        if self.state == LabelState.UNWANTED:
            self.due_at = cause.at
        return False

    def note_refused(self, code: str, message: str = "") -> bool:
        """Note that the carrier does not sell it; answers whether that is news. One that is unwanted is thereby gone."""
        self.error = f"{code}: {message}" if message else code
        if not (self.become(LabelState.FAILED) or self.become(LabelState.VOIDED)):
            return False
        self.due_at = None
        return True

    def give_back(self, cause: Cause) -> None:
        """Have it given back, whether it was bought or is still being bought; a purchase under way is waited for."""
        under_way = self.state == LabelState.WANTED and self.attempts > 0 and self.due_at is not None
        if self.become(LabelState.UNWANTED):
            self.due_at = max(cause.at, self.due_at) if under_way and self.due_at is not None else cause.at
            self.attempts = 0

    def ask_again(self, cause: Cause, delay: timedelta) -> None:
        """Note that the carrier's answer is not known: the same question is due again."""
        if self.state in {LabelState.WANTED, LabelState.UNWANTED}:
            self.due_at = cause.at + delay


class Label(LabelRecord, table=True):
    """A label for a parcel: of a carrier and service that were wished for, or the cheapest."""

    __tablename__ = "shipment_label"

    shipment_id: UUID
    wanted_carrier: str | None = Field(default=None, sa_type=Text)
    wanted_service: str | None = Field(default=None, sa_type=Text)

    @classmethod
    def wish(cls, shipment: Shipment, carrier: str | None, service: str | None, cause: Cause) -> "Label":
        """Have a label bought for a parcel: of this carrier and service, or the cheapest."""
        return cls(
            label_id=new_id(),
            order_id=shipment.order_id,
            shipment_id=shipment.shipment_id,
            state=LabelState.WANTED,
            wanted_carrier=carrier,
            wanted_service=service,
            due_at=cause.at,
            created_at=cause.at,
        )


TERMINAL: Final = frozenset({TrackingStatus.DELIVERED, TrackingStatus.RETURNED})
TROUBLE: Final = frozenset(
    {TrackingStatus.ATTEMPT_FAILED, TrackingStatus.RETURNED, TrackingStatus.EXCEPTION, TrackingStatus.EXPIRED}
)
"""What an operator should look at."""


class TrackingEvent(Table, table=True):
    """What a carrier said about a parcel: when and where it was seen, in the carrier's words."""

    __tablename__ = "tracking_event"

    order_id: UUID = Field(primary_key=True)
    shipment_id: UUID = Field(primary_key=True)
    event_key: str = Field(primary_key=True, sa_type=Text)
    """Names the sighting, so that it counts once however often the carrier tells of it."""
    status: str = Field(sa_type=Text)
    occurred_at: datetime = Field(sa_type=DateTime(timezone=True))
    description: str = Field(default="", sa_type=Text)
    city: str | None = Field(default=None, sa_type=Text)
    region: str | None = Field(default=None, sa_type=Text)
    country: str | None = Field(default=None, sa_type=Text)
    received_at: datetime = Field(sa_type=DateTime(timezone=True))
