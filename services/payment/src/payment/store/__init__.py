"""SQL out: payments with their ledger and attempts, captures, reductions, instruments, and the due rows of the jobs."""

from payment.store.audit import Audit, audit
from payment.store.captures import CaptureStore
from payment.store.capturing import CaptureDue, DrawDue
from payment.store.due import AuthorizationDue, InquiryDue, RefundDue, VoidDue
from payment.store.instruments import InstrumentStore
from payment.store.open_work import measure
from payment.store.payments import PaymentStore
from payment.store.reductions import ReductionStore

__all__ = [
    "Audit",
    "AuthorizationDue",
    "CaptureDue",
    "CaptureStore",
    "DrawDue",
    "InquiryDue",
    "InstrumentStore",
    "PaymentStore",
    "ReductionStore",
    "RefundDue",
    "VoidDue",
    "audit",
    "measure",
]
