"""Stripe's JSON objects, rendered from the books."""

import secrets
import time
from collections.abc import Iterable
from typing import Any

from waybill.simulators.psp.ledger import Intent, Refund

API_VERSION = "2026-10-28.endive"

DECLINES = {
    "generic_decline": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
}


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
        "next_action": None,
        "payment_method": None if intent.status == "requires_payment_method" else intent.payment_method,
        "payment_method_types": ["card"],
        "status": intent.status,
    }


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
        "payment_method_details": {"type": "card", "card": {"brand": "visa", "multicapture": {"status": "available"}}},
        "refunded": 0 < intent.captured == intent.refunded,
        "status": "failed" if declined else "succeeded",
    }


def card_error(intent: Intent) -> dict[str, Any]:
    """Render why a payment was declined."""
    decline_code = intent.decline_code or "generic_decline"
    return {
        "type": "card_error",
        "code": "card_declined",
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
        "status": "succeeded",
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
