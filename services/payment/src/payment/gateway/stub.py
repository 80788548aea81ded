"""A PSP inside this process: it answers at once and keeps books of its own, for benchmarks and tests.

It knows the tokens of the PSP simulator and keeps the port's promises as long as the process lives; its books are gone with it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from chassis.domain import new_id
from contracts.types import Money
from payment.gateway.port import (
    Absent,
    AuthorizationAnswer,
    Authorized,
    Canceled,
    Challenged,
    ChangeAnswer,
    Declined,
    Done,
    InquiryAnswer,
    Refused,
    Taken,
    Unknown,
    VoidAnswer,
    idempotency_key,
)
from payment.model import PaymentKey

Answer = AuthorizationAnswer | VoidAnswer
Work = Callable[[], Answer]
Fault = Literal["timeout_done", "timeout_lost", "error"]

DECLINES = {
    "tok_declined": "generic_decline",
    "tok_insufficient_funds": "insufficient_funds",
    "tok_timeout_failed": "processing_error",
}
CHALLENGING = "tok_3ds"
OK = "tok_ok"
ONCE = "tok_once"
ACCEPTED = frozenset({CHALLENGING, OK, ONCE, "tok_slow", "tok_timeout_captured", "tok_timeout_lost"})
UNEXPECTED_STATE = "payment_intent_unexpected_state"
UNANSWERED = frozenset({"tok_timeout_captured", "tok_timeout_failed", "tok_timeout_lost"})


@dataclass(slots=True)
class StubPayment:
    """A payment in the stub's books, in minor units."""

    key: PaymentKey
    authorized: int
    open: int
    captured: int = 0
    refunded: int = 0
    canceled: bool = False
    challenged: bool = False
    """Whether the bank has asked who pays, and waits for the answer."""
    unproved: bool = False
    token: str = OK

    @property
    def order_id(self) -> UUID:
        """The order it is for."""
        return self.key.order_id


class StubPsp:
    """Holds, captures and gives back imaginary money."""

    def __init__(self) -> None:
        self.books: dict[str, StubPayment] = {}
        self.holds_until: datetime | None = None
        """Until when it holds what it is asked for from now on, where it says so."""
        self.calls = 0
        self._answers: dict[str, Answer] = {}
        self._references: dict[PaymentKey, str] = {}
        self._heard: set[str] = set()
        self._faults: list[Fault] = []

    def misbehave(self, fault: Fault, times: int = 1) -> None:
        """Have the next calls fail: done and not answered, lost and not answered, or an error of the PSP."""
        self._faults += [fault] * times

    async def authorize(self, payment: PaymentKey, amount: Money, method: str, token: str) -> AuthorizationAnswer:  # noqa: ARG002 - cards only
        """Hold `amount`, or behave as the token's name says."""
        key = idempotency_key("authorize", payment)
        first = key not in self._heard
        self._heard.add(key)
        if token == "tok_error":  # noqa: S105 - the name of a scenario
            return Unknown("server_error")
        if first and token == "tok_timeout_lost":  # noqa: S105 - the name of a scenario
            return Unknown("timeout")
        answer = self._once(key, lambda: self._hold(payment, amount, token))
        if isinstance(answer, Done):
            raise TypeError("an authorisation is answered with its reference")
        return Unknown("timeout") if first and token in UNANSWERED else answer

    async def reauthorize(self, payment: PaymentKey, amount: Money, reference: str) -> AuthorizationAnswer:
        """Hold `amount` on the instrument of an earlier payment, unless its bank declines where nobody is there to ask."""
        token = self.books[reference].token if reference in self.books else "tok_unknown"
        token = "tok_declined" if token == ONCE else OK if token == CHALLENGING else token
        answer = self._once(idempotency_key("renew", payment), lambda: self._hold(payment, amount, token))
        if isinstance(answer, Done):
            raise TypeError("an authorisation is answered with its reference")
        return answer

    async def capture(
        self, payment: PaymentKey, shipment_id: UUID, reference: str, amount: Money, *, final: bool
    ) -> ChangeAnswer:
        """Take a part of what is held."""
        key = idempotency_key("capture", payment, shipment_id)
        return self._change(key, lambda: self._take(reference, amount.amount, final=final))

    async def void(self, payment: PaymentKey, reference: str) -> VoidAnswer:
        """Let go of what is held."""
        answer = self._once(idempotency_key("void", payment), lambda: self._cancel(reference))
        if answer == Refused(UNEXPECTED_STATE):
            return Taken(reference, self.books[reference].captured)
        if isinstance(answer, Authorized | Challenged | Declined):
            raise TypeError("a hold is let go or it is not")
        return answer

    async def refund(self, payment: PaymentKey, reference: str, amount: Money, key: str | None = None) -> ChangeAnswer:
        """Give back captured money."""
        all_of_it = key is None
        key = key or idempotency_key("refund", payment)
        return self._change(key, lambda: self._return(reference, amount.amount, all_of_it=all_of_it))

    def answer_challenge(self, reference: str, *, proved: bool) -> None:
        """Have the payer answer the bank."""
        payment = self.books[reference]
        payment.challenged, payment.unproved = False, not proved
        payment.open = payment.authorized if proved else 0

    def take_unasked(self, reference: str) -> None:
        """Capture all that is held, as somebody may do in the PSP's own pages."""
        payment = self.books[reference]
        payment.captured, payment.open = payment.captured + payment.open, 0

    async def inquire(
        self,
        payment: PaymentKey,
        *,
        reference: str | None = None,
        sent_at: datetime | None = None,  # noqa: ARG002 - nothing is ever on its way
    ) -> InquiryAnswer:
        """Tell how a payment stands."""
        self.calls += 1
        if self._faults:
            self._faults.pop(0)
            return Unknown("server_error")
        reference = reference or self._references.get(payment)
        if reference is not None and reference in self.books:
            booked = self.books[reference]
            if booked.canceled:
                return Canceled(reference)
            if booked.challenged:
                return Challenged(reference, f"/sim/psp/challenge/{reference}")
            if booked.unproved:
                return Declined("payment_intent_authentication_failure", "authentication_failure")
            return Authorized(reference) if booked.open else Taken(reference, booked.captured)
        answer = self._answers.get(idempotency_key("authorize", payment), self._answers.get(idempotency_key("renew", payment)))
        return answer if isinstance(answer, Declined) else Absent()

    def _once(self, key: str, work: Work) -> Answer:
        """Do the work of a key once; only what was decided is remembered."""
        self.calls += 1
        fault = self._faults.pop(0) if self._faults else None
        if fault in {"timeout_lost", "error"}:
            return Unknown("timeout" if fault == "timeout_lost" else "server_error")
        answer = self._answers.get(key)
        if answer is None:
            answer = work()
            if not isinstance(answer, Refused):
                self._answers[key] = answer
        return Unknown("timeout") if fault == "timeout_done" else answer

    def _change(self, key: str, work: Work) -> ChangeAnswer:
        answer = self._once(key, work)
        if isinstance(answer, Authorized | Challenged | Declined):
            raise TypeError("a change is done or refused")
        return answer

    def _hold(self, key: PaymentKey, amount: Money, token: str) -> AuthorizationAnswer:
        if token in DECLINES:
            return Declined("card_declined", DECLINES[token])
        if token not in ACCEPTED:
            return Refused("resource_missing")
        if amount.amount <= 0:
            return Refused("amount_too_small")
        reference = f"stub_{new_id().hex}"
        self._references[key] = reference
        if token == CHALLENGING:
            self.books[reference] = StubPayment(key, amount.amount, 0, challenged=True, token=token)
            return Challenged(reference, f"/sim/psp/challenge/{reference}")
        self.books[reference] = StubPayment(key, amount.amount, amount.amount, token=token)
        return Authorized(reference, expires_at=self.holds_until)

    def _take(self, reference: str, amount: int, *, final: bool) -> ChangeAnswer:
        payment = self.books.get(reference)
        if payment is None:
            return Refused("resource_missing")
        if payment.canceled or not payment.open:
            return Refused(UNEXPECTED_STATE)
        if not 0 < amount <= payment.open:
            return Refused("amount_too_large")
        payment.captured += amount
        payment.open = 0 if final else payment.open - amount
        return Done()

    def _cancel(self, reference: str) -> ChangeAnswer:
        payment = self.books.get(reference)
        if payment is None:
            return Refused("resource_missing")
        if not payment.canceled and not payment.open and not payment.challenged:
            return Refused(UNEXPECTED_STATE)
        payment.canceled, payment.challenged, payment.open = True, False, 0
        return Done()

    def _return(self, reference: str, amount: int, *, all_of_it: bool) -> ChangeAnswer:
        payment = self.books.get(reference)
        if payment is None:
            return Refused("resource_missing")
        left = payment.captured - payment.refunded
        if payment.captured and not left:
            return Done() if all_of_it else Refused("charge_already_refunded")
        if not 0 < amount <= left:
            return Refused("amount_too_large")
        payment.refunded += amount
        return Done()
