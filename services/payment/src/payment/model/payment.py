"""A payment: money that one instrument is to pay for an order, from the wish to hold it to the last cent given back.

An order has a main payment, and one for each change that adds to it; each of them is one payment at the PSP. What is decided
over all of them is in `funds`. `barred_at` is set when the order is cancelled: from then on nothing is authorised or captured
anew, and whatever is held or taken goes back. `withdrawn_at` is set when the change is withdrawn: what is held goes back. A
payment that is barred or withdrawn before it is asked for stays as the mark that bars what comes too late. A call to the PSP
whose outcome is unknown leaves the payment where it is, due again. Outcomes that come again, or too late, change nothing.
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
from contracts.payment import AdditionAuthorized, AdditionDeclined, PaymentAuthorized, PaymentDeclined
from contracts.types import Money
from payment.model.key import PaymentKey
from payment.model.ledger import Entry, Posting
from payment.model.retry import LONGEST, retry_delay
from payment.model.table import Table


class Status(StrEnum):
    """Where a payment's money stands."""

    PENDING = "pending"
    """The PSP is to be asked to hold it, or has not said yet whether it does."""
    AUTHORIZED = "authorized"
    """Held; shipments capture it in parts."""
    DECLINED = "declined"
    CAPTURED = "captured"
    """Taken: all of it, or all that there was to take."""
    LAPSED = "lapsed"
    """The PSP let the hold go without being asked."""
    VOIDING = "voiding"
    """Nothing is to be taken of it any more; the hold is to be let go."""
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
        Status.VOIDING: frozenset({Status.VOIDED, Status.CAPTURED, Status.REFUNDING}),
        Status.VOIDED: frozenset(),
        Status.REFUNDING: frozenset({Status.REFUNDED}),
        Status.REFUNDED: frozenset(),
    }
)
GIVEN_BACK: Final = frozenset({Status.DECLINED, Status.VOIDED, Status.REFUNDED})
"""Where nothing is held, and nothing kept of what was taken."""
LET_GO: Final = GIVEN_BACK | {Status.CAPTURED, Status.REFUNDING}
"""Where nothing is held."""


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
    """Money that is to be paid for an order; all amounts in minor units of `currency`."""

    __tablename__ = "payment"

    order_id: UUID = Field(primary_key=True)
    payment_id: UUID = Field(primary_key=True)
    change_id: UUID | None = Field(default=None)
    """The change that it is for; None: the order as it was placed."""
    user_id: str
    amount: int = Field(sa_type=BigInteger)
    currency: str
    status: Status = Field(default=Status.PENDING, sa_type=Text)
    authorized_amount: int = Field(default=0, sa_type=BigInteger)
    captured_amount: int = Field(default=0, sa_type=BigInteger)
    released_amount: int = Field(default=0, sa_type=BigInteger)
    """What was held and will not be taken."""
    let_go_amount: int = Field(default=0, sa_type=BigInteger)
    """What of it was let go since the order was cancelled or the change withdrawn."""
    refunded_amount: int = Field(default=0, sa_type=BigInteger)
    psp_reference: str | None = Field(default=None)
    code: str | None = Field(default=None)
    barred_at: datetime | None = Field(default=None)
    withdrawn_at: datetime | None = Field(default=None)
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
    def request(cls, order_id: UUID, user_id: str, total: Money, cause: Cause, change_id: UUID | None = None) -> Self:
        """Have `total` held for an order, or for a change of it, as soon as the instrument is known."""
        return cls(
            order_id=order_id,
            payment_id=new_id(),
            change_id=change_id,
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
    def key(self) -> PaymentKey:
        """Its name for the outside."""
        return PaymentKey(self.order_id, self.change_id)

    @property
    def barred(self) -> bool:
        """Whether the order is cancelled: nothing may be authorised or captured anew."""
        return self.barred_at is not None

    @property
    def withdrawn(self) -> bool:
        """Whether the change is withdrawn: nothing is held for it any more."""
        return self.withdrawn_at is not None

    @property
    def open_amount(self) -> int:
        """What is held to be taken: neither captured yet nor let go."""
        return self.authorized_amount - self.captured_amount - self.released_amount

    @property
    def available_amount(self) -> int:
        """What may be captured of it now."""
        stands = self.status == Status.AUTHORIZED and not self.barred and not self.withdrawn
        return self.open_amount if stands else 0

    @property
    def awaited(self) -> bool:
        """Whether it may yet be held for somebody who waits for it."""
        return self.status == Status.PENDING and not self.barred and not self.withdrawn

    @property
    def postings(self) -> list[Posting]:
        """The movements since this payment was loaded; the store writes them with it."""
        movements: list[Posting] = self.__dict__.setdefault("_postings", [])
        return movements

    def authorize(self, reference: str | None, cause: Cause) -> PaymentAuthorized | AdditionAuthorized | None:
        """Note that the PSP holds the amount (no `reference`: there is nothing to hold).

        Where the order is cancelled or the change withdrawn it is let go at once, and nobody is told.
        """
        if self.status != Status.PENDING:
            return None
        self._become(Status.AUTHORIZED, cause)
        self.psp_reference = reference
        self.authorized_amount = self.amount
        if self.amount:
            self._post(Entry.HOLD, self.payment_id, self.amount, cause)
        if self.barred or self.withdrawn:
            self._let_go(cause)
            return None
        self._rest()
        order_id, user_id, payment_id, amount = self.order_id, self.user_id, self.payment_id, self.money(self.amount)
        if self.change_id is None:
            return PaymentAuthorized(order_id=order_id, user_id=user_id, payment_id=payment_id, amount=amount)
        return AdditionAuthorized(
            order_id=order_id, user_id=user_id, change_id=self.change_id, payment_id=payment_id, amount=amount
        )

    def decline(self, code: str, cause: Cause) -> PaymentDeclined | AdditionDeclined | None:
        """Note that nothing is held and nothing will be; told where somebody waits for it."""
        if self.status != Status.PENDING:
            return None
        self._become(Status.DECLINED, cause)
        self.code = code
        self._rest()
        if self.barred or self.withdrawn:
            return None
        order_id, user_id, payment_id, amount = self.order_id, self.user_id, self.payment_id, self.money(self.amount)
        if self.change_id is None:
            return PaymentDeclined(order_id=order_id, user_id=user_id, payment_id=payment_id, amount=amount, code=code)
        return AdditionDeclined(
            order_id=order_id, user_id=user_id, change_id=self.change_id, payment_id=payment_id, amount=amount, code=code
        )

    def bar(self, cause: Cause) -> None:
        """Note that the order is cancelled; `settle` has given back what the PSP holds or took."""
        if not self.barred:
            self.barred_at = cause.at
            self._stop(cause)

    def withdraw(self, cause: Cause) -> None:
        """Note that the change is withdrawn; `settle` has let go what the PSP holds."""
        if not self.withdrawn:
            self.withdrawn_at = cause.at
            self._stop(cause)

    def _stop(self, cause: Cause) -> None:
        self._because(cause)
        if self.status == Status.PENDING and self.sent_at is None:
            self._become(Status.VOIDED, cause)
            self._rest()
        elif self.status == Status.PENDING:
            self.due_at = min(cause.at + retry_delay(1), self.due_at or cause.at)
        elif self.status == Status.AUTHORIZED and self.psp_reference is None:
            self._let_go(cause)

    def settle(self, cause: Cause, *, capturing: bool) -> None:
        """Have the PSP let go, or give back, what is not to be kept; while a capture is under way (`capturing`), later."""
        if self.status == Status.AUTHORIZED and self.authorized_amount and not self.open_amount:
            self._let_go(cause)
        elif capturing:
            return
        elif self.barred and self.status == Status.CAPTURED:
            self._become(Status.REFUNDING, cause)
            self._due(Action.REFUND, cause)
        elif (self.barred or self.withdrawn) and self.status in {Status.AUTHORIZED, Status.LAPSED}:
            self._let_go(cause)

    def capture(self, shipment_id: UUID, amount: int, cause: Cause, *, final: bool) -> None:
        """Note that the PSP took money for a shipment; `final`: and let go of the rest.

        Raises InvalidTransitionError where that much was not held.
        """
        if self.status != Status.AUTHORIZED or not 0 < amount <= self.open_amount:
            raise InvalidTransitionError(
                f"{amount} cannot be captured of a payment that is {self.status} with {self.open_amount} held."
            )
        if amount == self.open_amount and (final or not self.released_amount):
            self._become(Status.CAPTURED, cause)
            self._rest()
        self.captured_amount += amount
        self.updated_at = cause.at
        self._post(Entry.CAPTURE_RELEASE, shipment_id, amount, cause)
        self._post(Entry.CAPTURE, shipment_id, amount, cause)

    def release(self, change_id: UUID, amount: int, cause: Cause) -> None:
        """Note that a change leaves so much less to be taken; raises InvalidTransitionError where that much is not held.

        The PSP lets go of it with the last capture; or, where nothing is left to take, when it is asked to.
        """
        if not 0 < amount <= self.available_amount:
            raise InvalidTransitionError(
                f"{amount} cannot be let go of a payment that is {self.status} with {self.available_amount} to take."
            )
        self._because(cause)
        self.released_amount += amount
        self._post(Entry.RELEASE, change_id, amount, cause)

    def void(self, cause: Cause) -> None:
        """Note that the PSP let the hold go; of a cancelled order, what was captured before goes back next."""
        if self.status != Status.VOIDING:
            return
        self.let_go_amount += self._release(cause)
        if self.captured_amount and self.barred:
            self._become(Status.REFUNDING, cause)
            self._due(Action.REFUND, cause)
        else:
            self._become(Status.CAPTURED if self.captured_amount else Status.VOIDED, cause)
            self._rest()

    def refund(self, cause: Cause) -> None:
        """Note that the PSP gave back what was captured."""
        if self.status != Status.REFUNDING:
            return
        self._become(Status.REFUNDED, cause)
        self._post(Entry.REFUND, self.payment_id, self.captured_amount - self.refunded_amount, cause)
        self.refunded_amount = self.captured_amount
        self._rest()

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
        self.due_at = cause.at + (retry_delay(self.attempts) if code is None else LONGEST)

    def stand(self, cause: Cause) -> None:
        """Note that an inquiry found the payment as it is here."""
        if self.action == Action.INQUIRE:
            self.updated_at = cause.at
            self._rest()

    def ask_by(self, at: datetime, cause: Cause, *, doubtful: bool) -> None:
        """Ask the PSP by `at` where an outcome is open; `doubtful`: also where a hold is believed to stand."""
        if self.due_at is not None:
            self.due_at = min(self.due_at, at)
        elif doubtful and self.status == Status.AUTHORIZED and self.psp_reference is not None:
            self._due(Action.INQUIRE, cause)

    def money(self, amount: int) -> Money:
        """Tell an amount with this payment's currency."""
        return Money(amount=amount, currency=self.currency)

    def _let_go(self, cause: Cause) -> None:
        self._become(Status.VOIDING, cause)
        if self.psp_reference is None:
            self.void(cause)
        else:
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

    def _because(self, cause: Cause) -> None:
        """Do what is due from now on for this cause."""
        self.actor, self.causation_id, self.traceparent = cause.actor, cause.event_id, cause.traceparent
        self.updated_at = cause.at

    def _due(self, action: Action, cause: Cause) -> None:
        self.action = action
        self.due_at = cause.at
        self.attempts = 0

    def _rest(self) -> None:
        self.action = None
        self.due_at = None

    def _post(self, entry: Entry, reference: UUID, amount: int, cause: Cause) -> None:
        self.postings.append(Posting(self.order_id, self.payment_id, entry, reference, amount, self.currency, cause.at))
