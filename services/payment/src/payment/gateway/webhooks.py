"""The PSP's webhooks: signed notices that something happened to a payment.

A notice is a hint, nothing more: it names a payment that is to be asked about, and the truth comes from the PSP itself.
So a late, repeated or reordered notice changes nothing. Only of disputes it is believed what they say: what a bank took back
is no payment's state that could be asked for; and of refunds, that the customer's bank has sent one back. A notice that is
forged or stale is refused and counted.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from prometheus_client import CollectorRegistry, Counter
from pydantic_core import from_json

from chassis.domain import Clock, Refusal, utc_now
from payment.model import PaymentKey

TOLERANCE_SECONDS: Final = 300
DISPUTED: Final = "charge.dispute.created"
DECIDED: Final = "charge.dispute.closed"
BOUNCED: Final = frozenset({"refund.failed", "refund.updated", "charge.refund.updated"})
"""Notices of which one may say that money that was given back came back from the customer's bank."""
WISH: Final = "wish"
"""The note at the PSP that names for which wish of ours a refund was made."""
WARNING: Final = "warning_"
"""How the states of a dispute begin for which no money has moved."""
DOUBTS: Final = frozenset({"payment_intent.canceled", "charge.expired"})
"""Notices that say that a hold is gone."""


class InvalidWebhookError(Refusal):
    """The notice is not signed by the PSP, or is too old."""

    slug = "invalid-webhook"
    title = "The webhook is not valid"
    status = 400


@dataclass(frozen=True, slots=True)
class WebhookHeard:
    """The PSP says that something happened to a payment; `doubtful`: that its hold is gone."""

    payment: PaymentKey
    kind: str
    doubtful: bool

    @property
    def order_id(self) -> UUID:
        """The order it is about."""
        return self.payment.order_id


@dataclass(frozen=True, slots=True)
class DisputeHeard:
    """The PSP says that a bank took captured money back, or (`closed`) whether it is ours again; `reference` is the payment."""

    psp_dispute: str
    reference: str
    amount: int
    code: str
    respond_by: datetime | None
    closed: bool
    won: bool


@dataclass(frozen=True, slots=True)
class BounceHeard:
    """The PSP says that a refund came back from the customer's bank; `wish` is the key that it was asked for under."""

    payment: PaymentKey
    wish: str
    amount: int
    code: str

    @property
    def order_id(self) -> UUID:
        """The order it is about."""
        return self.payment.order_id


Heard = WebhookHeard | DisputeHeard | BounceHeard


class PspWebhooks:
    """Reads notices signed in Stripe's way: HMAC-SHA256 over time and body."""

    def __init__(self, secret: str, clock: Clock = utc_now) -> None:
        self._secret = secret.encode()
        self._clock = clock
        self._counter = Counter("psp_webhooks", "Webhooks of the PSP", ["result"], registry=None)
        for result in ("heard", "ignored", "refused"):
            self._counter.labels(result)

    def measure(self, registry: CollectorRegistry) -> None:
        """Have the count of notices among the service's metrics."""
        if self._counter not in registry._collector_to_names:  # noqa: SLF001 - a registry cannot be asked otherwise
            registry.register(self._counter)

    def read(self, body: bytes, signature: str) -> Heard | None:
        """Read a notice; None where it is about no order of ours. Raises InvalidWebhookError."""
        try:
            self._verify(body, signature)
        except InvalidWebhookError:
            self._counter.labels("refused").inc()
            raise
        heard = _about(body)
        self._counter.labels("ignored" if heard is None else "heard").inc()
        return heard

    def _verify(self, body: bytes, signature: str) -> None:
        parts = [part.partition("=") for part in signature.split(",")]
        moments = [value for name, _, value in parts if name.strip() == "t"]
        signed = [value for name, _, value in parts if name.strip() == "v1"]
        if not self._secret or len(moments) != 1 or not moments[0].isdecimal() or len(moments[0]) > 12:  # noqa: PLR2004 - past the year 30000
            raise InvalidWebhookError("The Stripe-Signature header is missing or cannot be read.")
        expected = hmac.new(self._secret, moments[0].encode() + b"." + body, hashlib.sha256).hexdigest()
        if not any(hmac.compare_digest(expected.encode(), one.encode()) for one in signed):
            raise InvalidWebhookError("The signature is not the PSP's.")
        if abs(self._clock().timestamp() - int(moments[0])) > TOLERANCE_SECONDS:
            raise InvalidWebhookError("The signature is too old.")


def _about(body: bytes) -> Heard | None:
    try:
        notice: Any = from_json(body)
        kind = str(notice["type"])
        if kind in {DISPUTED, DECIDED}:
            return _dispute(notice["data"]["object"], closed=kind == DECIDED)
        told: Any = notice["data"]["object"]
        notes: Any = told["metadata"]
        change_id: Any = notes.get("change_id")
        payment = PaymentKey(UUID(notes["order_id"]), None if change_id is None else UUID(change_id))
        if kind in BOUNCED:
            failed = told["status"] == "failed"
            code = str(told.get("failure_reason") or "unknown")
            return BounceHeard(payment, str(notes[WISH]), int(told["amount"]), code) if failed else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return WebhookHeard(payment, kind, kind in DOUBTS)


def _dispute(told: Any, *, closed: bool) -> DisputeHeard | None:
    """Read a dispute; None as long as no money has moved, or where none is named."""
    status, amount = str(told["status"]), int(told["amount"])
    if status.startswith(WARNING) or amount <= 0:
        return None
    due: Any = (told.get("evidence_details") or {}).get("due_by")
    return DisputeHeard(
        psp_dispute=str(told["id"]),
        reference=str(told["payment_intent"]),
        amount=amount,
        code=str(told["reason"]),
        respond_by=None if due is None else datetime.fromtimestamp(int(due), UTC),
        closed=closed,
        won=status == "won",
    )
