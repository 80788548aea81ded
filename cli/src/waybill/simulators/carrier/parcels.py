"""The controls of parcels under ``/sim/carrier/parcels``: see them, hand them over, have something happen to them."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from waybill.simulators.carrier.journey import Journeys, StandsStillError, Told, moment
from waybill.simulators.carrier.labels import MEDIA_TYPES, Labels
from waybill.simulators.carrier.ledger import Ledger, Shipment
from waybill.simulators.serving import problem, read_body

_SHOWN = 100
_MOST_SHOWN = 1_000
_PATH = "/sim/carrier/parcels"


def parcel_routes(ledger: Ledger, journeys: Journeys, labels: Labels) -> Sequence[Route]:
    """Return the routes that list, show and move parcels."""
    one = f"{_PATH}/{{tracking_number}}"
    return [
        Route(_PATH, partial(_list, ledger), methods=["GET"]),
        Route(one, partial(_show, ledger), methods=["GET"]),
        Route(f"{one}/label.pdf", partial(_label, ledger, labels), methods=["GET"]),
        Route(f"{one}/hand-over", partial(_hand_over, ledger, journeys), methods=["POST"]),
        Route(f"{one}/advance", partial(_advance, ledger, journeys), methods=["POST"]),
    ]


async def _list(ledger: Ledger, request: Request) -> Response:
    """List the parcels with a label, the newest first."""
    limit = request.query_params.get("limit", str(_SHOWN))
    if not limit.isdecimal() or not 1 <= int(limit) <= _MOST_SHOWN:
        return problem(400, "Not a page", f"limit is a number from 1 to {_MOST_SHOWN}")
    condition, values = "bought IS NOT NULL", list[Any]()
    if "reference" in request.query_params:
        condition, values = f"{condition} AND reference = ?", [request.query_params["reference"]]
    return JSONResponse({"items": [_parcel(ledger, each) for each in ledger.shipments(condition, values, int(limit))]})


async def _show(ledger: Ledger, request: Request) -> Response:
    shipment = _find(ledger, request)
    return _no_parcel() if shipment is None else JSONResponse(_parcel(ledger, shipment))


async def _label(ledger: Ledger, labels: Labels, request: Request) -> Response:
    shipment = _find(ledger, request)
    if shipment is None:
        return _no_parcel()
    return Response(await labels.label(shipment, "pdf"), media_type=MEDIA_TYPES["pdf"])


async def _hand_over(ledger: Ledger, journeys: Journeys, request: Request) -> Response:
    return _moved(ledger, request, journeys.hand_over)


async def _advance(ledger: Ledger, journeys: Journeys, request: Request) -> Response:
    try:
        told = Told.model_validate_json(await read_body(request) or b"{}")
    except ValidationError as error:
        return problem(422, "Not something that happens to a parcel", str(error))
    return _moved(ledger, request, lambda shipment: journeys.advance(shipment, told))


def _moved(ledger: Ledger, request: Request, move: Callable[[Shipment], None]) -> Response:
    shipment = _find(ledger, request)
    if shipment is None:
        return _no_parcel()
    try:
        move(shipment)
    except StandsStillError as error:
        return problem(409, "The parcel does not move", str(error))
    return JSONResponse(_parcel(ledger, shipment))


def _find(ledger: Ledger, request: Request) -> Shipment | None:
    return ledger.shipment("tracking_code = ?", request.path_params["tracking_number"])


def _no_parcel() -> Response:
    return problem(404, "Not found", "There is no parcel with this tracking number.")


def _parcel(ledger: Ledger, shipment: Shipment) -> dict[str, Any]:
    scans = ledger.scans(shipment)
    return {
        "tracking_number": shipment.tracking_code,
        "carrier": shipment.carrier,
        "service": shipment.service,
        "reference": shipment.reference,
        "status": scans[-1].status,
        "status_detail": scans[-1].status_detail,
        "voided": shipment.voided is not None,
        "handed_over_at": moment(shipment.handed_over),
        "next_step_at": moment(shipment.next_step),
        "expected_delivery": moment(shipment.expected),
        "label": f"{_PATH}/{shipment.tracking_code}/label.pdf",
        "events": [
            {
                "status": scan.status,
                "status_detail": scan.status_detail,
                "message": scan.message,
                "occurred_at": moment(scan.occurred),
                "city": scan.city,
                "region": scan.region,
                "country": scan.country,
            }
            for scan in scans
        ],
    }
