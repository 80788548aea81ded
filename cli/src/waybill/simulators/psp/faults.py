"""How the PSP can be told to misbehave, by a mode for all requests or by the token of one payment.

A time-out is simulated with its outcome decided: the work is done (``timeout_captured``), refused (``timeout_failed``) or
never reached the books (``timeout_lost``), and only the answer is withheld, once for each idempotency key. Asking again tells
the truth.
"""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from waybill.simulators.faults import FaultSetting


class Fault(StrEnum):
    """What happens to a request."""

    OK = "ok"
    DECLINE = "decline"
    SLOW = "slow"
    TIMEOUT_CAPTURED = "timeout_captured"
    TIMEOUT_FAILED = "timeout_failed"
    TIMEOUT_LOST = "timeout_lost"
    ERROR = "error_5xx"


class Operation(StrEnum):
    """What a client asks for."""

    CREATE = "create"
    CAPTURE = "capture"
    CANCEL = "cancel"
    REFUND = "refund"
    READ = "read"


_CHANGES = frozenset({Operation.CREATE, Operation.CAPTURE, Operation.CANCEL, Operation.REFUND})
_MEANT_FOR = {
    Fault.OK: frozenset[Operation](),
    Fault.DECLINE: frozenset({Operation.CREATE}),
    Fault.SLOW: frozenset(Operation),
    Fault.TIMEOUT_CAPTURED: _CHANGES,
    Fault.TIMEOUT_FAILED: _CHANGES,
    Fault.TIMEOUT_LOST: _CHANGES,
    Fault.ERROR: frozenset(Operation),
}


class PspSetting(FaultSetting[Fault]):
    """The PSP's mode, the operations it is meant for, and how webhooks travel."""

    mode: Fault = Fault.OK
    operations: frozenset[Operation] | None = None
    """Without it, all operations that the mode makes sense for."""
    webhooks: Literal["normal", "duplicate", "late", "forged", "off"] = "normal"
    webhook_delay_seconds: float = Field(default=5.0, ge=0, le=3600)
    """How much later a late webhook leaves."""

    hold_seconds: float | None = Field(default=None, gt=0, le=10**8)
    """How long what is held from now on is held; without it, a card's week or what SIMULATOR_HOLD_SECONDS says."""

    def meets(self, operation: Operation) -> bool:
        """Tell whether a request of this kind is affected."""
        return operation in (_MEANT_FOR[self.mode] if self.operations is None else self.operations)


TOKENS: dict[str, tuple[Fault, str | None]] = {
    "tok_ok": (Fault.OK, None),
    "tok_declined": (Fault.DECLINE, "generic_decline"),
    "tok_insufficient_funds": (Fault.DECLINE, "insufficient_funds"),
    "tok_3ds": (Fault.OK, None),
    "tok_once": (Fault.OK, None),
    "tok_slow": (Fault.SLOW, None),
    "tok_timeout_captured": (Fault.TIMEOUT_CAPTURED, None),
    "tok_timeout_failed": (Fault.TIMEOUT_FAILED, None),
    "tok_timeout_lost": (Fault.TIMEOUT_LOST, None),
    "tok_error": (Fault.ERROR, None),
}
"""The payment methods this PSP knows, with what happens when they are charged and the decline's reason."""
