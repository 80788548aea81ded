"""The lines of an order, and the lines of its history."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Text
from sqlmodel import Field

from contracts.types import Money, OrderLine
from order.model.pricing import Charge, share
from order.model.table import Table


class OrderItem(Table, table=True):
    """A line of an order, at the price it was placed with; amounts in minor units.

    `quantity` is what is left of it after changes, 0 where all was taken out. `price`, `subtotal` and `discount_amount` are in
    the shop's prices (gross or net), `total_amount` is what the customer pays for the line, `tax_amount` the tax in it.
    """

    __tablename__ = "order_items"

    item_id: UUID
    order_id: UUID = Field(primary_key=True)
    position: int = Field(primary_key=True)
    product_id: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    quantity: int
    price: int = Field(sa_type=BigInteger)
    subtotal: int = Field(sa_type=BigInteger)
    discount_amount: int = Field(default=0, sa_type=BigInteger)
    tax_rate_ppm: int = 0
    tax_amount: int = Field(default=0, sa_type=BigInteger)
    total_amount: int = Field(sa_type=BigInteger)
    weight_grams: int = 0

    def resize(self, quantity: int, *, included: bool) -> None:
        """Have so many units left, at the price and tax the line was placed with."""
        self.discount_amount = share(self.discount_amount, quantity, self.quantity)
        self.quantity = quantity
        self.subtotal = self.price * quantity
        charge = Charge.of(self.subtotal - self.discount_amount, self.tax_rate_ppm, included=included)
        self.tax_amount, self.total_amount = charge.tax, charge.total

    def worth(self, units: int, *, included: bool) -> int:
        """Tell what the first `units` of the line cost; all of them cost its total.

        It stays the same when the line is cut to no fewer units, so that what was taken for a parcel stays right.
        """
        return self.charge(units, included=included).total

    def charge(self, units: int, *, included: bool) -> Charge:
        """Tell what the first `units` of the line cost, and the tax in it."""
        if units == self.quantity:
            return Charge(self.total_amount - self.tax_amount, self.tax_amount)
        discount = share(self.discount_amount, units, self.quantity)
        return Charge.of(self.price * units - discount, self.tax_rate_ppm, included=included)

    def line(self, currency: str) -> OrderLine:
        """Write it as events carry it."""
        return OrderLine(
            item_id=self.item_id,
            product_id=self.product_id,
            quantity=self.quantity,
            price=Money(amount=self.price, currency=currency),
            subtotal=Money(amount=self.subtotal, currency=currency),
        )


class HistoryEntry(Table, table=True):
    """What happened to an order, when, why and at whose wish; `event_id` is the event that led to it, if one did.

    `kind` tells what staff wrote down for themselves: a `note`, or what they did about its `saga`; None is a change.
    """

    __tablename__ = "order_status_history"

    history_id: UUID = Field(primary_key=True)
    order_id: UUID = Field(primary_key=True)
    status: str = Field(sa_type=Text)
    timestamp: datetime = Field(sa_type=DateTime(timezone=True))
    notes: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    event_id: UUID | None = None
    kind: str | None = Field(default=None, sa_type=Text)
