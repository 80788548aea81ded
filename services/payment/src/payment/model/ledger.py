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
    """Where money stands; the books of a whole shop begin here, they do not end here."""

    CUSTOMER_RECEIVABLE = "customer_receivable"
    """What customers owe: a sale makes it, a capture pays it off."""
    PSP_RECEIVABLE = "psp_receivable"
    """What the PSP owes us: captured, and neither refunded nor disputed nor kept as a fee."""
    REVENUE = "revenue"
    """What was sold and paid; all refunds are apart from it."""
    REFUNDS = "refunds"
    """What of it customers got back."""
    FEES = "fees"
    """What the PSP keeps for its work."""
    DISPUTES = "disputes"
    """What customers' banks took back."""
    GIFT_CARDS = "gift_cards"
    """What gift cards paid: so much less is owed to those who hold them."""
    EXCHANGE_CREDITS = "exchange_credits"
    """What goods that came back are still to pay of other orders, or is to go to the customer: owed until it does."""
    BANK = "bank"
    """What customers sent to our bank account for their orders."""
    CASH_RECEIVABLE = "cash_receivable"
    """What carriers were paid at customers' doors, and owe us."""
    AUTHORIZED = "authorized"
    """Memo: what the PSP holds for us."""
    AUTHORIZED_CONTRA = "authorized_contra"
    """Memo: the other side of what is held."""


class Entry(StrEnum):
    """Kinds of movements; each happens once for its payment and reference."""

    HOLD = "hold"
    RELEASE = "release"
    RELEASE_UNDONE = "release_undone"
    CAPTURE_RELEASE = "capture_release"
    CAPTURE = "capture"
    SALE = "sale"
    REFUND = "refund"
    CREDIT = "credit"
    REFUND_UNDONE = "refund_undone"
    CREDIT_UNDONE = "credit_undone"
    FEE = "fee"
    DISPUTE = "dispute"
    DISPUTE_WON = "dispute_won"
    GIFT_CARD = "gift_card"
    GIFT_CARD_BACK = "gift_card_back"
    EXCHANGE_MOVED = "exchange_moved"
    EXCHANGE = "exchange"
    EXCHANGE_BACK = "exchange_back"
    EXCHANGE_PAID = "exchange_paid"
    EXCHANGE_PAID_UNDONE = "exchange_paid_undone"
    TRANSFER = "transfer"
    TRANSFER_BACK = "transfer_back"
    CASH = "cash"
    CASH_BACK = "cash_back"


SIDES: Final[Mapping[Entry, tuple[Account, Account]]] = MappingProxyType(
    {
        Entry.HOLD: (Account.AUTHORIZED, Account.AUTHORIZED_CONTRA),
        Entry.RELEASE: (Account.AUTHORIZED_CONTRA, Account.AUTHORIZED),
        Entry.RELEASE_UNDONE: (Account.AUTHORIZED, Account.AUTHORIZED_CONTRA),
        Entry.CAPTURE_RELEASE: (Account.AUTHORIZED_CONTRA, Account.AUTHORIZED),
        Entry.CAPTURE: (Account.PSP_RECEIVABLE, Account.CUSTOMER_RECEIVABLE),
        Entry.SALE: (Account.CUSTOMER_RECEIVABLE, Account.REVENUE),
        Entry.REFUND: (Account.CUSTOMER_RECEIVABLE, Account.PSP_RECEIVABLE),
        Entry.CREDIT: (Account.REFUNDS, Account.CUSTOMER_RECEIVABLE),
        Entry.REFUND_UNDONE: (Account.PSP_RECEIVABLE, Account.CUSTOMER_RECEIVABLE),
        Entry.CREDIT_UNDONE: (Account.CUSTOMER_RECEIVABLE, Account.REFUNDS),
        Entry.FEE: (Account.FEES, Account.PSP_RECEIVABLE),
        Entry.DISPUTE: (Account.DISPUTES, Account.PSP_RECEIVABLE),
        Entry.DISPUTE_WON: (Account.PSP_RECEIVABLE, Account.DISPUTES),
        Entry.GIFT_CARD: (Account.GIFT_CARDS, Account.PSP_RECEIVABLE),
        Entry.GIFT_CARD_BACK: (Account.PSP_RECEIVABLE, Account.GIFT_CARDS),
        Entry.EXCHANGE_MOVED: (Account.PSP_RECEIVABLE, Account.EXCHANGE_CREDITS),
        Entry.EXCHANGE: (Account.EXCHANGE_CREDITS, Account.PSP_RECEIVABLE),
        Entry.EXCHANGE_BACK: (Account.PSP_RECEIVABLE, Account.EXCHANGE_CREDITS),
        Entry.EXCHANGE_PAID: (Account.EXCHANGE_CREDITS, Account.PSP_RECEIVABLE),
        Entry.EXCHANGE_PAID_UNDONE: (Account.PSP_RECEIVABLE, Account.EXCHANGE_CREDITS),
        Entry.TRANSFER: (Account.BANK, Account.PSP_RECEIVABLE),
        Entry.TRANSFER_BACK: (Account.PSP_RECEIVABLE, Account.BANK),
        Entry.CASH: (Account.CASH_RECEIVABLE, Account.PSP_RECEIVABLE),
        Entry.CASH_BACK: (Account.PSP_RECEIVABLE, Account.CASH_RECEIVABLE),
    }
)
"""The account each kind of movement debits, and the one it credits."""


@dataclass(frozen=True, slots=True)
class Posting:
    """A movement of a payment to be written down: `amount` in minor units.

    `reference` is what it happened for: the payment itself, the shipment captured for, the change that reduced the order, the
    refund that was asked for, the dispute, or the row of a settlement.
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
