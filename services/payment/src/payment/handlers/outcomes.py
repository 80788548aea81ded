"""What all questions to the PSP have in common: the place where losing the process hurts, and the log of what was answered."""

from collections.abc import Awaitable
from typing import Final, TypeVar
from uuid import UUID

from chassis import failpoints
from chassis.domain import Cause, new_id
from payment.gateway import Refused, Taken, Unknown, idempotency_key
from payment.model import Attempt, Payment

A = TypeVar("A")
UNEXPECTED: Final = "payment_intent_unexpected_state"


async def answered(call: Awaitable[A]) -> A:
    """Wait for the PSP's answer; between it and its transaction lies the place where losing the process hurts most."""
    answer = await call
    if not isinstance(answer, Unknown):
        failpoints.reach("after_psp_ok")
    return answer


def known_reference(reference: str | None) -> str:
    """Answer the PSP's reference, which a payment that is asked about has; raises LookupError."""
    if reference is None:
        raise LookupError("the PSP's reference is missing")
    return reference


def code_of(answer: object) -> str | None:
    """Tell why the PSP will not do it, if it said so."""
    return answer.code if isinstance(answer, Refused) else UNEXPECTED if isinstance(answer, Taken) else None


def attempt(
    purpose: str,
    payment: Payment,
    answer: object,
    cause: Cause,
    shipment_id: UUID | None = None,
    key: str | None = None,
) -> Attempt:
    """Write down what was asked of the PSP and what it answered."""
    code: str | None = getattr(answer, "detail", None) or getattr(answer, "code", None) or getattr(answer, "reason", None)
    return Attempt(
        order_id=payment.order_id,
        attempt_id=new_id(),
        purpose=purpose,
        idempotency_key=key or idempotency_key(purpose, payment.key, shipment_id),
        result=type(answer).__name__.lower(),
        code=code,
        shipment_id=shipment_id,
        payment_id=payment.payment_id,
        at=cause.at,
    )
