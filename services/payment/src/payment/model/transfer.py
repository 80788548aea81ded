"""Transfers: money that customers send to our bank account, and what is sent back, each once by the bank's own reference."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from chassis.domain import Refusal
from contracts.payment import IncidentKind
from contracts.types import Money

KNOWN_BEFORE: Final = "transfer-known"
NOTHING_BACK: Final = "nothing-to-pay-back"


class TransferKnownError(Refusal):
    """The bank's reference is known with other words: a transfer does not change."""

    slug = KNOWN_BEFORE
    title = "This transfer is known otherwise"


class NothingToPayBackError(Refusal):
    """More cannot be sent back than came and is not kept."""

    slug = NOTHING_BACK
    title = "That much is not to be paid back"


@dataclass(frozen=True, slots=True)
class ReceiveTransfer:
    """The news that money came for an order, or (negative) was sent back; `reference` is what the transfer named."""

    order_id: UUID
    reference: str
    amount: int
    currency: str
    received_at: datetime
    bank_reference: str


@dataclass(slots=True)
class TransferAccount:
    """What was asked for under a reference, and what came of it; amounts in minor units of `currency`."""

    reference: str
    order_id: UUID
    currency: str
    amount: int
    released: int
    refunded: int
    received: int
    paid: bool
    code: str | None
    created_at: datetime

    @property
    def to_pay_back(self) -> int:
        """Tell what came and is neither waited for nor kept."""
        if not self.paid and self.code is None:
            return 0
        kept = self.amount - self.released - self.refunded if self.paid else 0
        return max(self.received - kept, 0)

    def receive(self, amount: int, *, ended: bool) -> tuple[IncidentKind, Money] | None:
        """Note that money came, or was sent back; tells where it is not what was waited for, and by how much.

        `ended` is whether nobody waits for it any more. Raises NothingToPayBackError.
        """
        if amount < 0:
            if -amount > self.to_pay_back:
                raise NothingToPayBackError(f"{self.to_pay_back} {self.currency} (minor units) are to be paid back.")
            self.received += amount
            return None
        self.received += amount
        if self.code is not None or ended:
            return IncidentKind.CAPTURED_AFTER_CANCELLATION, self.money(amount)
        if self.paid:
            return IncidentKind.OVERPAID, self.money(amount)
        if self.received < self.amount:
            return IncidentKind.UNDERPAID, self.money(self.amount - self.received)
        self.paid = True
        over = self.received - self.amount
        return (IncidentKind.OVERPAID, self.money(over)) if over else None

    def money(self, amount: int) -> Money:
        """Tell an amount with this account's currency."""
        return Money(amount=amount, currency=self.currency)

    def document(self) -> dict[str, Any]:
        """Tell what staff see of it."""
        state = "paid" if self.paid else "waiting" if self.code is None else "ended"
        amounts = {"amount": self.amount, "received": self.received, "to_pay_back": self.to_pay_back}
        return {
            "reference": self.reference,
            "order_id": self.order_id,
            "state": state,
            **{name: {"amount": amount, "currency": self.currency} for name, amount in amounts.items()},
            "created_at": self.created_at,
        }
