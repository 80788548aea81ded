"""The invariants, and what was found: how much was looked at, and every violation by name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

KEPT: Final = 10_000


class Invariant(StrEnum):
    """What must be true of a Waybill at rest."""

    ORDER_ONCE = "order-once"
    AT_REST = "at-rest"
    HISTORY = "history"
    STATUS = "status"
    RETOLD = "retold"
    ORDER_SUMS = "order-sums"
    PARCELS = "parcels"
    SHARES = "shares"
    LABELS = "labels"
    CARRIER_LEDGER = "carrier-ledger"
    CHANGES = "changes"
    PSP_LEDGER = "psp-ledger"
    ORDER_MONEY = "order-money"
    MONEY_KEPT = "money-kept"
    OPEN_AUTHORISATION = "open-authorisation"
    CAPTURE_ONCE = "capture-once"
    REVIEWS = "reviews"
    DOUBLE_ENTRY = "double-entry"
    STOCK_LEDGER = "stock-ledger"
    STOCK_NEGATIVE = "stock-negative"
    STOCK_RESERVED = "stock-reserved"
    RESERVATION = "reservation"
    PARCEL_STOCK = "parcel-stock"
    BACKORDERS = "backorders"
    RETURNED_STOCK = "returned-stock"
    EXCHANGES = "exchanges"
    DOCUMENTS = "documents"
    CUSTOMER_TOLD = "customer-told"
    MESSAGE_ONCE = "message-once"
    OUTBOX_EMPTY = "outbox-empty"
    SEQUENCE = "sequence"
    DEAD_LETTERS = "dead-letters"
    CONSUMER_LAG = "consumer-lag"
    TOPICS = "topics"


SENTENCES: Final[Mapping[Invariant, str]] = {
    Invariant.ORDER_ONCE: "every acknowledged order exists once, one for each customer and Idempotency-Key",
    Invariant.AT_REST: "nothing is under way for long, unless a person must act",
    Invariant.HISTORY: "histories have no holes and legal transitions only, each with its actor",
    Invariant.STATUS: "each order's status is what its axes say",
    Invariant.RETOLD: "the facts of each order, replayed, come to its state",
    Invariant.ORDER_SUMS: "lines, shipping and taxes of each order add up, and its counters",
    Invariant.PARCELS: "each unit is in one parcel or waits for stock, and none that was cut is",
    Invariant.SHARES: "parcels bear the total: each line's money, and shipping, is in one of them",
    Invariant.LABELS: "a parcel has one live label at the most, and travels under its number",
    Invariant.CARRIER_LEDGER: "labels are what the carriers' books say: sold once, live or given back",
    Invariant.CHANGES: "changes are decided in time, and alike by order, inventory and payment",
    Invariant.PSP_LEDGER: "payments are what the PSP's books say: authorised, open, captured, refunded",
    Invariant.ORDER_MONEY: "each order says of its money what its payment says",
    Invariant.MONEY_KEPT: "captured less refunded is the value of what was shipped",
    Invariant.OPEN_AUTHORISATION: "no money is held for a cancelled order, or twice for one",
    Invariant.CAPTURE_ONCE: "at most one capture for each shipment, at the PSP too",
    Invariant.REVIEWS: "risky orders wait with their money held, and what was decided says by whom",
    Invariant.DOUBLE_ENTRY: "the money ledger balances and is what the payments say",
    Invariant.STOCK_LEDGER: "stock counters are the sums of their movements",
    Invariant.STOCK_NEGATIVE: "no stock is negative, or reserved beyond what is there",
    Invariant.STOCK_RESERVED: "reserved stock is the sum of live reservations",
    Invariant.RESERVATION: "stock is held for open orders and for no others, as much as they have to get",
    Invariant.PARCEL_STOCK: "parcels are held, and taken off the books once, where they leave from",
    Invariant.BACKORDERS: "what orders wait for is agreed, and none of it lies free",
    Invariant.RETURNED_STOCK: "what came back is booked once, by its receipt, and is no more than was sent",
    Invariant.EXCHANGES: "orders exchanged for one another are paid for once, over all of them together",
    Invariant.DOCUMENTS: "invoices and credit notes are numbered without gaps, chained, and come to the money",
    Invariant.CUSTOMER_TOLD: "customers are told of each fact once by each channel",
    Invariant.MESSAGE_ONCE: "what was sent has come to its provider, under one Message-ID, and nothing else has",
    Invariant.OUTBOX_EMPTY: "every committed fact is published",
    Invariant.SEQUENCE: "facts of a key are numbered without holes",
    Invariant.DEAD_LETTERS: "no dead letter is open",
    Invariant.CONSUMER_LAG: "every service has heard all there is to hear",
    Invariant.TOPICS: "topics hold the committed facts and no others, each key's in order",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """A case where an invariant does not hold: what it is about (an order, a product), and what is wrong."""

    subject: str
    says: str


@dataclass(slots=True)
class Finding:
    """What was found of one invariant; `left_out` says why it was not looked at."""

    invariant: Invariant
    checked: int = 0
    count: int = 0
    violations: list[Violation] = field(default_factory=list)
    left_out: str = ""


class Findings:
    """All that was found in one run."""

    def __init__(self) -> None:
        self.of = {invariant: Finding(invariant) for invariant in Invariant}
        self.orders = 0
        self.in_flight = 0
        self.unreadable = 0

    @property
    def clean(self) -> bool:
        """Whether no invariant is violated."""
        return not any(finding.count for finding in self.of.values())

    def checked(self, invariant: Invariant, count: int = 1) -> None:
        """Note that something was looked at."""
        self.of[invariant].checked += count

    def violated(self, invariant: Invariant, subject: object, says: str) -> None:
        """Note a violation; of very many only the first are kept by name."""
        finding = self.of[invariant]
        finding.count += 1
        if len(finding.violations) < KEPT:
            finding.violations.append(Violation(str(subject), says))

    def left_out(self, reason: str, *invariants: Invariant) -> None:
        """Note that invariants were not looked at, and why."""
        for invariant in invariants:
            self.of[invariant].left_out = reason

    def document(self) -> dict[str, Any]:
        """Return everything for programs."""
        return {
            "clean": self.clean,
            "orders": self.orders,
            "in_flight": self.in_flight,
            "unreadable_records": self.unreadable,
            "checks": [
                {
                    "name": finding.invariant,
                    "invariant": SENTENCES[finding.invariant],
                    "checked": finding.checked,
                    "violations": finding.count,
                    "left_out": finding.left_out or None,
                    "named": [{"subject": one.subject, "says": one.says} for one in finding.violations],
                }
                for finding in self.of.values()
            ],
        }
