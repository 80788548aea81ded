"""A dispute: a customer's bank takes captured money back (chargeback) and decides later whose it is.

Notices come in any order and any number of times: one that tells of the end tells of the beginning, too, and once a dispute
is closed, nothing opens it again.
"""

from datetime import datetime
from enum import StrEnum
from uuid import NAMESPACE_URL, UUID, uuid5

from sqlalchemy import BigInteger, Text
from sqlmodel import Field

from contracts.types import Money
from payment.model.table import Table


class DisputeStatus(StrEnum):
    """What became of a dispute."""

    OPEN = "open"
    WON = "won"
    """The money is ours again."""
    LOST = "lost"


class Dispute(Table, table=True):
    """Captured money that the customer's bank wants back; `code` is its reason, evidence is due by `respond_by`."""

    __tablename__ = "dispute"

    order_id: UUID = Field(primary_key=True)
    dispute_id: UUID = Field(primary_key=True)
    payment_id: UUID
    psp_dispute: str
    amount: int = Field(sa_type=BigInteger)
    currency: str
    code: str
    status: DisputeStatus = Field(default=DisputeStatus.OPEN, sa_type=Text)
    respond_by: datetime | None = Field(default=None)
    opened_at: datetime
    closed_at: datetime | None = Field(default=None)

    @property
    def money(self) -> Money:
        """What is disputed."""
        return Money(amount=self.amount, currency=self.currency)

    @property
    def taken_back(self) -> int:
        """What of the captured money we do not have."""
        return 0 if self.status == DisputeStatus.WON else self.amount

    def close(self, at: datetime, *, won: bool) -> None:
        """Note what the bank decided."""
        self.status = DisputeStatus.WON if won else DisputeStatus.LOST
        self.closed_at = at


def dispute_id(psp_dispute: str) -> UUID:
    """Name a dispute by its name at the PSP."""
    return uuid5(NAMESPACE_URL, f"dispute:{psp_dispute}")
