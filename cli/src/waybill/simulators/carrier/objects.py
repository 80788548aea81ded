"""EasyPost's JSON objects, rendered from the books."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from waybill.simulators.carrier.identifiers import new_id, stamp
from waybill.simulators.carrier.ledger import Scan, Shipment

REFUND_SECONDS = 5.0
"""How long the carrier takes to give a label's price back."""
_ADDRESS = ("name", "company", "street1", "street2", "city", "state", "zip", "country", "phone", "email")


def shipment_object(shipment: Shipment, scans: Sequence[Scan], files: str, *, as_pdf: bool = False) -> dict[str, Any]:
    """Render a shipment; ``files`` is where labels are fetched, ``as_pdf`` has a label of another kind converted."""
    wanted = shipment.wanted
    tracker = None if shipment.bought is None else tracker_object(shipment, scans)
    return {
        "id": shipment.id,
        "object": "Shipment",
        "mode": "test",
        "created_at": stamp(shipment.created),
        "updated_at": stamp(shipment.updated),
        "reference": shipment.reference,
        "is_return": False,
        "status": "unknown" if tracker is None else tracker["status"],
        "tracking_code": shipment.tracking_code,
        "from_address": _address(wanted["from_address"], shipment),
        "to_address": _address(wanted["to_address"], shipment),
        "return_address": _address(wanted["from_address"], shipment),
        "buyer_address": _address(wanted["to_address"], shipment),
        "parcel": {
            "id": f"prcl_{shipment.id[4:]}",
            "object": "Parcel",
            "created_at": stamp(shipment.created),
            "updated_at": stamp(shipment.created),
            "length": None,
            "width": None,
            "height": None,
            "predefined_package": None,
            "weight": wanted["parcel"]["weight"],
            "mode": "test",
        },
        "options": wanted.get("options", {}),
        "rates": shipment.rates,
        "messages": shipment.messages,
        "selected_rate": shipment.selected_rate,
        "postage_label": None if shipment.label is None else _label(shipment, files, as_pdf=as_pdf),
        "tracker": tracker,
        "refund_status": _refund_status(shipment),
        "insurance": None,
        "customs_info": None,
        "forms": [],
        "fees": [] if shipment.cost is None else [_fee(shipment)],
        "scan_form": None,
        "order_id": None,
        "batch_id": None,
        "batch_status": None,
        "batch_message": None,
        "usps_zone": None,
    }


def tracker_object(shipment: Shipment, scans: Sequence[Scan]) -> dict[str, Any]:
    """Render what is known of a parcel's way."""
    latest = scans[-1] if scans else None
    return {
        "id": shipment.tracker_id,
        "object": "Tracker",
        "mode": "test",
        "tracking_code": shipment.tracking_code,
        "status": "unknown" if latest is None else latest.status,
        "status_detail": "unknown" if latest is None else latest.status_detail,
        "created_at": stamp(shipment.bought or shipment.created),
        "updated_at": stamp(shipment.updated),
        "signed_by": None,
        "weight": None,
        "est_delivery_date": None if shipment.expected is None else stamp(shipment.expected),
        "shipment_id": shipment.id,
        "carrier": shipment.carrier,
        "tracking_details": [_detail(scan, shipment) for scan in scans],
        "fees": [],
        "carrier_detail": None,
        "public_url": f"https://track.invalid/{shipment.tracker_id}",
    }


def event(kind: str, result: Mapping[str, Any], before: str | None) -> dict[str, Any]:
    """Render the notice that something has happened."""
    now = stamp(time.time())
    return {
        "id": new_id("evt"),
        "object": "Event",
        "mode": "test",
        "description": kind,
        "previous_attributes": {} if before is None else {"status": before},
        "created_at": now,
        "updated_at": now,
        "pending_urls": [],
        "completed_urls": [],
        "status": "pending",
        "result": dict(result),
    }


def _refund_status(shipment: Shipment) -> str | None:
    if shipment.voided is None:
        return None
    return "submitted" if time.time() < shipment.voided + REFUND_SECONDS else "refunded"


def _label(shipment: Shipment, files: str, *, as_pdf: bool) -> dict[str, Any]:
    file_format = str(shipment.wanted.get("options", {}).get("label_format", "PNG")).upper()
    pdf = f"{files}/{shipment.label}.pdf"
    is_pdf = file_format == "PDF"
    return {
        "id": f"pl_{shipment.id[4:]}",
        "object": "PostageLabel",
        "created_at": stamp(shipment.bought or shipment.created),
        "updated_at": stamp(shipment.bought or shipment.created),
        "date_advance": 0,
        "integrated_form": "none",
        "label_date": stamp(shipment.bought or shipment.created),
        "label_resolution": 300,
        "label_size": "4x6",
        "label_type": "default",
        "label_file_type": "application/pdf" if is_pdf else "image/png",
        "label_url": pdf if is_pdf else f"{files}/{shipment.label}.png",
        "label_pdf_url": pdf if is_pdf or as_pdf else None,
        "label_zpl_url": None,
        "label_epl2_url": None,
        "label_file": None,
    }


def _fee(shipment: Shipment) -> dict[str, Any]:
    cost = shipment.cost or 0
    return {
        "object": "Fee",
        "type": "PostageFee",
        "amount": f"{cost // 100}.{cost % 100:02d}000",
        "charged": True,
        "refunded": shipment.voided is not None,
    }


def _address(wanted: Mapping[str, Any], shipment: Shipment) -> dict[str, Any]:
    return {
        "object": "Address",
        "mode": "test",
        "created_at": stamp(shipment.created),
        "updated_at": stamp(shipment.created),
        **{name: wanted.get(name) for name in _ADDRESS},
        "verifications": {},
    }


def _detail(scan: Scan, shipment: Shipment) -> dict[str, Any]:
    return {
        "object": "TrackingDetail",
        "message": scan.message,
        "description": "",
        "status": scan.status,
        "status_detail": scan.status_detail,
        "datetime": stamp(scan.occurred),
        "source": shipment.carrier,
        "carrier_code": None,
        "tracking_location": {
            "object": "TrackingLocation",
            "city": scan.city,
            "state": scan.region,
            "country": scan.country,
            "zip": None,
        },
    }
