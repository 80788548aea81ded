"""The money ledger's vocabulary: double entry, where every movement debits one account and credits another.

An entry is one row with both sides, so a transaction whose entries do not sum to zero cannot be written down at all. Holds are
a memo pair of accounts: nobody owns the money yet, but what is held must be let go or captured in the end.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID


class Account(StrEnum):
    """Where money stands."""

    CUSTOMER_RECEIVABLE = "customer_receivable"
    """What customers owe; a capture pays it off."""
    PSP_RECEIVABLE = "psp_receivable"
    """What the PSP owes us: captured and not refunded."""
    AUTHORIZED = "authorized"
    """Memo: what the PSP holds for us."""
    AUTHORIZED_CONTRA = "authorized_contra"
    """Memo: the other side of what is held."""


class Entry(StrEnum):
    """Kinds of movements; each happens once for its payment and reference."""

    HOLD = "hold"
    RELEASE = "release"
    CAPTURE_RELEASE = "capture_release"
    CAPTURE = "capture"
    REFUND = "refund"


SIDES: Final[Mapping[Entry, tuple[Account, Account]]] = MappingProxyType(
    {
        Entry.HOLD: (Account.AUTHORIZED, Account.AUTHORIZED_CONTRA),
        Entry.RELEASE: (Account.AUTHORIZED_CONTRA, Account.AUTHORIZED),
        Entry.CAPTURE_RELEASE: (Account.AUTHORIZED_CONTRA, Account.AUTHORIZED),
        Entry.CAPTURE: (Account.PSP_RECEIVABLE, Account.CUSTOMER_RECEIVABLE),
        Entry.REFUND: (Account.CUSTOMER_RECEIVABLE, Account.PSP_RECEIVABLE),
    }
)
"""The account each kind of movement debits, and the one it credits."""


@dataclass(frozen=True, slots=True)
class Posting:
    """A movement of a payment to be written down: `amount` in minor units.

    `reference` is what it happened for: the payment itself, the shipment captured for, or the change that reduced the order.
    """

    order_id: UUID
    payment_id: UUID
    entry: Entry
    reference: UUID
    amount: int
    currency: str
    at: datetime

    @property
    def debit(self) -> Account:
        """The account that takes."""
        return SIDES[self.entry][0]

    @property
    def credit(self) -> Account:
        """The account that gives."""
        return SIDES[self.entry][1]
