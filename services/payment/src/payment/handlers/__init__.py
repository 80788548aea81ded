"""What payment does when something happens: it holds, takes and gives back an order's money.

It hears StockReserved, AdditionReserved, OrderContacts, OrderChanged, OrderChangeWithdrawn, OrderCancelled, ShipmentDispatched,
ShipmentDelivered and RefundRequested, in any order that different topics allow and any number of times. Reactions only leave
due rows; jobs ask the PSP, outside any transaction and with a key derived from the order and the change, or from the refund;
the functions that hear their outcomes write them down and tell the facts. A cancellation is answered exactly once, by
PaymentVoided or PaymentRefunded, the withdrawal of a change by AdditionVoided, and a refund by PaymentRefunded or RefundFailed,
after whatever was unknown has become known.
"""

from payment.handlers.asking import InquiryOutcome, hear_webhook, inquire, note_inquiry, warn_of_expiry
from payment.handlers.authorizing import (
    AuthorizationOutcome,
    authorize,
    authorize_addition,
    authorize_payment,
    forget_instrument,
    note_authorization,
    note_instrument,
)
from payment.handlers.capturing import CaptureOutcome, capture, capture_payment, collect_cash, draw, note_capture
from payment.handlers.changing import reduce_payment, void_addition
from payment.handlers.disputing import DisputeNotice, hear_dispute
from payment.handlers.exchanging import PayOutOutcome, note_paid_out, pay_out
from payment.handlers.gift_cards import issue_gift_card
from payment.handlers.giving_back import RefundOutcome, VoidOutcome, note_refund, note_void, refund, void, void_or_refund
from payment.handlers.refunding import RefundPartOutcome, allot, give_back, note_given_back, request_refund
from payment.handlers.registry import jobs, react
from payment.handlers.reviewing import decide_by_default, decide_review
from payment.handlers.settling import import_settlement
from payment.handlers.transfers import receive_transfer

__all__ = [
    "AuthorizationOutcome",
    "CaptureOutcome",
    "DisputeNotice",
    "InquiryOutcome",
    "PayOutOutcome",
    "RefundOutcome",
    "RefundPartOutcome",
    "VoidOutcome",
    "allot",
    "authorize",
    "authorize_addition",
    "authorize_payment",
    "capture",
    "capture_payment",
    "collect_cash",
    "decide_by_default",
    "decide_review",
    "draw",
    "forget_instrument",
    "give_back",
    "hear_dispute",
    "hear_webhook",
    "import_settlement",
    "inquire",
    "issue_gift_card",
    "jobs",
    "note_authorization",
    "note_capture",
    "note_given_back",
    "note_inquiry",
    "note_instrument",
    "note_paid_out",
    "note_refund",
    "note_void",
    "pay_out",
    "react",
    "receive_transfer",
    "reduce_payment",
    "refund",
    "request_refund",
    "void",
    "void_addition",
    "void_or_refund",
    "warn_of_expiry",
]
