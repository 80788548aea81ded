"""How the carriers can be told to misbehave.

A time-out is simulated with its outcome decided: the work is done (``timeout_bought``) or never reached the books
(``timeout_failed``, once for each subject), and only the answer is withheld. Asking again tells the truth.
"""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from waybill.simulators.faults import FaultSetting


class Fault(StrEnum):
    """What happens to a request."""

    OK = "ok"
    SLOW = "slow"
    ERROR = "error_5xx"
    RATE_LIMITED = "rate_limited"
    """429, with when to come back."""
    REFUSE = "refuse"
    """The carrier will not sell the label, or not take it back."""
    TIMEOUT_BOUGHT = "timeout_bought"
    TIMEOUT_FAILED = "timeout_failed"


class Operation(StrEnum):
    """What a client asks for."""

    CREATE = "create"
    BUY = "buy"
    REFUND = "refund"
    READ = "read"


_CHANGES = frozenset({Operation.CREATE, Operation.BUY, Operation.REFUND})
_MEANT_FOR = {
    Fault.OK: frozenset[Operation](),
    Fault.SLOW: frozenset(Operation),
    Fault.ERROR: frozenset(Operation),
    Fault.RATE_LIMITED: frozenset(Operation),
    Fault.REFUSE: frozenset({Operation.BUY}),
    Fault.TIMEOUT_BOUGHT: _CHANGES,
    Fault.TIMEOUT_FAILED: _CHANGES,
}


class CarrierSetting(FaultSetting[Fault]):
    """The carriers' mode, the operations it is meant for, and how webhooks travel."""

    mode: Fault = Fault.OK
    operations: frozenset[Operation] | None = None
    """Without it, all operations that the mode makes sense for."""
    webhooks: Literal["normal", "duplicate", "late", "out_of_order", "forged", "stale", "off"] = "normal"
    """``forged`` and ``stale`` send a bad notice before the good one."""
    webhook_delay_seconds: float = Field(default=5.0, ge=0, le=3600)
    """How much later a late webhook leaves, and how long those are collected that leave the youngest first."""

    def meets(self, operation: Operation) -> bool:
        """Tell whether a request of this kind is affected."""
        return operation in (_MEANT_FOR[self.mode] if self.operations is None else self.operations)
