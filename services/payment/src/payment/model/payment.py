"""A payment: the money of one order, from the wish to hold it to the last cent given back.

The payment is the one place where cancel meets money. `barred_at` is set when the order is cancelled: from then on nothing is
authorised or captured anew, and whatever is held or taken goes back. An order cancelled before its stock was reserved has a
barred payment already when the reservation comes late. A call to the PSP whose outcome is unknown leaves the payment where it
is, due again; a cancellation waits for that outcome and is answered after it, exactly once: by PaymentVoided, or by
PaymentRefunded where money had been taken. Outcomes that come again, or too late, change nothing.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Self
from uuid import UUID

from sqlalchemy import BigInteger, Text
from sqlmodel import Field

from chassis.domain import Cause, Refusal, new_id
from contracts.payment import (
    PaymentAuthorized,
    PaymentCaptured,
    PaymentCaptureFailed,
    PaymentDeclined,
    PaymentRefunded,
    PaymentVoided,
)
from contracts.types import Money
from payment.model.ledger import Entry, Posting
from payment.model.retry import LONGEST, WANTED, retry_delay
from payment.model.table import Table


class Status(StrEnum):
    """Where an order's money stands."""

    PENDING = "pending"
    """The PSP is to be asked to hold it, or has not said yet whether it does."""
    AUTHORIZED = "authorized"
    """Held; shipments capture it in parts."""
    DECLINED = "declined"
    CAPTURED = "captured"
    """All of it taken."""
    LAPSED = "lapsed"
    """The PSP let the hold go without being asked."""
    VOIDING = "voiding"
    """The order is cancelled; the hold is to be let go."""
    VOIDED = "voided"
    REFUNDING = "refunding"
    """The order is cancelled; what was taken is to be given back."""
    REFUNDED = "refunded"


TRANSITIONS: Final[Mapping[Status, frozenset[Status]]] = MappingProxyType(
    {
        Status.PENDING: frozenset({Status.AUTHORIZED, Status.DECLINED, Status.VOIDED}),
        Status.AUTHORIZED: frozenset({Status.CAPTURED, Status.LAPSED, Status.VOIDING}),
        Status.DECLINED: frozenset(),
        Status.CAPTURED: frozenset({Status.REFUNDING}),
        Status.LAPSED: frozenset({Status.VOIDING}),
        Status.VOIDING: frozenset({Status.VOIDED, Status.REFUNDING}),
        Status.VOIDED: frozenset(),
        Status.REFUNDING: frozenset({Status.REFUNDED}),
        Status.REFUNDED: frozenset(),
    }
)


class Action(StrEnum):
    """What is due to be asked of the PSP; the job of that name asks it."""

    AUTHORIZE = "authorize"
    VOID = "void"
    REFUND = "refund"
    INQUIRE = "inquire"


class InvalidTransitionError(Refusal):
    """The payment is not in a state where this can happen."""

    slug = "invalid-transition"
    title = "The payment is in another state"


class Payment(Table, table=True):
    """The money of one order; all amounts in minor units of `currency`."""

    __tablename__ = "payment"

    order_id: UUID = Field(primary_key=True)
    payment_id: UUID
    user_id: str
    amount: int = Field(sa_type=BigInteger)
    currency: str
    status: Status = Field(default=Status.PENDING, sa_type=Text)
    authorized_amount: int = Field(default=0, sa_type=BigInteger)
    captured_amount: int = Field(default=0, sa_type=BigInteger)
    released_amount: int = Field(default=0, sa_type=BigInteger)
    refunded_amount: int = Field(default=0, sa_type=BigInteger)
    psp_reference: str | None = Field(default=None)
    code: str | None = Field(default=None)
    barred_at: datetime | None = Field(default=None)
    action: Action | None = Field(default=Action.AUTHORIZE, sa_type=Text)
    due_at: datetime | None = Field(default=None)
    attempts: int = Field(default=0)
    sent_at: datetime | None = Field(default=None)
    actor: str
    causation_id: UUID | None = Field(default=None)
    traceparent: str | None = Field(default=None)
    created_at: datetime
    updated_at: datetime

    @classmethod
    def request(cls, order_id: UUID, user_id: str, total: Money, cause: Cause) -> Self:
        """Have `total` held for an order, as soon as its instrument is known."""
        return cls(
            order_id=order_id,
            payment_id=new_id(),
            user_id=user_id,
            amount=total.amount,
            currency=total.currency,
            due_at=cause.at,
            actor=cause.actor,
            causation_id=cause.event_id,
            traceparent=cause.traceparent,
            created_at=cause.at,
            updated_at=cause.at,
        )

    def begin(self, at: datetime, until: datetime) -> None:
        """Claim it for an attempt that is made now and ends before `until`."""
        self.sent_at, self.due_at, self.attempts = at, until, self.attempts + 1

    @property
    def barred(self) -> bool:
        """Whether the order is cancelled: nothing may be authorised or captured anew."""
        return self.barred_at is not None

    @property
    def open_amount(self) -> int:
        """What is held and neither captured nor let go."""
        return self.authorized_amount - self.captured_amount - self.released_amount

    @property
    def postings(self) -> list[Posting]:
        """The movements since this payment was loaded; the store writes them with it."""
        movements: list[Posting] = self.__dict__.setdefault("_postings", [])
        return movements

    def authorize(self, reference: str, cause: Cause) -> PaymentAuthorized | None:
        """Note that the PSP holds the amount; on a cancelled order it is let go at once and nobody is told."""
        if self.status != Status.PENDING:
            return None
        self._become(Status.AUTHORIZED, cause)
        self.psp_reference = reference
        self.authorized_amount = self.amount
        self._post(Entry.HOLD, self.payment_id, self.amount, cause)
        if self.barred:
            self._give_back(cause)
            return None
        self._rest()
        return PaymentAuthorized(
            order_id=self.order_id, user_id=self.user_id, payment_id=self.payment_id, amount=self._money(self.amount)
        )

    def decline(self, code: str, cause: Cause) -> PaymentDeclined | PaymentVoided | None:
        """Note that nothing is held and nothing will be; on a cancelled order this is the answer to the cancellation."""
        if self.status != Status.PENDING:
            return None
        self._become(Status.DECLINED, cause)
        self.code = code
        self._rest()
        if self.barred:
            return self._let_go(0)
        return PaymentDeclined(
            order_id=self.order_id,
            user_id=self.user_id,
            payment_id=self.payment_id,
            amount=self._money(self.amount),
            code=code,
        )

    def cancel(self, cause: Cause, *, capturing: bool) -> PaymentVoided | None:
        """Give back whatever is held or taken for a cancelled order.

        Answers at once where nothing was ever asked of the PSP or nothing came of it. Waits for an outcome that is not known
        yet: that of the authorisation, or of captures under way (`capturing`).
        """
        if self.barred:
            return None
        self.barred_at = cause.at
        self.updated_at = cause.at
        self.actor = cause.actor
        self.causation_id = cause.event_id
        self.traceparent = cause.traceparent
        if self.status == Status.PENDING and self.sent_at is None:
            self._become(Status.VOIDED, cause)
            self._rest()
            return self._let_go(0)
        if self.status == Status.PENDING:
            self.due_at = min(cause.at + retry_delay(1), self.due_at or cause.at)
            return None
        if self.status == Status.DECLINED:
            return self._let_go(0)
        self.settle(cause, capturing=capturing)
        return None

    def capture(self, shipment_id: UUID, amount: int, cause: Cause) -> PaymentCaptured:
        """Note that the PSP took a shipment's money; raises InvalidTransitionError where that much was not held."""
        if self.status != Status.AUTHORIZED or not 0 < amount <= self.open_amount:
            raise InvalidTransitionError(
                f"{amount} cannot be captured of a payment that is {self.status} with {self.open_amount} held."
            )
        if amount == self.open_amount:
            self._become(Status.CAPTURED, cause)
        self.captured_amount += amount
        self.updated_at = cause.at
        self._post(Entry.CAPTURE_RELEASE, shipment_id, amount, cause)
        self._post(Entry.CAPTURE, shipment_id, amount, cause)
        return PaymentCaptured(
            order_id=self.order_id,
            user_id=self.user_id,
            payment_id=self.payment_id,
            shipment_id=shipment_id,
            amount=self._money(amount),
            captured=self._money(self.captured_amount),
        )

    def fail_capture(self, shipment_id: UUID, amount: Money, code: str) -> PaymentCaptureFailed:
        """Tell that a shipment's money was not taken; what is held stays held."""
        return PaymentCaptureFailed(
            order_id=self.order_id,
            user_id=self.user_id,
            payment_id=self.payment_id,
            shipment_id=shipment_id,
            amount=amount,
            code=code,
        )

    def settle(self, cause: Cause, *, capturing: bool) -> None:
        """On a cancelled order, have the next thing given back once no capture is under way."""
        if self.barred and not capturing and self.status in {Status.AUTHORIZED, Status.CAPTURED, Status.LAPSED}:
            self._give_back(cause)

    def void(self, cause: Cause) -> PaymentVoided | None:
        """Note that the PSP let the hold go; what was captured before goes back next."""
        if self.status != Status.VOIDING:
            return None
        released = self._release(cause)
        if self.captured_amount:
            self._become(Status.REFUNDING, cause)
            self._due(Action.REFUND, cause)
            return None
        self._become(Status.VOIDED, cause)
        self._rest()
        return self._let_go(released)

    def refund(self, cause: Cause) -> PaymentRefunded | None:
        """Note that the PSP gave back what was captured."""
        if self.status != Status.REFUNDING:
            return None
        self._become(Status.REFUNDED, cause)
        amount = self.captured_amount - self.refunded_amount
        self.refunded_amount = self.captured_amount
        self._post(Entry.REFUND, self.payment_id, amount, cause)
        self._rest()
        return PaymentRefunded(
            order_id=self.order_id,
            user_id=self.user_id,
            payment_id=self.payment_id,
            amount=self._money(amount),
            refunded=self._money(self.refunded_amount),
        )

    def lapse(self, cause: Cause) -> None:
        """Note that the PSP let the hold go without being asked; captures that follow will fail."""
        if self.status == Status.AUTHORIZED:
            self._become(Status.LAPSED, cause)
            self._release(cause)
            self._rest()

    def ask_again(self, action: Action, cause: Cause, code: str | None = None) -> None:
        """Note that `action` has no outcome yet, or not the one it must have (`code` says why): it is due again."""
        if self.action != action:
            return
        self.code = code
        self.updated_at = cause.at
        patience = WANTED if self.barred else LONGEST
        self.due_at = cause.at + (min(retry_delay(self.attempts), patience) if code is None else LONGEST)

    def stand(self, cause: Cause) -> None:
        """Note that an inquiry found the payment as it is here."""
        if self.action == Action.INQUIRE:
            self.updated_at = cause.at
            self._rest()

    def ask_by(self, at: datetime, cause: Cause, *, doubtful: bool) -> None:
        """Ask the PSP by `at` where an outcome is open; `doubtful`: also where a hold is believed to stand."""
        if self.due_at is not None:
            self.due_at = min(self.due_at, at)
        elif doubtful and self.status == Status.AUTHORIZED:
            self._due(Action.INQUIRE, cause)

    def _give_back(self, cause: Cause) -> None:
        if self.status == Status.CAPTURED:
            self._become(Status.REFUNDING, cause)
            self._due(Action.REFUND, cause)
        else:
            self._become(Status.VOIDING, cause)
            self._due(Action.VOID, cause)

    def _release(self, cause: Cause) -> int:
        released = self.open_amount
        if released:
            self.released_amount += released
            self._post(Entry.RELEASE, self.payment_id, released, cause)
        return released

    def _become(self, status: Status, cause: Cause) -> None:
        if status not in TRANSITIONS[self.status]:
            raise InvalidTransitionError(f"A payment that is {self.status} cannot become {status}.")
        self.status = status
        self.code = None
        self.updated_at = cause.at

    def _due(self, action: Action, cause: Cause) -> None:
        self.action = action
        self.due_at = cause.at
        self.attempts = 0

    def _rest(self) -> None:
        self.action = None
        self.due_at = None

    def _let_go(self, amount: int) -> PaymentVoided:
        return PaymentVoided(order_id=self.order_id, user_id=self.user_id, amount=self._money(amount))

    def _money(self, amount: int) -> Money:
        return Money(amount=amount, currency=self.currency)

    def _post(self, entry: Entry, reference: UUID, amount: int, cause: Cause) -> None:
        self.postings.append(Posting(self.order_id, entry, reference, amount, self.currency, cause.at))
