"""What the two carriers ask: by weight, and by how far it is. Amounts in euro cents."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from waybill.simulators.carrier.identifiers import new_id

CURRENCY: Final = "EUR"
GRAMS_PER_OUNCE: Final = 28.349523125
HEAVIEST_GRAMS: Final = {"Courio": 31_500}
EUROPE: Final = frozenset({
    "AT", "BE", "BG", "CH", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GB", "GR", "HR", "HU", "IE", "IS", "IT", "LI",
    "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK",
})  # fmt: skip


@dataclass(frozen=True)
class Price:
    """What a service asks for one distance: the first kilogram, each further one begun, and how many days it takes."""

    first: int
    further: int
    days: int


@dataclass(frozen=True)
class Service:
    """A service of a carrier, with its prices within a country, within Europe and beyond."""

    carrier: str
    name: str
    domestic: Price
    europe: Price
    world: Price


SERVICES: Final = (
    Service("Postline", "Economy", Price(390, 60, 4), Price(990, 130, 7), Price(1890, 640, 16)),
    Service("Postline", "Priority", Price(640, 80, 2), Price(1490, 190, 4), Price(3190, 890, 8)),
    Service("Courio", "Standard", Price(570, 70, 3), Price(1190, 150, 5), Price(2490, 760, 10)),
    Service("Courio", "Express", Price(1290, 140, 1), Price(2990, 310, 2), Price(5990, 1390, 4)),
)


def rate(shipment_id: str, wanted: Mapping[str, Any], created: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return what the carriers ask for a parcel, and why some ask nothing, as EasyPost's rates and messages."""
    grams = float(wanted["parcel"]["weight"]) * GRAMS_PER_OUNCE
    origin, destination = wanted["from_address"]["country"], wanted["to_address"]["country"]
    rates, messages = list[dict[str, Any]](), list[dict[str, Any]]()
    for carrier in dict.fromkeys(service.carrier for service in SERVICES):
        limit = HEAVIEST_GRAMS.get(carrier)
        # A tenth of an ounce more than the limit may be the limit, rounded up.
        if limit is not None and grams > limit + GRAMS_PER_OUNCE / 10:
            text = f"The parcel weighs more than {limit / 1000} kg."
            messages.append({
                "carrier": carrier,
                "carrier_account_id": _account(carrier),
                "type": "rate_error",
                "message": text,
            })  # fmt: skip
            continue
        for service in SERVICES:
            if service.carrier == carrier:
                rates.append(_rate(service, _price(service, origin, destination), grams, shipment_id, created))
    return rates, messages


def _price(service: Service, origin: str, destination: str) -> Price:
    if origin == destination:
        return service.domestic
    return service.europe if {origin, destination} <= EUROPE else service.world


def _rate(service: Service, price: Price, grams: float, shipment_id: str, created: str) -> dict[str, Any]:
    # Ounces come in tenths, rounded up: three grams too many do not make another kilogram.
    kilograms = max(1, math.ceil((grams - GRAMS_PER_OUNCE / 10) / 1000))
    cents = price.first + price.further * (kilograms - 1)
    amount = f"{cents // 100}.{cents % 100:02d}"
    return {
        "id": new_id("rate"),
        "object": "Rate",
        "created_at": created,
        "updated_at": created,
        "mode": "test",
        "service": service.name,
        "carrier": service.carrier,
        "rate": amount,
        "currency": CURRENCY,
        "retail_rate": amount,
        "retail_currency": CURRENCY,
        "list_rate": amount,
        "list_currency": CURRENCY,
        "billing_type": "easypost",
        "delivery_days": price.days,
        "delivery_date": None,
        "delivery_date_guaranteed": False,
        "est_delivery_days": price.days,
        "shipment_id": shipment_id,
        "carrier_account_id": _account(service.carrier),
    }


def _account(carrier: str) -> str:
    return f"ca_{carrier.lower():0<32}"
