"""A statement of our bank account: which of its rows are transfers that orders wait for, and where it differs from that."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel

from chassis.domain import new_id
from contracts.types import Money


@dataclass(frozen=True, slots=True)
class StatedRow:
    """A row of the statement; `reference` is ours, found in what the transfer says, None where it names none."""

    line: int
    bank_reference: str
    reference: str | None
    amount: int
    currency: str
    booked_at: datetime


class StatementKind(StrEnum):
    """How a row differs from what is waited for."""

    UNKNOWN_REFERENCE = "unknown_reference"
    """It names nothing that was ever waited for."""
    OTHER_CURRENCY = "other_currency"
    KNOWN_OTHERWISE = "known_otherwise"
    """The bank's reference is known with another reference, amount, currency or time."""
    NOTHING_TO_PAY_BACK = "nothing_to_pay_back"
    """More was sent back than is to be."""
    UNDERPAID = "underpaid"
    TO_PAY_BACK = "to_pay_back"
    """More came than is kept, or it came when nobody waited any more."""


class StatementDifference(BaseModel):
    """A row that is not just what was waited for; `open` is what is missing, or to be paid back."""

    kind: StatementKind
    line: int
    bank_reference: str
    reference: str | None
    amount: Money
    open: Money | None = None
    order_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class KeepStatement:
    """The outcome of taking a statement over, to be kept once: `digest` is of the whole file."""

    digest: str
    rows: int
    recorded: int
    known: int
    differences: Sequence[StatementDifference]
    statement_id: UUID = field(default_factory=new_id)
