"""The credit of an exchange: what was taken for goods that came back, and pays another order now.

It is held like a gift card's balance, for that order alone, from the moment on when the order is authorised; it can be taken
once it is granted, which is when the goods are in. What the order does not take of it, or gives back, goes to the customer, by
the payments that it was taken from. What the PSP will not give back that way, or the customer's bank sends back, is put before
a person.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from payment.model.key import PaymentKey
from payment.model.refund import MOST_REFUSALS, REFUSED_FOR_NOW
from payment.model.retry import LONGEST

EXCHANGE: Final = "exchange"
"""The method of an order that a credit pays first; another instrument pays the rest."""


@dataclass(frozen=True, slots=True)
class PayOut:
    """What of a credit is to go to the customer by one of the payments that it was taken from, asked for under one key."""

    key: PaymentKey
    payment_id: UUID
    exchange_order_id: UUID
    asked_as: UUID
    amount: int
    refusals: int = 0
    """How often the PSP would not do it for now, under other names."""

    @property
    def name(self) -> str:
        """Name the wish for the PSP, in the form of other refunds."""
        return pay_out_name(self.asked_as, self.payment_id)

    def pause(self, code: str) -> timedelta | None:
        """Tell when to ask anew for what the PSP has refused with `code`; None: not any more."""
        refusals = self.refusals + 1
        return LONGEST * 2**refusals if code in REFUSED_FOR_NOW and refusals < MOST_REFUSALS else None


def pay_out_name(asked_as: UUID, payment_id: UUID) -> str:
    """Name for the PSP what is paid out of a payment."""
    return f"refund-{asked_as}-{payment_id}"
