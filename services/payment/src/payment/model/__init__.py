"""The money of an order: payments, captures, and the postings that tell of every movement. Pure: no I/O."""

from payment.model.capture import Capture, CaptureConcludedError, CaptureStatus, Draw
from payment.model.dispute import Dispute, DisputeStatus, dispute_id
from payment.model.funds import OrderFunds
from payment.model.key import PaymentKey
from payment.model.ledger import Account, Entry, Posting
from payment.model.payment import Payment
from payment.model.records import Attempt, LedgerEntry, Reduction
from payment.model.refund import Refund, RefundPart, RefundStatus
from payment.model.renewal import Renewals, renewal_of
from payment.model.retry import retry_delay
from payment.model.risk import (
    MARKS,
    Assessment,
    Crowd,
    Facts,
    InvalidRiskRulesError,
    Marker,
    RiskTerms,
    RuleSet,
    Seen,
    Verdict,
    noted,
)
from payment.model.risk_backtest import Replay
from payment.model.risk_review import FRAUD_REJECTED, Review, ReviewDecidedError, ReviewState
from payment.model.settlement import (
    SETTLES_WITHIN,
    Difference,
    DifferenceKind,
    ImportSettlement,
    Moved,
    SettledRow,
    SettledType,
    differences,
)
from payment.model.standing import TRANSITIONS, Action, InvalidTransitionError, Status
from payment.model.table import Table

__all__ = [
    "FRAUD_REJECTED",
    "MARKS",
    "SETTLES_WITHIN",
    "TRANSITIONS",
    "Account",
    "Action",
    "Assessment",
    "Attempt",
    "Capture",
    "CaptureConcludedError",
    "CaptureStatus",
    "Crowd",
    "Difference",
    "DifferenceKind",
    "Dispute",
    "DisputeStatus",
    "Draw",
    "Entry",
    "Facts",
    "ImportSettlement",
    "InvalidRiskRulesError",
    "InvalidTransitionError",
    "LedgerEntry",
    "Marker",
    "Moved",
    "OrderFunds",
    "Payment",
    "PaymentKey",
    "Posting",
    "Reduction",
    "Refund",
    "RefundPart",
    "RefundStatus",
    "Renewals",
    "Replay",
    "Review",
    "ReviewDecidedError",
    "ReviewState",
    "RiskTerms",
    "RuleSet",
    "Seen",
    "SettledRow",
    "SettledType",
    "Status",
    "Table",
    "Verdict",
    "differences",
    "dispute_id",
    "noted",
    "renewal_of",
    "retry_delay",
]
