"""The credit of an exchange: what was taken for goods that came back, and pays another order now.

It is held like a gift card's balance, for that order alone, from the moment on when the order is authorised; it can be taken
once it is granted, which is when the goods are in. What the order does not take of it, or gives back, goes to the customer, by
the payments that it was taken from.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from payment.model.key import PaymentKey

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

    @property
    def name(self) -> str:
        """Name the wish for the PSP, in the form of other refunds."""
        return f"refund-{self.asked_as}-{self.payment_id}"
