"""The money of an order: payments, captures, and the postings that tell of every movement. Pure: no I/O."""

from payment.model.capture import Capture, CaptureConcludedError, CaptureStatus, Draw
from payment.model.funds import OrderFunds
from payment.model.key import PaymentKey
from payment.model.ledger import Account, Entry, Posting
from payment.model.payment import TRANSITIONS, Action, InvalidTransitionError, Payment, Status
from payment.model.records import Attempt, LedgerEntry, Reduction
from payment.model.retry import retry_delay
from payment.model.table import Table

__all__ = [
    "TRANSITIONS",
    "Account",
    "Action",
    "Attempt",
    "Capture",
    "CaptureConcludedError",
    "CaptureStatus",
    "Draw",
    "Entry",
    "InvalidTransitionError",
    "LedgerEntry",
    "OrderFunds",
    "Payment",
    "PaymentKey",
    "Posting",
    "Reduction",
    "Status",
    "Table",
    "retry_delay",
]
