"""An exchange: what a customer gets for units that come back, and what the two orders tell each other on the way.

It belongs to the return of the order that was delivered. Once that is agreed to, the other order is placed, and waits with its
parcels until what came back pays it. The two orders are never locked together: what one of them has to tell the other is a
step, written in the transaction that makes it true, and taken in that of the other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from chassis.domain import Cause, Refusal, new_id
from contracts.order import CancelReason, ReturnRefusal

AWAITS_RETURN: Final = "awaits_return"
"""The hold reason of parcels that leave when what they are exchanged for has come back and pays them."""

REASONS: Final[Mapping[str, CancelReason]] = {
    ReturnRefusal.CUSTOMER: CancelReason.CUSTOMER,
    ReturnRefusal.NOT_RECEIVED: CancelReason.DEADLINE,
}
"""Why an order is cancelled whose return came to nothing; for any other reason staff has decided so."""


class ExchangeStage(StrEnum):
    """How far the exchange of a return is."""

    WANTED = "wanted"
    """Nobody has agreed to the return yet."""
    PLACED = "placed"
    """The other order is placed, and what comes back is waited for."""
    SETTLED = "settled"
    """What came back pays the other order."""
    ENDED = "ended"
    """It does not come about; the return stands for itself."""


class Step(StrEnum):
    """What one of the two orders tells the other."""

    RELEASE = "release"
    """To the new one: it is paid by what came back, and may leave."""
    CANCEL = "cancel"
    """To the new one: what it was to be exchanged for does not come, or is worth too little."""
    DISSOLVE = "dissolve"
    """To the old one: the new one is cancelled; money goes back for what comes."""


class ExchangePaymentError(Refusal):
    """What comes back does not pay all of what is wanted instead, and nothing is said of how the rest is paid."""

    slug = "exchange-payment"
    title = "The difference must be paid"
    status = 422


class ExchangeWorthlessError(Refusal):
    """What comes back pays nothing, so there is nothing to exchange."""

    slug = "exchange-worthless"
    title = "Nothing would be credited"
    status = 422


@dataclass(frozen=True, slots=True)
class ExchangeWish:
    """What a customer wants instead: products, their total in minor units, and how a difference is paid (None: not at all)."""

    items: Sequence[tuple[str, int]]
    total: int
    shipping_method: str | None = None
    payment: Mapping[str, Any] | None = field(default=None, repr=False)

    def document(self, credit: int, worth: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Write it down, and what comes back is worth; the difference is what the customer agrees to pay at the most."""
        return {
            "stage": ExchangeStage.WANTED,
            "items": [{"product_id": sku, "quantity": quantity} for sku, quantity in self.items],
            "shipping_method": self.shipping_method,
            "difference": max(0, self.total - credit),
            "payment": self.payment,
            "order_id": None,
            "credit": 0,
            "worth": list(worth),
        }


@dataclass(frozen=True, slots=True)
class ExchangeFor:
    """What an order is exchanged for: a return of another order, which pays `credit` of it."""

    exchange_order_id: UUID
    order_id: UUID
    return_id: UUID
    credit: int

    def document(self) -> dict[str, Any]:
        """Write it down, as long as what comes back is waited for."""
        return {"order_id": str(self.order_id), "return_id": str(self.return_id), "credit": self.credit, "waits": True}


@dataclass(frozen=True, slots=True)
class ExchangeStep:
    """A step for the order that it names; `reason` is why that is to be cancelled."""

    step_id: UUID
    order_id: UUID
    return_id: UUID
    step: Step
    reason: str | None
    actor: str
    event_id: UUID | None
    traceparent: str | None
    due_at: datetime

    @classmethod
    def tell(
        cls, order_id: UUID, return_id: UUID, step: Step, cause: Cause, reason: CancelReason | None = None
    ) -> "ExchangeStep":
        """Have the other order told for this cause."""
        return cls(new_id(), order_id, return_id, step, reason, cause.actor, cause.event_id, cause.traceparent, cause.at)
