"""What an order is made of: its row, its parts, and how every change of them is written down.

The rules live in the modules that build on this one: `fulfilment` (parcels), `changes` (before shipping), `refunds` and
`returns` (after it), `order` (from placed to confirmed or cancelled, and its money).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from chassis.domain import Cause, Refusal, new_id
from contracts.types import Line, Money, OrderLine
from order.model.exchange import AWAITS_RETURN
from order.model.hold import DELIVERY, graver
from order.model.lines import HistoryEntry, OrderItem
from order.model.pricing import ROUNDING
from order.model.shipment import TROUBLE, Label, Shipment, ShipmentNotFoundError, ShipmentState
from order.model.status import InvalidTransitionError, OrderState, Status, allowed_actions, public_status
from order.model.table import Table

if TYPE_CHECKING:
    from order.model.change import Change
    from order.model.exchange import ExchangeStep
    from order.model.order_return import OrderReturn, ReturnLabel
    from order.model.refund import Refund


class VersionMismatchError(Refusal):
    """The order has changed since the caller looked at it."""

    slug = "version-mismatch"
    title = "It has changed meanwhile"
    status = 412


class AnonymousOrderError(Refusal):
    """Who placed the order is forgotten: nobody could be written to, and nothing sent."""

    slug = "anonymous-order"
    title = "Who placed the order is forgotten"


class OrderRecord(Table):
    """An order's row. Amounts are minor units of `currency`; `units` counts what is not cancelled.

    `total_amount` is what the customer pays, `shipping_amount` and `tax_amount` parts of it.
    """

    order_id: UUID = Field(primary_key=True)
    user_id: str = Field(sa_type=Text)
    order_date: datetime = Field(sa_type=DateTime(timezone=True))
    status: str = Field(sa_type=Text)
    order_state: str = Field(sa_type=Text)
    payment_state: str = Field(sa_type=Text)
    fulfilment_state: str = Field(sa_type=Text)
    return_state: str = Field(sa_type=Text)
    hold_reason: str | None = Field(default=None, sa_type=Text)
    client_mark: UUID | None = Field(default=None)
    """Recognises from where it was placed, and cannot be read back."""
    cancel_reason: str | None = Field(default=None, sa_type=Text)
    total_amount: int = Field(sa_type=BigInteger)
    currency: str = Field(sa_type=Text)
    captured_amount: int = Field(default=0, sa_type=BigInteger)
    refunded_amount: int = Field(default=0, sa_type=BigInteger)
    units: int
    shipped_units: int = 0
    delivered_units: int = 0
    shipping_address: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    billing_address: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    contact: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    payment_method: str = Field(sa_type=Text)
    payment_action: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB, nullable=True))
    """What the customer has to do before the money is there: `kind`, `reference`, `deadline_at`."""
    shipping_method: str | None = Field(default=None, sa_type=Text)
    shipping_name: str | None = Field(default=None, sa_type=Text)
    shipping_amount: int = Field(default=0, sa_type=BigInteger)
    shipping_tax_amount: int = Field(default=0, sa_type=BigInteger)
    shipping_tax_rate_ppm: int = 0
    tax_amount: int = Field(default=0, sa_type=BigInteger)
    prices_include_tax: bool = True
    rounding: str = Field(default=ROUNDING, sa_type=Text)
    allocation: list[dict[str, Any]] | None = Field(default=None, sa_column=Column(JSONB, nullable=True))
    backordered: list[dict[str, Any]] | None = Field(default=None, sa_column=Column(JSONB, nullable=True))
    """What waits for stock: lines with `item_id`, `product_id`, `quantity`; None where nothing ever did."""
    exchange: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB, nullable=True))
    """Exchanges: `for` is what the order is exchanged for, `by` the orders that are placed in exchange for what it brought."""
    changes_count: int = 0
    refunds_count: int = 0
    returns_count: int = 0
    deadline_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    released_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    voided_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    decided_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    """When it was no longer Pending."""
    shipped_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    """When all of it had left, for the first time."""
    risk_score: int | None = None
    """0 to 100; known of an order that a person has to look at."""
    version: int = 0
    updated_at: datetime = Field(sa_type=DateTime(timezone=True))

    if TYPE_CHECKING:  # the aggregate's parts: rows of tables of their own, set beside the columns
        items: list[OrderItem]
        shipments: list[Shipment]
        labels: dict[UUID, Label]
        changes: list[Change]
        refunds: list[Refund]
        returns: list[OrderReturn]
        return_labels: dict[UUID, ReturnLabel]
        new_history: list[HistoryEntry]

    # --- what it comes to -----------------------------------------------------------------------------------------------

    @property
    def total(self) -> Money:
        """Give what the order costs."""
        return self.money(self.total_amount)

    def money(self, amount: int) -> Money:
        """Write an amount with the order's currency."""
        return Money(amount=amount, currency=self.currency)

    @property
    def lines(self) -> list[OrderLine]:
        """List the items as events carry them, without those that were taken out."""
        currency = self.currency
        return [item.line(currency) for item in self.items if item.quantity]

    @property
    def waiting(self) -> list[Line]:
        """List what waits for stock, as events carry it."""
        return [Line(product_id=line["product_id"], quantity=line["quantity"]) for line in self.backordered or ()]

    @property
    def open_units(self) -> int:
        """Count the units that have not left yet."""
        return self.units - self.shipped_units

    @property
    def actions(self) -> list[str]:
        """List what a person may do with the order now."""
        found = allowed_actions(
            Status(self.status), open_units=self.open_units, shipped=self.shipped_units, delivered=self.delivered_units
        )
        return [str(action) for action in found]

    @property
    def is_anonymous(self) -> bool:
        """Whether who placed it is forgotten; see `privacy`."""
        return not self.contact.get("email")

    def must_be_known(self) -> None:
        """Refuse what needs the customer where they are forgotten; raises AnonymousOrderError."""
        if self.is_anonymous:
            raise AnonymousOrderError("Contact and addresses of this order were erased.")

    def check_version(self, expected: int | None) -> None:
        """Refuse where the caller has seen another version; raises VersionMismatchError."""
        if expected is not None and expected != self.version:
            raise VersionMismatchError("Look at the order again and repeat.", current_version=self.version)

    @property
    def exchange_for(self) -> dict[str, Any] | None:
        """Tell what the order is exchanged for: `order_id`, `return_id`, `credit`, and whether it still `waits` for that."""
        return self.exchange.get("for") if self.exchange is not None else None

    @property
    def awaits_return(self) -> bool:
        """Whether its parcels wait until what comes back pays them."""
        source = self.exchange_for
        return source is not None and bool(source["waits"])

    @property
    def steps(self) -> "list[ExchangeStep]":
        """What another order is to be told of since this one was loaded; the store writes it with it."""
        steps: list[ExchangeStep] = self.__dict__.setdefault("_steps", [])
        return steps

    # --- its parts ------------------------------------------------------------------------------------------------------

    def shipment(self, shipment_id: UUID) -> Shipment:
        """Answer one of the order's shipments; raises ShipmentNotFoundError."""
        found = next((one for one in self.shipments if one.shipment_id == shipment_id), None)
        if found is None:
            raise ShipmentNotFoundError(f"The order has no shipment {shipment_id}.")
        return found

    def label_of(self, shipment: Shipment) -> Label | None:
        """Answer the label of a shipment that is, or may come to be, paid for."""
        label = self.labels.get(shipment.label_id) if shipment.label_id is not None else None
        return label if label is not None and label.is_live else None

    def name_lines(self) -> None:
        """Say of which items those parcels are made that a version has planned which knew products only, and no taxes."""
        unnamed = [one for one in self.shipments if one.lines and "item_id" not in one.lines[0]]
        if not unnamed:
            return
        free = {str(item.item_id): item.quantity for item in self.items}
        for line in (line for one in self.shipments if one not in unnamed for line in one.lines):
            free[line["item_id"]] -= line["quantity"]
        prices = {str(item.item_id): item.price for item in self.items}
        for one in unnamed:
            lines = self._assign(one.contents, self.items, free)
            one.lines = [{**line, "amount": prices[line["item_id"]] * line["quantity"]} for line in lines]

    def _total_up(self) -> None:
        """Add up the order anew from its lines and its shipping."""
        self.units = sum([item.quantity for item in self.items])
        self.total_amount = sum([item.total_amount for item in self.items]) + self.shipping_amount
        self.tax_amount = sum([item.tax_amount for item in self.items]) + self.shipping_tax_amount

    def _value_shipments(self) -> None:
        """Divide what has not been sent yet over the open shipments, so that all of them add up to the total.

        A shipment is worth what its units add to the line's price after those that left before, so what was taken for these
        stays right when the rest is cut. Units that wait for stock come last. Shipping goes with the first that leaves.
        """
        open_ones = [one for one in self.shipments if one.is_open]
        sent = [one for one in self.shipments if one.dispatched_at is not None]
        items = {str(item.item_id): item for item in self.items}
        included = self.prices_include_tax
        before = dict.fromkeys(items, 0)
        for line in [line for one in sent for line in one.lines]:
            before[line["item_id"]] += line["quantity"]
        for line in [line for one in open_ones for line in one.lines]:
            key = line["item_id"]
            units, item = before[key], items[key]
            before[key] = units + line["quantity"]
            line["amount"] = item.worth(before[key], included=included) - item.worth(units, included=included)
        shipping = self.shipping_amount - sum([one.shipping_amount for one in sent])
        for one in open_ones:
            one.shipping_amount, shipping = shipping, 0
            one.amount = sum([line["amount"] for line in one.lines]) + one.shipping_amount

    def _assign(self, units: Iterable[Line], items: Sequence[OrderItem], free: dict[str, int]) -> list[dict[str, Any]]:
        """Write product quantities as lines of the order's items, first come first served; `free` counts units per item id."""
        lines = []
        for wanted in units:
            left = wanted.quantity
            for item in items:
                key = str(item.item_id)
                if item.product_id != wanted.product_id or not left or not free.get(key):
                    continue
                taken = min(left, free[key])
                free[key] -= taken
                left -= taken
                lines.append({"item_id": key, "product_id": item.product_id, "quantity": taken, "amount": 0})
        return lines

    def _plan(self, warehouse_id: str, lines: list[dict[str, Any]]) -> Shipment:
        """Plan a parcel; where it is to be exchanged for something, it is kept back until that pays it."""
        waits = self.awaits_return
        shipment = Shipment(
            shipment_id=new_id(),
            order_id=self.order_id,
            warehouse_id=warehouse_id,
            state=ShipmentState.HELD if waits else ShipmentState.PLANNED,
            lines=lines,
            amount=0,
            hold_reason=AWAITS_RETURN if waits else None,
        )
        self.shipments.append(shipment)
        return shipment

    # --- why a person must look at it -----------------------------------------------------------------------------------

    def _hold_for(self, reason: str) -> None:
        """Put the order before a person, unless one must look at it for a reason as grave."""
        if graver(reason, self.hold_reason):
            self.hold_reason = reason

    def _end_hold(self) -> None:
        """Let go of the reason to look at the order; what a carrier reports of one of its parcels comes to the fore again."""
        on_their_way = [one for one in self.shipments if one.state not in {ShipmentState.DELIVERED, ShipmentState.CANCELLED}]
        troubled = (one.tracking_status for one in on_their_way if one.tracking_status in TROUBLE)
        status = next(troubled, None)
        self.hold_reason = f"{DELIVERY}{status}" if status is not None else None

    def _end_trouble(self) -> None:
        """Let go of a parcel's trouble on the way, unless another parcel has some."""
        if self.hold_reason is not None and self.hold_reason.startswith(DELIVERY):
            self._end_hold()

    # --- every change ends here -----------------------------------------------------------------------------------------

    def _refusal(self, wanted: Status, detail: str = "") -> InvalidTransitionError:
        return InvalidTransitionError(
            detail or f"An order that is {self.status} cannot become {wanted}.",
            status_now=self.status,
            allowed=self.actions,
        )

    def _record(self, cause: Cause, notes: str) -> None:
        """Derive the public status anew and append to the history; every change ends here."""
        self.status = public_status(
            OrderState(self.order_state),
            units=self.units,
            shipped=self.shipped_units,
            delivered=self.delivered_units,
            captured=self.captured_amount,
            refunded=self.refunded_amount,
        )
        if self.decided_at is None and self.status != Status.PENDING:
            self.decided_at = cause.at
        if self.shipped_at is None and self.status in {Status.SHIPPED, Status.DELIVERED}:
            self.shipped_at = cause.at
        self.updated_at = cause.at
        self.version += 1
        self.new_history.append(
            HistoryEntry(
                history_id=new_id(),
                order_id=self.order_id,
                status=self.status,
                timestamp=cause.at,
                notes=notes,
                actor=cause.actor,
                event_id=cause.event_id,
            )
        )


def reference(order_id: UUID) -> str:
    """Name an order as people read it out, and as letters name it: the end of its id, since its beginning is the time."""
    return order_id.hex[-8:].upper()
