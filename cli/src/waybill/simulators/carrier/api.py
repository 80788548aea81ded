"""The carriers over HTTP: EasyPost's endpoints under ``/v2``, labels under ``/files``, and the controls under ``/sim/carrier``.

As with EasyPost there are no idempotency keys: a shipment is bought at most once, and found again by its reference.
"""

import asyncio
import binascii
import hmac
import json
from base64 import b64decode
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import iterate_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from waybill.simulators.carrier import objects, operations
from waybill.simulators.carrier.errors import EasyPostError, invalid, not_found
from waybill.simulators.carrier.faults import CarrierSetting, Fault, Operation
from waybill.simulators.carrier.journey import Journeys
from waybill.simulators.carrier.labels import MEDIA_TYPES, Format, Labels
from waybill.simulators.carrier.ledger import Ledger, Shipment
from waybill.simulators.carrier.parcels import parcel_routes
from waybill.simulators.carrier.statement import statement
from waybill.simulators.carrier.webhooks import Webhooks
from waybill.simulators.faults import FaultSwitch
from waybill.simulators.serving import livez, problem, read_body, withhold

Handler = Callable[[Request], Awaitable[Response]]
Change = Callable[[dict[str, Any], Shipment | None], Shipment]

_RETRY_AFTER_SECONDS = 1
_MAX_LOST = 100_000
_MOST_A_PAGE = 100
_REFUSALS = {
    Operation.BUY: ("SHIPMENT.POSTAGE.FAILURE", "The carrier does not take this parcel."),
    Operation.REFUND: ("SHIPMENT.REFUND.FAILURE", "The carrier does not take the label back."),
}


class CarrierApi:
    """Answers requests from the ledger, unless the fault switch says otherwise."""

    def __init__(self, ledger: Ledger, webhooks: Webhooks, *, api_key: str = "", pace_seconds: float = 0.0) -> None:
        self._ledger = ledger
        self._webhooks = webhooks
        self._api_key = api_key
        self._labels = Labels()
        self._switch = FaultSwitch(CarrierSetting())
        self._in_flight: set[str] = set()
        self._lost: dict[tuple[Operation, str], None] = {}
        self._requests: Counter[str] = Counter()
        self.journeys = Journeys(ledger, pace_seconds, self._tell)

    def app(self) -> Starlette:
        """Return the ASGI application."""
        shipments, one = "/v2/shipments", "/v2/shipments/{name}"
        routes = [
            Route("/livez", livez),
            Route(shipments, self._changing(Operation.CREATE, self._create), methods=["POST"]),
            Route(shipments, self._reading(self._list_shipments), methods=["GET"]),
            Route(one, self._reading(self._retrieve), methods=["GET"]),
            Route(f"{one}/buy", self._changing(Operation.BUY, self._buy), methods=["POST"]),
            Route(f"{one}/refund", self._changing(Operation.REFUND, self._refund), methods=["POST"]),
            Route(f"{one}/rerate", self._reading(self._rate_again), methods=["POST"]),
            Route(f"{one}/label", self._reading(partial(self._retrieve, as_pdf=True)), methods=["GET"]),
            Route("/v2/trackers", self._reading(self._list_trackers), methods=["GET"]),
            Route("/v2/trackers/{name}", self._reading(self._retrieve_tracker), methods=["GET"]),
            Route("/v2/{path:path}", _unknown, methods=["GET", "POST", "PATCH", "DELETE"]),
            Route("/files/postage_label/{file}", self._label, methods=["GET"]),
            Route("/sim/carrier/ledger", self._read_ledger, methods=["GET"]),
            *self._switch.routes("/sim/carrier/mode"),
            *parcel_routes(self._ledger, self.journeys, self._labels),
        ]
        return Starlette(routes=routes, exception_handlers={EasyPostError: _refuse})

    def _tell(self, kind: str, shipment: Shipment, before: str | None) -> None:
        self._webhooks.enqueue(kind, shipment, before, self._switch.setting)

    # Changes

    def _changing(self, operation: Operation, change: Change) -> Handler:
        async def handle(request: Request) -> Response:
            self._authenticate(request)
            parameters = await _parameters(request)
            self._requests[operation] += 1
            setting = self._switch.take(lambda present: present.meets(operation))
            if (failed := _failed(setting)) is not None:
                return failed
            name = request.path_params.get("name")
            shipment = None if name is None else operations.find(self._ledger, name)
            subject = _reference(parameters) if shipment is None else shipment.id
            if setting.mode is Fault.REFUSE and operation in _REFUSALS:
                raise EasyPostError(422, *_REFUSALS[operation])
            with self._claim(shipment):
                if setting.mode is Fault.SLOW:
                    await asyncio.sleep(setting.delay_seconds)
                lost = setting.mode is Fault.TIMEOUT_FAILED and self._is_lost(operation, subject)
                if not lost:
                    with self._ledger.transaction():
                        shipment = change(parameters, shipment if shipment is None else self._again(shipment))
            if lost or shipment is None or setting.mode is Fault.TIMEOUT_BOUGHT:
                await withhold(request, setting.hang_seconds)
                return _server_error()
            return JSONResponse(self._rendered(request, shipment), 201 if operation is Operation.CREATE else 200)

        return handle

    def _create(self, parameters: dict[str, Any], _: Shipment | None) -> Shipment:
        return operations.create(self._ledger, parameters)

    def _buy(self, parameters: dict[str, Any], shipment: Shipment | None) -> Shipment:
        bought = operations.buy(self._ledger, _there(shipment), parameters)
        self._tell("tracker.created", bought, None)
        return bought

    def _refund(self, _: dict[str, Any], shipment: Shipment | None) -> Shipment:
        return operations.refund(self._ledger, _there(shipment))

    def _again(self, shipment: Shipment) -> Shipment:
        """Read a shipment once more: it may have changed while an answer was being slow."""
        return operations.find(self._ledger, shipment.id)

    @contextmanager
    def _claim(self, shipment: Shipment | None) -> Iterator[None]:
        """Keep a second change of a shipment away while the first is being worked on."""
        if shipment is None:
            yield
            return
        if shipment.id in self._in_flight:
            raise EasyPostError(422, "SHIPMENT.PURCHASE.IN_PROGRESS", "This shipment is being purchased.")
        self._in_flight.add(shipment.id)
        try:
            yield
        finally:
            self._in_flight.discard(shipment.id)

    def _is_lost(self, operation: Operation, subject: str | None) -> bool:
        """Tell whether the request never reaches the books: once for each subject, always without one."""
        if subject is None:
            return True
        if (operation, subject) in self._lost:
            return False
        self._lost[operation, subject] = None
        if len(self._lost) > _MAX_LOST:
            del self._lost[next(iter(self._lost))]
        return True

    # Reads

    def _reading(self, answer: Callable[[Request], dict[str, Any]]) -> Handler:
        async def handle(request: Request) -> Response:
            self._authenticate(request)
            self._requests[Operation.READ] += 1
            setting = self._switch.take(lambda present: present.meets(Operation.READ))
            if (failed := _failed(setting)) is not None:
                return failed
            if setting.mode is Fault.SLOW:
                await asyncio.sleep(setting.delay_seconds)
            elif setting.mode is not Fault.OK:
                await withhold(request, setting.hang_seconds)
                return _server_error()
            return JSONResponse(answer(request))

        return handle

    def _retrieve(self, request: Request, *, as_pdf: bool = False) -> dict[str, Any]:
        return self._rendered(request, operations.find(self._ledger, request.path_params["name"]), as_pdf=as_pdf)

    def _rate_again(self, request: Request) -> dict[str, Any]:
        with self._ledger.transaction():
            shipment = operations.rate_again(self._ledger, operations.find(self._ledger, request.path_params["name"]))
        return {"rates": shipment.rates, "messages": shipment.messages}

    def _list_shipments(self, request: Request) -> dict[str, Any]:
        query = request.query_params
        conditions, values = ["1"], list[Any]()
        if "purchased" in query:
            conditions.append(f"bought IS {'NOT ' if query['purchased'] == 'true' else ''}NULL")
        for name, sign in (("start_datetime", ">="), ("end_datetime", "<")):
            if name in query:
                conditions.append(f"created {sign} ?")
                values.append(_moment(name, query[name]))
        found, more = self._page(request, " AND ".join(conditions), values)
        return {"shipments": [self._rendered(request, each) for each in found], "has_more": more}

    def _list_trackers(self, request: Request) -> dict[str, Any]:
        conditions, values = ["bought IS NOT NULL"], list[Any]()
        for name, column in (("tracking_code", "tracking_code"), ("carrier", "carrier")):
            if name in request.query_params:
                conditions.append(f"{column} = ?")
                values.append(request.query_params[name])
        found, more = self._page(request, " AND ".join(conditions), values)
        return {"trackers": [objects.tracker_object(each, self._ledger.scans(each)) for each in found], "has_more": more}

    def _retrieve_tracker(self, request: Request) -> dict[str, Any]:
        shipment = self._ledger.shipment("tracker_id = ?", request.path_params["name"])
        if shipment is None:
            raise not_found()
        return objects.tracker_object(shipment, self._ledger.scans(shipment))

    def _page(self, request: Request, condition: str, values: list[Any]) -> tuple[list[Shipment], bool]:
        """Read a page, newest first; ``before_id`` is the last one of the page before."""
        query = request.query_params
        size = query.get("page_size", "20")
        if not size.isdecimal() or not 1 <= int(size) <= _MOST_A_PAGE:
            raise invalid("page_size", f"page_size is a number from 1 to {_MOST_A_PAGE}")
        if "before_id" in query:
            condition += " AND seq < (SELECT seq FROM shipments WHERE ? IN (id, tracker_id))"
            values = [*values, query["before_id"]]
        found = self._ledger.shipments(condition, values, int(size) + 1)
        return found[: int(size)], len(found) > int(size)

    def _rendered(self, request: Request, shipment: Shipment, *, as_pdf: bool = False) -> dict[str, Any]:
        files = f"{str(request.base_url).rstrip('/')}/files/postage_label"
        return objects.shipment_object(shipment, self._ledger.scans(shipment), files, as_pdf=as_pdf)

    async def _label(self, request: Request) -> Response:
        """Hand out a label to whoever knows its name, as a file store does."""
        name, _, ending = request.path_params["file"].rpartition(".")
        shipment = self._ledger.shipment("label = ?", name)
        if shipment is None or ending not in MEDIA_TYPES:
            return problem(404, "Not found", "There is no such label.")
        file_format: Format = "pdf" if ending == "pdf" else "png"
        return Response(await self._labels.label(shipment, file_format), media_type=MEDIA_TYPES[ending])

    async def _read_ledger(self, request: Request) -> Response:
        query = request.query_params
        try:
            limit = int(query["limit"]) if "limit" in query else None
            after = int(query.get("cursor", 0))
        except ValueError:
            return problem(400, "Not a page", "limit and cursor are numbers")
        text = statement(
            self._ledger,
            self._requests,
            reference=query.get("reference"),
            tracking_number=query.get("tracking_number"),
            after=after,
            limit=limit,
        )
        return StreamingResponse(iterate_in_threadpool(text), media_type="application/json")

    def _authenticate(self, request: Request) -> None:
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        try:
            key = b64decode(encoded, validate=True).partition(b":")[0]
        except binascii.Error:
            key = b""
        known = bool(key) if not self._api_key else hmac.compare_digest(key, self._api_key.encode())
        if scheme.lower() != "basic" or not known:
            raise EasyPostError(401, "APIKEY.INACTIVE", "This API key is not active.")


async def _parameters(request: Request) -> dict[str, Any]:
    try:
        body = await read_body(request)
        found = json.loads(body) if body.strip() else {}
    except ValueError as error:
        raise EasyPostError(400, "PARAMETERS.INVALID_TYPE", f"The body cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise EasyPostError(400, "PARAMETERS.INVALID_TYPE", "The body is a JSON object.")
    return found


def _reference(parameters: dict[str, Any]) -> str | None:
    shipment = parameters.get("shipment")
    reference = shipment.get("reference") if isinstance(shipment, dict) else None
    return reference if isinstance(reference, str) else None


def _there(shipment: Shipment | None) -> Shipment:
    if shipment is None:
        raise not_found()
    return shipment


def _moment(name: str, text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise invalid(name, f"{name} is an ISO 8601 moment") from None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


def _failed(setting: CarrierSetting) -> Response | None:
    if setting.mode is Fault.ERROR:
        return _server_error()
    if setting.mode is Fault.RATE_LIMITED:
        error = EasyPostError(429, "RATE_LIMITED", "There were too many requests.")
        return JSONResponse(error.body, error.status, {"Retry-After": str(_RETRY_AFTER_SECONDS)})
    return None


def _server_error() -> Response:
    error = EasyPostError(500, "INTERNAL_SERVER_ERROR", "Something went wrong.")
    return JSONResponse(error.body, error.status)


async def _refuse(_: Request, error: Exception) -> Response:
    if not isinstance(error, EasyPostError):
        raise error
    return JSONResponse(error.body, error.status)


async def _unknown(_: Request) -> Response:
    raise not_found()
