"""A payment: money that one instrument is to pay for an order, from the wish to hold it to the last cent given back.

An order has a main payment, and one for each change that adds to it; each of them is one payment at the PSP. What is decided
over all of them is in `funds`, and in `renewal` how a hold that would lapse is replaced. `barred_at` is set when the order is
cancelled: from then on nothing is authorised or captured anew, and whatever is held or taken goes back. `withdrawn_at` is set
when the change is withdrawn, or the review of a risky order ends with a rejection: what is held goes back. A payment that is
barred or withdrawn before it is asked for stays as the mark that bars what comes too late. A call to the PSP whose outcome is
unknown leaves the payment where it is, due again.
Outcomes that come again, or too late, change nothing.
"""

from datetime import datetime, timedelta
from typing import Any, Final, Self
from uuid import UUID

from sqlalchemy import BigInteger, Text
from sqlmodel import Field

from chassis.domain import Cause, new_id
from contracts.payment import (
    AdditionAuthorized,
    AdditionDeclined,
    PaymentAction,
    PaymentActionRequired,
    PaymentAuthorized,
    PaymentDeclined,
)
from contracts.types import Money
from payment.model.key import PaymentKey
from payment.model.ledger import Entry, Posting
from payment.model.retry import LONGEST, WANTED, retry_delay
from payment.model.standing import TRANSITIONS, Action, InvalidTransitionError, Status
from payment.model.table import Table

WARNING: Final = timedelta(days=1)
"""So long before a hold lapses it is renewed; half of its time, where it is short."""
AT_THE_DOOR: Final = ".cash_"
"""How the reference of a payment begins that is collected in cash."""


class Payment(Table, table=True):
    """Money that is to be paid for an order; all amounts in minor units of `currency`."""

    __tablename__ = "payment"

    order_id: UUID = Field(primary_key=True)
    payment_id: UUID = Field(primary_key=True)
    change_id: UUID | None = Field(default=None)
    """The change that it is for, or the renewal; None: the order as it was placed."""
    renews: UUID | None = Field(default=None)
    """The payment whose hold it takes the place of."""
    replaced_at: datetime | None = Field(default=None)
    user_id: str
    amount: int = Field(sa_type=BigInteger)
    currency: str
    most_units: int | None = Field(default=None)
    """The most of one product that it pays for, as far as its risk is assessed."""
    status: Status = Field(default=Status.PENDING, sa_type=Text)
    authorized_amount: int = Field(default=0, sa_type=BigInteger)
    captured_amount: int = Field(default=0, sa_type=BigInteger)
    released_amount: int = Field(default=0, sa_type=BigInteger)
    """What was held and will not be taken."""
    let_go_amount: int = Field(default=0, sa_type=BigInteger)
    """What of it was let go since the order was cancelled or the change withdrawn."""
    refunded_amount: int = Field(default=0, sa_type=BigInteger)
    returned_amount: int = Field(default=0, sa_type=BigInteger)
    """What of it refunds gave back that were asked for; the rest went back because the order was cancelled."""
    psp_reference: str | None = Field(default=None)
    code: str | None = Field(default=None)
    barred_at: datetime | None = Field(default=None)
    withdrawn_at: datetime | None = Field(default=None)
    expires_at: datetime | None = Field(default=None)
    """Until when the PSP holds it; as long as it is pending, until when the customer is waited for."""
    warn_at: datetime | None = Field(default=None)
    """When the hold is renewed, or a person told that it will lapse."""
    lapsed_amount: int = Field(default=0, sa_type=BigInteger)
    """What was still to be taken when it lapsed."""
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
    def at_the_door(self) -> bool:
        """Whether it is paid in cash, when parcels are delivered."""
        return self.psp_reference is not None and self.psp_reference.startswith(AT_THE_DOOR)

    @property
    def shared(self) -> bool:
        """Whether the PSP holds a part of it, and our own means the rest."""
        return self.psp_reference is not None and "." in self.psp_reference.lstrip(".")

    @property
    def open_amount(self) -> int:
        """What is held to be taken: neither captured yet nor let go."""
        return self.authorized_amount - self.captured_amount - self.released_amount

    @property
    def available_amount(self) -> int:
        """What may be captured of it now."""
        stands = self.status == Status.AUTHORIZED and not (self.barred or self.withdrawn or self.replaced_at)
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

    def authorize(
        self, reference: str | None, cause: Cause, expires_at: datetime | None = None
    ) -> PaymentAuthorized | AdditionAuthorized | None:
        """Note that the PSP holds the amount, until `expires_at` (no `reference`: there is nothing to hold).

        Where the order is cancelled or the change withdrawn it is let go at once, and nobody is told.
        """
        if self.status != Status.PENDING:
            return None
        self._become(Status.AUTHORIZED, cause)
        self.psp_reference = reference
        self.authorized_amount = self.amount
        self.expires_at = expires_at
        if expires_at is not None:
            self.warn_at = expires_at - min(WARNING, (expires_at - cause.at) / 2)
        if self.amount:
            self._post(Entry.HOLD, self.payment_id, self.amount, cause)
        if self.barred or self.withdrawn:
            self._let_go(cause)
            return None
        self._rest()
        if self.renews is not None:
            return None
        if self.change_id is None:
            return PaymentAuthorized(**self._facts)
        return AdditionAuthorized(change_id=self.change_id, **self._facts)

    def await_customer(
        self, action: PaymentAction, reference: str, page: str, until: datetime, cause: Cause
    ) -> PaymentActionRequired | None:
        """Note that the customer has to do something first, and wait for it; told once.

        The PSP is asked now and then whether it is done; that a transfer came is heard of. What a change adds does not wait:
        who asked for it can ask again with another card.
        """
        if self.status != Status.PENDING:
            return None
        first = self.psp_reference is None
        if first:
            self.psp_reference = reference
            self.expires_at = until if self.change_id is None else cause.at
        self.updated_at = cause.at
        deadline = self.expires_at or until
        if not self.awaited or deadline <= cause.at:
            self.due_at = cause.at + retry_delay(1)
        else:
            self.due_at = deadline if action is PaymentAction.TRANSFER else min(cause.at + LONGEST, deadline)
        if not first or not self.awaited or self.change_id is not None:
            return None
        return PaymentActionRequired(
            order_id=self.order_id,
            user_id=self.user_id,
            payment_id=self.payment_id,
            action=action,
            amount=self.money(self.amount),
            reference=page,
            deadline_at=until,
        )

    def decline(self, code: str, cause: Cause) -> PaymentDeclined | AdditionDeclined | None:
        """Note that nothing is held and nothing will be; told where somebody waits for it."""
        if self.status != Status.PENDING:
            return None
        self._become(Status.DECLINED, cause)
        self.code = code
        self._rest()
        if self.barred or self.withdrawn or self.renews is not None:
            return None
        if self.change_id is None:
            return PaymentDeclined(code=code, **self._facts)
        return AdditionDeclined(change_id=self.change_id, code=code, **self._facts)

    @property
    def _facts(self) -> dict[str, Any]:
        ids = {"order_id": self.order_id, "user_id": self.user_id, "payment_id": self.payment_id}
        return {**ids, "amount": self.money(self.amount)}

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
        elif (self.barred or self.withdrawn or self.replaced_at) and self.status in {Status.AUTHORIZED, Status.LAPSED}:
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
        self._post(Entry.SALE, shipment_id, amount, cause)

    def release(self, reference: UUID, amount: int, cause: Cause) -> None:
        """Note that so much less is to be taken, because of `reference`; raises InvalidTransitionError where it is not held.

        The PSP lets go of it with the last capture; or, where nothing is left to take, when it is asked to.
        """
        if not 0 < amount <= self.available_amount:
            raise InvalidTransitionError(
                f"{amount} cannot be let go of a payment that is {self.status} with {self.available_amount} to take."
            )
        self._because(cause)
        self.released_amount += amount
        self._post(Entry.RELEASE, reference, amount, cause)

    def void(self, cause: Cause) -> None:
        """Note that the PSP let the hold go; of a cancelled order, what was captured before goes back next."""
        if self.status != Status.VOIDING:
            return
        released = self._release(cause)
        self.let_go_amount += 0 if self.replaced_at else released
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
        self._give_back(self.payment_id, self.captured_amount - self.refunded_amount, cause)
        self._rest()

    def return_(self, refund_id: UUID, amount: int, cause: Cause) -> None:
        """Note that the PSP gave back what a refund asks for; raises InvalidTransitionError where that much was not taken."""
        if not 0 < amount <= self.captured_amount - self.refunded_amount:
            raise InvalidTransitionError(
                f"{amount} cannot be given back of {self.captured_amount} taken and {self.refunded_amount} given back."
            )
        self._give_back(refund_id, amount, cause)
        self.returned_amount += amount

    def bounce(self, reference: UUID, amount: int, cause: Cause) -> None:
        """Note that what a refund gave back came back from the customer's bank."""
        self._give_back(reference, -amount, cause)
        self.returned_amount -= amount

    def _give_back(self, reference: UUID, amount: int, cause: Cause) -> None:
        self.refunded_amount += amount
        self.updated_at = cause.at
        undone = (Entry.REFUND_UNDONE, Entry.CREDIT_UNDONE)
        for entry in (Entry.REFUND, Entry.CREDIT) if amount > 0 else undone if amount else ():
            self._post(entry, reference, abs(amount), cause)

    def take_late(self, taken: int, cause: Cause) -> int:
        """Note that the PSP has taken `taken` in all, though nothing was to be taken any more; answers how much that is more.

        It goes back next, and nothing is held any more. What a change had let go here was held at the PSP still.
        """
        late = taken - self.captured_amount
        if self.status != Status.VOIDING or not self.barred or not 0 < late <= self.authorized_amount - self.captured_amount:
            return 0
        undone = max(late - self.open_amount, 0)
        if undone:
            self.released_amount -= undone
            self._post(Entry.RELEASE_UNDONE, self.payment_id, undone, cause)
        self.captured_amount += late
        for entry in (Entry.CAPTURE_RELEASE, Entry.CAPTURE, Entry.SALE):
            self._post(entry, self.payment_id, late, cause)
        self.void(cause)
        return late

    def move(self, entry: Entry, reference: UUID, amount: int, cause: Cause) -> None:
        """Note that a bank took money back, or that it was not the PSP who took, or gave back, a part of what was booked."""
        if amount:
            self.updated_at = cause.at
            self._post(entry, reference, amount, cause)

    def lapse(self, cause: Cause) -> None:
        """Note that the PSP let the hold go without being asked; captures that follow will fail."""
        if self.status == Status.AUTHORIZED:
            self.lapsed_amount = self.available_amount
            self._become(Status.LAPSED, cause)
            self._release(cause)
            self._rest()

    def replace(self, cause: Cause) -> None:
        """Note that another payment holds what is still to be taken; `settle` has this one let go."""
        self.replaced_at, self.warn_at, self.lapsed_amount = cause.at, None, 0
        self._because(cause)

    def ask_again(self, action: Action, cause: Cause, code: str | None = None) -> None:
        """Note that `action` has no outcome yet, or not the one it must have (`code` says why): it is due again."""
        if self.action != action:
            return
        self.code = code
        self.updated_at = cause.at
        patience = WANTED if self.barred or self.withdrawn else LONGEST
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
