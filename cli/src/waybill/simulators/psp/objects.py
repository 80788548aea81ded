"""Stripe's JSON objects, rendered from the books."""

import os
import secrets
import time
from collections.abc import Iterable
from typing import Any

from waybill.simulators.psp.ledger import Dispute, Intent, Refund

API_VERSION = "2026-10-28.endive"

DECLINES = {
    "generic_decline": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "authentication_failure": "We are unable to authenticate your payment method.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
}


def hold_seconds() -> float:
    """Tell how long an amount is held before it lapses: a card's week, or what SIMULATOR_HOLD_SECONDS says."""
    return float(os.environ.get("SIMULATOR_HOLD_SECONDS", "604800"))


def new_id(prefix: str) -> str:
    """Make an identifier in Stripe's form, ``prefix_…``."""
    return f"{prefix}_{secrets.token_hex(12)}"


def payment_intent(intent: Intent, expand: Iterable[str] = ()) -> dict[str, Any]:
    """Render a payment intent; ``latest_charge`` can be expanded."""
    return {
        "id": intent.id,
        "object": "payment_intent",
        "amount": intent.amount,
        "amount_capturable": intent.capturable,
        "amount_received": intent.captured,
        "canceled_at": None if intent.canceled is None else int(intent.canceled),
        "cancellation_reason": intent.cancellation_reason,
        "capture_method": intent.capture_method,
        "client_secret": f"{intent.id}_secret_{intent.charge_id[3:15]}",
        "confirmation_method": "automatic",
        "created": int(intent.created),
        "currency": intent.currency,
        "customer": None,
        "description": intent.description,
        "last_payment_error": None if intent.decline_code is None else card_error(intent),
        "latest_charge": charge(intent) if "latest_charge" in expand else intent.charge_id,
        "livemode": False,
        "metadata": intent.metadata,
        "next_action": _next_action(intent),
        "payment_method": None if intent.status == "requires_payment_method" else intent.payment_method,
        "payment_method_types": ["card"],
        "status": intent.status,
    }


def challenge_page(intent_id: str) -> str:
    """Tell the path of the page where the cardholder's bank asks who pays."""
    return f"/sim/psp/challenge/{intent_id}"


def _next_action(intent: Intent) -> dict[str, Any] | None:
    if intent.status != "requires_action":
        return None
    return {"type": "redirect_to_url", "redirect_to_url": {"url": challenge_page(intent.id), "return_url": None}}


def charge(intent: Intent) -> dict[str, Any]:
    """Render the one charge of an intent."""
    declined = intent.decline_code is not None
    return {
        "id": intent.charge_id,
        "object": "charge",
        "amount": intent.amount,
        "amount_captured": intent.captured,
        "amount_refunded": intent.refunded,
        "captured": intent.captured > 0,
        "created": int(intent.created),
        "currency": intent.currency,
        "failure_code": "card_declined" if declined else None,
        "failure_message": DECLINES[intent.decline_code] if intent.decline_code else None,
        "livemode": False,
        "metadata": intent.metadata,
        "outcome": {
            "network_status": "declined_by_network" if declined else "approved_by_network",
            "reason": intent.decline_code,
            "risk_level": "normal",
            "type": "issuer_declined" if declined else "authorized",
        },
        "paid": not declined,
        "payment_intent": intent.id,
        "payment_method": intent.payment_method,
        "payment_method_details": {
            "type": "card",
            "card": {
                "brand": "visa",
                "capture_before": int(intent.expires or intent.created + hold_seconds()) if intent.capturable else None,
                "multicapture": {"status": "available"},
            },
        },
        "refunded": 0 < intent.captured == intent.refunded,
        "status": "failed" if declined else "succeeded",
    }


def card_error(intent: Intent) -> dict[str, Any]:
    """Render why a payment was declined."""
    decline_code = intent.decline_code or "generic_decline"
    return {
        "type": "card_error",
        "code": "payment_intent_authentication_failure" if decline_code == "authentication_failure" else "card_declined",
        "decline_code": decline_code,
        "message": DECLINES[decline_code],
        "charge": intent.charge_id,
        "payment_method": {"id": intent.payment_method, "object": "payment_method", "type": "card"},
    }


def refund_object(refund: Refund, intent: Intent) -> dict[str, Any]:
    """Render a refund."""
    return {
        "id": refund.id,
        "object": "refund",
        "amount": refund.amount,
        "charge": intent.charge_id,
        "created": int(refund.created),
        "currency": intent.currency,
        "metadata": refund.metadata,
        "payment_intent": intent.id,
        "reason": refund.reason,
        "status": "succeeded" if refund.failure_reason is None else "failed",
        **({} if refund.failure_reason is None else {"failure_reason": refund.failure_reason}),
    }


def dispute_object(dispute: Dispute, intent: Intent) -> dict[str, Any]:
    """Render a dispute; its metadata is its own, not the intent's."""
    return {
        "id": dispute.id,
        "object": "dispute",
        "amount": dispute.amount,
        "charge": intent.charge_id,
        "created": int(dispute.created),
        "currency": intent.currency,
        "evidence_details": {"due_by": int(dispute.respond_by), "has_evidence": False, "past_due": False},
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": intent.id,
        "reason": dispute.reason,
        "status": dispute.status,
    }


def event(kind: str, subject: dict[str, Any], request_id: str, key: str | None) -> dict[str, Any]:
    """Render the notification that something has happened."""
    return {
        "id": new_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": int(time.time()),
        "data": {"object": subject},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": request_id, "idempotency_key": key},
        "type": kind,
    }


def page(url: str, data: list[dict[str, Any]], limit: int) -> dict[str, Any]:
    """Render a page from up to one object more than it may show."""
    return {"object": "list", "url": url, "has_more": len(data) > limit, "data": data[:limit]}


def search_result(url: str, data: list[dict[str, Any]], limit: int, following: int | None) -> dict[str, Any]:
    """Render a page of a search; ``following`` is the place after which the next one begins."""
    next_page = None if following is None else f"page_{following}"
    return {**page(url, data, limit), "object": "search_result", "next_page": next_page}
