"""What the carriers do with labels: rate a parcel, sell a label, take it back.

Each function runs inside one ledger transaction and either changes the books or raises EasyPostError having changed nothing.
"""

import math
import time
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from waybill.simulators.carrier import tariff
from waybill.simulators.carrier.errors import EasyPostError, invalid, not_found
from waybill.simulators.carrier.identifiers import new_id, new_tracking_number, stamp
from waybill.simulators.carrier.ledger import Ledger, Scan, Shipment

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
_DAY_SECONDS = 86_400
_PRE_TRANSIT = "pre_transit"


class _Address(BaseModel):
    model_config = ConfigDict(extra="allow")

    name: Text | None = None
    company: Text | None = None
    street1: Text
    city: Text
    zip: Text | None = None
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]


class _Parcel(BaseModel):
    weight: float = Field(gt=0, le=100_000)
    """In ounces."""


class _Options(BaseModel):
    model_config = ConfigDict(extra="allow")

    label_format: Annotated[str, StringConstraints(to_upper=True, pattern="(?i)^(PNG|PDF)$")] = "PNG"


class _Wanted(BaseModel):
    reference: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = None
    from_address: _Address
    to_address: _Address
    parcel: _Parcel
    options: _Options = _Options()


def create(ledger: Ledger, parameters: dict[str, Any]) -> Shipment:
    """Enter a shipment and ask both carriers what they want for it; nothing is sold."""
    try:
        wanted = _Wanted.model_validate(parameters.get("shipment"))
    except ValidationError as error:
        first = error.errors()[0]
        raise invalid(".".join(map(str, first["loc"])) or "shipment", first["msg"]) from None
    document = wanted.model_dump(exclude={"reference"})
    identifier, now = new_id("shp"), time.time()
    rates, messages = tariff.rate(identifier, document, stamp(now))
    shipment = Shipment(identifier, wanted.reference, document, rates, messages, created=now, updated=now)
    ledger.insert(shipment)
    return shipment


def rate_again(ledger: Ledger, shipment: Shipment) -> Shipment:
    """Ask for fresh rates; the old ones can no longer be bought."""
    if shipment.bought is not None:
        raise EasyPostError(422, "SHIPMENT.POSTAGE.EXISTS", "Postage already exists for this shipment.")
    shipment.rates, shipment.messages = tariff.rate(shipment.id, shipment.wanted, stamp(time.time()))
    ledger.update(shipment)
    return shipment


def buy(ledger: Ledger, shipment: Shipment, parameters: dict[str, Any]) -> Shipment:
    """Sell a label at one of the shipment's rates."""
    if shipment.bought is not None:
        raise EasyPostError(422, "SHIPMENT.POSTAGE.EXISTS", "Postage already exists for this shipment.")
    wanted = parameters.get("rate")
    name = wanted.get("id") if isinstance(wanted, dict) else None
    rate = next((one for one in shipment.rates if one["id"] == name), None)
    if rate is None:
        raise EasyPostError(422, "SHIPMENT.MISSING_RATE", "There is no such rate for this shipment.", field="rate")
    now = time.time()
    shipment.selected_rate, shipment.bought = rate, now
    shipment.carrier, shipment.service = rate["carrier"], rate["service"]
    shipment.cost, shipment.currency = round(float(rate["rate"]) * 100), rate["currency"]
    shipment.tracking_code, shipment.tracker_id = new_tracking_number(rate["carrier"]), new_id("trk")
    shipment.label = new_id("label")[6:]
    shipment.expected = math.ceil(now / _DAY_SECONDS + rate["delivery_days"]) * _DAY_SECONDS
    ledger.update(shipment)
    ledger.insert_scan(shipment, Scan(_PRE_TRANSIT, "label_created", "The label was created.", math.floor(now)))
    return shipment


def refund(ledger: Ledger, shipment: Shipment) -> Shipment:
    """Take a label back, as long as nobody has handed its parcel over."""
    if shipment.bought is None or shipment.voided is not None or shipment.handed_over is not None:
        raise EasyPostError(422, "SHIPMENT.REFUND.UNAVAILABLE", "This shipment can not be refunded.")
    shipment.voided = time.time()
    ledger.update(shipment)
    return shipment


def find(ledger: Ledger, name: str) -> Shipment:
    """Return a shipment by its id or reference, of several the newest. Raises EasyPostError when there is none."""
    shipment = ledger.shipment("id = ?", name) or ledger.shipment("reference = ?", name)
    if shipment is None:
        raise not_found()
    return shipment
