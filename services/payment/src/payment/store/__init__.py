"""SQL out: payments with their ledger and attempts, what is taken and given back, instruments, and the due rows of the jobs."""

from payment.store.audit import Audit, audit
from payment.store.captures import CaptureStore
from payment.store.capturing import CaptureDue, DrawDue
from payment.store.cash import CashStore
from payment.store.disputes import DisputeStore, find_payment
from payment.store.due import AuthorizationDue, ExpiryDue, InquiryDue, RefundDue, VoidDue
from payment.store.exchanges import ExchangeStore, PayOutDue
from payment.store.finding import called
from payment.store.gift_cards import GiftCardStore, find_gift_card, gift_card_movements, gift_card_secret
from payment.store.instruments import InstrumentStore
from payment.store.open_work import measure
from payment.store.owed import WORK
from payment.store.payments import PaymentStore
from payment.store.reductions import ReductionStore
from payment.store.refunds import AllotmentDue, RefundPartDue, RefundStore
from payment.store.risk import terms_in
from payment.store.risk_reviews import DecideReview, ReviewDue, ReviewStore
from payment.store.risk_rules import RiskRulesStore, backtest, risk_rules
from payment.store.settlements import SettlementStore, SettlementView, read_settlement
from payment.store.transfers import TransferStore, transfer_account, transfer_accounts

__all__ = [
    "WORK",
    "AllotmentDue",
    "Audit",
    "AuthorizationDue",
    "CaptureDue",
    "CaptureStore",
    "CashStore",
    "DecideReview",
    "DisputeStore",
    "DrawDue",
    "ExchangeStore",
    "ExpiryDue",
    "GiftCardStore",
    "InquiryDue",
    "InstrumentStore",
    "PayOutDue",
    "PaymentStore",
    "ReductionStore",
    "RefundDue",
    "RefundPartDue",
    "RefundStore",
    "ReviewDue",
    "ReviewStore",
    "RiskRulesStore",
    "SettlementStore",
    "SettlementView",
    "TransferStore",
    "VoidDue",
    "audit",
    "backtest",
    "called",
    "find_gift_card",
    "find_payment",
    "gift_card_movements",
    "gift_card_secret",
    "measure",
    "read_settlement",
    "risk_rules",
    "terms_in",
    "transfer_account",
    "transfer_accounts",
]
