"""The port: what is asked of a PSP and what it may answer."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from contracts.payment import PaymentAction
from contracts.types import Money
from payment.model import Entry, PaymentKey


@dataclass(frozen=True, slots=True)
class Authorized:
    """The PSP holds the amount under this reference, until `expires_at` where it says so."""

    reference: str
    expires_at: datetime | None = field(default=None, compare=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Declined:
    """The payer's bank said no; `code` is Stripe's, `detail` the issuer's reason where it gave one."""

    code: str
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """The PSP did it, now or when it was asked before; `own` is how much of it was done by our own means, booked as `entry`."""

    own: int = 0
    entry: Entry | None = None


@dataclass(frozen=True, slots=True)
class Taken(Authorized):
    """The PSP holds nothing any more under this reference: it took `amount` in all."""

    amount: int


@dataclass(frozen=True, slots=True)
class Challenged:
    """Nothing is held yet under this reference: the payer has to do something first.

    `page` is where the payer's bank asks who pays, or what a transfer must name.
    """

    reference: str
    page: str
    action: PaymentAction = PaymentAction.CHALLENGE


@dataclass(frozen=True, slots=True)
class Refused:
    """The PSP understood and will not do it, however often it is asked."""

    code: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """No answer, or one that does not tell whether it was done: ask again with the same key."""

    reason: str


@dataclass(frozen=True, slots=True)
class Canceled:
    """The PSP holds nothing under this reference any more."""

    reference: str


@dataclass(frozen=True, slots=True)
class Absent:
    """The PSP has no such payment, and none is on its way."""


AuthorizationAnswer = Authorized | Challenged | Declined | Refused | Unknown
ChangeAnswer = Done | Refused | Unknown
VoidAnswer = ChangeAnswer | Taken
InquiryAnswer = Authorized | Challenged | Declined | Canceled | Absent | Unknown


class PspCredentialsError(Exception):
    """The PSP does not accept our key: an operator must correct the settings; what is due stays due."""


class PspGateway(Protocol):
    """A PSP that holds, captures and gives back money. Amounts in minor units; every method raises PspCredentialsError.

    `payment` names which of an order's payments is meant; each is one payment at the PSP, known there by a `reference`.
    """

    async def authorize(self, payment: PaymentKey, amount: Money, method: str, token: str) -> AuthorizationAnswer:
        """Hold `amount` on the instrument behind `token`, to be captured in parts later."""
        ...

    async def reauthorize(self, payment: PaymentKey, amount: Money, reference: str) -> AuthorizationAnswer:
        """Hold `amount` on what the payment of `reference` was made with, without asking the payer for anything."""
        ...

    async def capture(
        self, payment: PaymentKey, shipment_id: UUID, reference: str, amount: Money, *, final: bool
    ) -> ChangeAnswer:
        """Take a part of what is held; `final` lets go of the rest."""
        ...

    async def void(self, payment: PaymentKey, reference: str) -> VoidAnswer:
        """Let go of what is held and not captured; done, too, where nothing is held any more; `Taken` where it is too late."""
        ...

    async def refund(self, payment: PaymentKey, reference: str, amount: Money, key: str | None = None) -> ChangeAnswer:
        """Give back captured money: a part under a `key` of its own, or all that is left (done, too, where none is)."""
        ...

    async def inquire(
        self, payment: PaymentKey, *, reference: str | None = None, sent_at: datetime | None = None
    ) -> InquiryAnswer:
        """Tell how a payment stands. `Absent` is answered only once what was sent at `sent_at` would be found."""
        ...


def idempotency_key(purpose: str, payment: PaymentKey, shipment_id: UUID | None = None) -> str:
    """Name a wish for the PSP: the same wish always has the same key."""
    parts = (payment.order_id, payment.change_id, shipment_id)
    return ":".join(["waybill", purpose, *(str(part) for part in parts if part is not None)])


def refund_key(refund_id: UUID, payment_id: UUID, refusals: int) -> str:
    """Name the wish for a part of a refund; after a refusal it is another wish, for the PSP repeats what it answered to one."""
    return f"refund-{refund_id}-{payment_id}{f'-{refusals}' if refusals else ''}"
