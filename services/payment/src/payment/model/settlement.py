"""A settlement: what the PSP says, in a file, that it has paid out, matched with what we have written down.

A row names a payment by the PSP's reference. What it settles of a payment, over all files, should be what was captured, given
back or disputed of it. Money moves here first and is settled within some days, so less is a difference only after those; what
no file has settled by then is listed with every file of the week that follows.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from pydantic import BaseModel

from chassis.domain import new_id
from contracts.types import Money

SETTLES_WITHIN: Final = timedelta(days=7)
"""So long after it moved the PSP may take to settle money."""


class SettledType(StrEnum):
    """What a row settles."""

    CHARGE = "charge"
    REFUND = "refund"
    DISPUTE = "dispute"


@dataclass(frozen=True, slots=True)
class SettledRow:
    """A row of the file; amounts in minor units, `gross` negative where money goes back, `net` what is left of it."""

    line: int
    reference: str
    type: SettledType
    gross: int
    fee: int
    net: int
    currency: str
    settled_at: datetime


@dataclass(frozen=True, slots=True)
class ImportSettlement:
    """Take a settlement over, once: `digest` is of the whole file."""

    digest: str
    rows: Sequence[SettledRow]
    settlement_id: UUID = field(default_factory=new_id)

    @property
    def begins(self) -> datetime:
        """When the first of it was settled."""
        return min(row.settled_at for row in self.rows)

    @property
    def ends(self) -> datetime:
        """When the last of it was settled."""
        return max(row.settled_at for row in self.rows)


@dataclass(frozen=True, slots=True)
class Moved:
    """What has moved of a payment for a type, signed as the PSP does: in all, long enough ago to be settled, and settled.

    Amounts in minor units of `currency`.
    """

    order_id: UUID
    payment_id: UUID
    reference: str
    type: SettledType
    currency: str
    amount: int
    old_amount: int
    settled: int


class DifferenceKind(StrEnum):
    """How file and books differ."""

    MISSING_HERE = "missing_here"
    """We know no such payment."""
    MISSING_THERE = "missing_there"
    """It moved long ago, and no file settles it."""
    OTHER_AMOUNT = "other_amount"


class Difference(BaseModel):
    """Something that file and books do not agree about; `line` is the first row of it, `here` and `there` are what they say."""

    kind: DifferenceKind
    line: int | None = None
    reference: str
    type: SettledType
    here: Money | None = None
    there: Money | None = None
    order_id: UUID | None = None


Place = tuple[str, SettledType]


def differences(command: ImportSettlement, moved: Sequence[Moved]) -> list[Difference]:
    """Compare a file with the books, payment by payment; `moved` is what the file names and what it should have named."""
    there, lines = Counter[Place](), dict[Place, SettledRow]()
    for row in command.rows:
        there[row.reference, row.type] += row.gross
        lines.setdefault((row.reference, row.type), row)
    here = {(one.reference, one.type): one for one in moved}
    found = [
        one
        for place, row in lines.items()
        if (one := _of_a_row(row, Money(amount=there[place], currency=row.currency), here.get(place))) is not None
    ]
    missing = [one for place, one in here.items() if place not in lines and one.old_amount and not one.settled]
    return [*found, *(_difference(DifferenceKind.MISSING_THERE, one) for one in missing)]


def _of_a_row(row: SettledRow, said: Money, moved: Moved | None) -> Difference | None:
    if moved is None:
        return Difference(kind=DifferenceKind.MISSING_HERE, line=row.line, reference=row.reference, type=row.type, there=said)
    settled = said.amount + moved.settled
    within = abs(moved.old_amount) <= abs(settled) <= abs(moved.amount) and settled * moved.amount >= 0
    if said.currency == moved.currency and within:
        return None
    there = Money(amount=settled if said.currency == moved.currency else said.amount, currency=said.currency)
    return _difference(DifferenceKind.OTHER_AMOUNT, moved, row.line, there)


def _difference(kind: DifferenceKind, moved: Moved, line: int | None = None, there: Money | None = None) -> Difference:
    return Difference(
        kind=kind,
        line=line,
        reference=moved.reference,
        type=moved.type,
        here=Money(amount=moved.amount, currency=moved.currency),
        there=there,
        order_id=moved.order_id,
    )
