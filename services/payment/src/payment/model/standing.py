"""Where a payment's money can stand, how it gets from there to elsewhere, and what may be due at the PSP meanwhile."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from chassis.domain import Refusal


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
    RENEW = "renew"


class InvalidTransitionError(Refusal):
    """The payment is not in a state where this can happen."""

    slug = "invalid-transition"
    title = "The payment is in another state"
