"""What is only ever added: reductions, the log of what was asked of the PSP, and the ledger's rows as they are read back."""

from datetime import datetime
from typing import Self
from uuid import UUID

from sqlalchemy import BigInteger
from sqlmodel import Field

from contracts.payment import PaymentReduced
from payment.model.table import Table


class Reduction(Table, table=True):
    """A change that made an order cost less: `amount` of what was held is not taken any more, `due` is what it costs now."""

    __tablename__ = "reduction"

    order_id: UUID = Field(primary_key=True)
    change_id: UUID = Field(primary_key=True)
    amount: int = Field(sa_type=BigInteger)
    due: int = Field(sa_type=BigInteger)
    currency: str
    at: datetime

    @classmethod
    def told(cls, event: PaymentReduced, at: datetime) -> Self:
        """Keep what is told of a change."""
        amount, due, currency = event.amount.amount, event.due.amount, event.due.currency
        return cls(order_id=event.order_id, change_id=event.change_id, amount=amount, due=due, currency=currency, at=at)


class Attempt(Table, table=True):
    """One call to the PSP and what it answered; never with the payment token."""

    __tablename__ = "psp_attempt"

    order_id: UUID = Field(primary_key=True)
    attempt_id: UUID = Field(primary_key=True)
    purpose: str
    idempotency_key: str
    result: str
    code: str | None = Field(default=None)
    shipment_id: UUID | None = Field(default=None)
    payment_id: UUID | None = Field(default=None)
    """None: of a version that knew one payment of an order, the main one."""
    at: datetime


class LedgerEntry(Table, table=True):
    """A movement of money as the ledger keeps it."""

    __tablename__ = "ledger_entry"

    order_id: UUID = Field(primary_key=True)
    entry: str = Field(primary_key=True)
    reference: UUID = Field(primary_key=True)
    debit: str
    credit: str
    amount: int = Field(sa_type=BigInteger)
    currency: str
    at: datetime
    payment_id: UUID | None = Field(default=None, primary_key=True)
    """None: of a version that knew one payment of an order, the main one."""
