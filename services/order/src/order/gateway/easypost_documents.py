"""EasyPost's documents: what we send, and what its answers mean in our words.

Facts about a format, and no calls. Weights are ounces, money is decimal text, moments are ISO 8601. Whatever EasyPost tells and
we do not know is left out, never guessed.
"""

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, Final

from contracts.order import TrackingStatus
from contracts.types import Address, Money
from order.gateway.port import Objection, Parcel, Place, Rate, TrackingUpdate, Wish

Document = Mapping[str, Any]

GRAMS_PER_OUNCE: Final = 28.349523125
WITHOUT_DECIMALS: Final = frozenset({
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF",
})  # fmt: skip
THREE_DECIMALS: Final = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
"""Currencies that do not have two decimals (ISO 4217)."""

STATUSES: Final = {
    "pre_transit": TrackingStatus.PRE_TRANSIT,
    "in_transit": TrackingStatus.IN_TRANSIT,
    "out_for_delivery": TrackingStatus.OUT_FOR_DELIVERY,
    "available_for_pickup": TrackingStatus.AVAILABLE_FOR_PICKUP,
    "delivered": TrackingStatus.DELIVERED,
    "return_to_sender": TrackingStatus.RETURNED,
    "failure": TrackingStatus.EXCEPTION,
    "cancelled": TrackingStatus.EXCEPTION,
    "error": TrackingStatus.EXCEPTION,
}
"""EasyPost's statuses in ours; `unknown` is missing, for it tells nothing."""

DETAILS: Final = {
    "delivery_exception": TrackingStatus.ATTEMPT_FAILED,
    "return": TrackingStatus.RETURNED,
    "expired": TrackingStatus.EXPIRED,
    "damaged": TrackingStatus.EXCEPTION,
    "lost": TrackingStatus.EXCEPTION,
    "refused": TrackingStatus.EXCEPTION,
}
"""Details that say more than the status they stand beside; a delivered parcel is delivered, whatever its detail."""

REFUNDED: Final = "refunded"
REFUND_ASKED: Final = "submitted"


def shipment_wanted(parcel: Parcel, reference: str | None) -> dict[str, Any]:
    """Describe a parcel; EasyPost finds it again by `reference`."""
    shipment: dict[str, Any] = {
        "from_address": _address(parcel.origin),
        "to_address": _address(parcel.destination),
        "parcel": {"weight": _ounces(parcel.weight_grams)},
        "options": {"label_format": "PDF", "label_size": "4x6", "print_custom_1": parcel.key},
    }
    if reference is not None:
        shipment["reference"] = reference
    return {"shipment": shipment}


def _ounces(grams: int) -> float:
    """Weigh in tenths of an ounce, rounded up: a parcel is never declared lighter than it is."""
    return math.ceil(round(grams / GRAMS_PER_OUNCE * 10, 6)) / 10


def _address(address: Address) -> dict[str, str]:
    fields = {
        "name": address.name,
        "street1": address.line1,
        "street2": address.line2,
        "city": address.city,
        "state": address.region,
        "zip": address.postal_code,
        "country": address.country,
    }
    return {name: value for name, value in fields.items() if value is not None}


def rates_of(document: Document) -> tuple[Rate, ...]:
    """List what carriers ask, the cheapest first."""
    rates = (_rate(one) for one in _items(document, "rates"))
    return tuple(sorted((rate for rate in rates if rate is not None), key=lambda rate: rate.cost.amount))


def objections_of(document: Document) -> tuple[Objection, ...]:
    """List which carriers offer nothing, and why."""
    found = [one for one in _items(document, "messages") if one.get("type", "rate_error") == "rate_error"]
    return tuple(Objection(_text(one, "carrier") or "unknown", _text(one, "message") or "") for one in found)


def choose(document: Document, wish: Wish) -> str | None:
    """Name the cheapest rate that fits a wish; None where there is none."""
    fitting = []
    for one in _items(document, "rates"):
        rate = _rate(one)
        if rate is None or wish.carrier not in {None, rate.carrier} or wish.service not in {None, rate.service}:
            continue
        fitting.append((rate.cost.amount, str(one.get("id"))))
    return min(fitting)[1] if fitting else None


def _rate(document: Document) -> Rate | None:
    cost = money(document.get("rate"), document.get("currency"))
    carrier, service = _text(document, "carrier"), _text(document, "service")
    if cost is None or carrier is None or service is None:
        return None
    days = document.get("delivery_days", document.get("est_delivery_days"))
    return Rate(carrier, service, cost, days if isinstance(days, int) else None)


def money(amount: object, currency: object) -> Money | None:
    """Read a decimal amount into minor units; None where it is none."""
    if not isinstance(currency, str) or not isinstance(amount, str | int | float):
        return None
    try:
        decimals = 0 if currency in WITHOUT_DECIMALS else 3 if currency in THREE_DECIMALS else 2
        minor = Decimal(str(amount)).scaleb(decimals).quantize(Decimal(1), ROUND_HALF_UP)
        return Money(amount=int(minor), currency=currency)
    except (InvalidOperation, ValueError, OverflowError):
        return None


def is_bought(shipment: Document) -> bool:
    """Tell whether a shipment's label was bought, be it voided since or not."""
    return bool(_text(shipment, "tracking_code")) and bool(shipment.get("selected_rate"))


def is_voided(shipment: Document) -> bool:
    """Tell whether a label was given back, or is being given back."""
    return shipment.get("refund_status") in {REFUND_ASKED, REFUNDED}


def bought_rate(shipment: Document) -> Rate | None:
    """Tell what was bought, and for how much."""
    selected = shipment.get("selected_rate")
    return _rate(selected) if isinstance(selected, Mapping) else None


def label_url(shipment: Document) -> str | None:
    """Tell where the label's PDF is; None where there is none, or none yet."""
    label = shipment.get("postage_label")
    if not isinstance(label, Mapping):
        return None
    if (pdf := _text(label, "label_pdf_url")) is not None:
        return pdf
    return _text(label, "label_url") if label.get("label_file_type") == "application/pdf" else None


def expected_delivery(shipment: Document) -> date | None:
    """Tell when a bought parcel should arrive: by its tracker, or else by its rate."""
    for part, name in (("tracker", "est_delivery_date"), ("selected_rate", "delivery_date")):
        found = shipment.get(part)
        if isinstance(found, Mapping) and (moment := moment_of(found.get(name))) is not None:
            return moment.date()
    return None


def updates_of(tracker: Document) -> tuple[TrackingUpdate, ...]:
    """List everything a tracker knows, the oldest first."""
    carrier, number = _text(tracker, "carrier"), _text(tracker, "tracking_code")
    if carrier is None or number is None:
        return ()
    details = _items(tracker, "tracking_details")
    if not details:  # a carrier that tells a status and no scans
        details = [{**tracker, "datetime": tracker.get("updated_at")}]
    expected = moment_of(tracker.get("est_delivery_date"))
    found = []
    for detail in details:
        status, moment = status_of(detail), moment_of(detail.get("datetime"))
        if status is None or moment is None:
            continue
        text = _text(detail, "message") or _text(detail, "description") or ""
        day = expected.date() if expected is not None else None
        found.append(TrackingUpdate(carrier, number, status, moment, text, _place(detail), expected_delivery=day))
    return tuple(sorted(found, key=lambda update: update.occurred_at))


def status_of(detail: Document) -> TrackingStatus | None:
    """Say in our words what a scan says; None where it says nothing, or nothing that we know."""
    status = STATUSES.get(_text(detail, "status") or "")
    if status is TrackingStatus.DELIVERED:
        return status
    return DETAILS.get(_text(detail, "status_detail") or "", status)


def _place(detail: Document) -> Place:
    place = detail.get("tracking_location")
    if not isinstance(place, Mapping):
        return Place()
    return Place(_text(place, "city"), _text(place, "state"), _text(place, "country"))


def moment_of(text: object) -> datetime | None:
    """Read a moment; without an offset it is UTC, as EasyPost says."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def complaint(document: object) -> tuple[str | None, str]:
    """Read why something was not done: EasyPost's code, and its words."""
    error = document.get("error") if isinstance(document, Mapping) else None
    if not isinstance(error, Mapping):
        return None, ""
    message = error.get("message")
    return _text(error, "code"), message if isinstance(message, str) else ""


def _items(document: Document, name: str) -> list[Document]:
    found = document.get(name)
    items: Iterable[Any] = found if isinstance(found, list) else ()
    return [one for one in items if isinstance(one, Mapping)]


def _text(document: Document, name: str) -> str | None:
    value = document.get(name)
    return value.strip() or None if isinstance(value, str) else None
