"""Which of an order's payments is meant, in terms that everybody knows: what is asked of the PSP is named after it."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class PaymentKey:
    """Names a payment: that for the order as it was placed, or that for what a change adds to it."""

    order_id: UUID
    change_id: UUID | None = None
