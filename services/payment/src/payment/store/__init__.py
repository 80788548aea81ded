"""SQL out: payments with their ledger and attempts, captures, instruments, and the due rows of the jobs."""

from payment.store.audit import Audit, audit
from payment.store.captures import CaptureStore
from payment.store.due import AuthorizationDue, CaptureDue, InquiryDue, RefundDue, VoidDue
from payment.store.instruments import InstrumentStore
from payment.store.open_work import measure
from payment.store.payments import PaymentStore

__all__ = [
    "Audit",
    "AuthorizationDue",
    "CaptureDue",
    "CaptureStore",
    "InquiryDue",
    "InstrumentStore",
    "PaymentStore",
    "RefundDue",
    "VoidDue",
    "audit",
    "measure",
]
