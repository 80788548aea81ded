"""What is only ever added: the log of what was asked of the PSP, and the ledger's rows as they are read back."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger
from sqlmodel import Field

from payment.model.table import Table


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
