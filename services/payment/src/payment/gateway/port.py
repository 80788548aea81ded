"""The port: what is asked of a PSP and what it may answer."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from contracts.types import Money
from payment.model import PaymentKey


@dataclass(frozen=True, slots=True)
class Authorized:
    """The PSP holds the amount under this reference."""

    reference: str


@dataclass(frozen=True, slots=True)
class Declined:
    """The payer's bank said no; `code` is Stripe's, `detail` the issuer's reason where it gave one."""

    code: str
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """The PSP did it, now or when it was asked before."""


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


AuthorizationAnswer = Authorized | Declined | Refused | Unknown
ChangeAnswer = Done | Refused | Unknown
InquiryAnswer = Authorized | Declined | Canceled | Absent | Unknown


class PspCredentialsError(Exception):
    """The PSP does not accept our key: an operator must correct the settings; what is due stays due."""


class PspGateway(Protocol):
    """A PSP that holds, captures and gives back money. Amounts in minor units; every method raises PspCredentialsError.

    `payment` names which of an order's payments is meant; each is one payment at the PSP, known there by a `reference`.
    """

    async def authorize(self, payment: PaymentKey, amount: Money, method: str, token: str) -> AuthorizationAnswer:
        """Hold `amount` on the instrument behind `token`, to be captured in parts later."""
        ...

    async def capture(
        self, payment: PaymentKey, shipment_id: UUID, reference: str, amount: Money, *, final: bool
    ) -> ChangeAnswer:
        """Take a part of what is held; `final` lets go of the rest."""
        ...

    async def void(self, payment: PaymentKey, reference: str) -> ChangeAnswer:
        """Let go of what is held and not captured; done, too, where nothing is held any more."""
        ...

    async def refund(self, payment: PaymentKey, reference: str, amount: Money) -> ChangeAnswer:
        """Give back captured money; done, too, where all of it was given back."""
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
