"""The PSP over HTTP: Stripe's endpoints under ``/v1`` and the controls under ``/sim/psp``.

A change is executed once for each idempotency key: its answer is stored in the transaction that makes the change, and sent
again to whoever asks with the same key and parameters. Answers of 5xx, 409 and refused parameters are not stored.
"""

import asyncio
import functools
import hashlib
import hmac
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import iterate_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from waybill.simulators.faults import FaultSwitch
from waybill.simulators.psp import challenge, objects, operations
from waybill.simulators.psp import parameters as read
from waybill.simulators.psp.disputing import close_dispute, raise_dispute
from waybill.simulators.psp.errors import StripeError
from waybill.simulators.psp.faults import TOKENS, Fault, Operation, PspSetting
from waybill.simulators.psp.ledger import Answer, Intent, Ledger
from waybill.simulators.psp.operations import Change, Instruction, Outcome
from waybill.simulators.psp.parameters import Parameters
from waybill.simulators.psp.statement import statement
from waybill.simulators.psp.webhooks import Webhooks
from waybill.simulators.serving import livez, problem, read_body, read_json, withhold

Handler = Callable[[Request], Awaitable[Response]]

_CHANGES: dict[Operation, Change] = {
    Operation.CREATE: operations.create,
    Operation.CAPTURE: operations.capture,
    Operation.CANCEL: operations.cancel,
    Operation.REFUND: operations.refund,
}
_CAN_BE_DECLINED = frozenset({Operation.CREATE, Operation.CAPTURE})
_MAX_LOST_KEYS = 100_000
_MAX_KEY = 255
_LAPSED_AT_ONCE = 1000
_LOOK_SECONDS = 0.5


class PspApi:
    """Answers requests from the ledger, unless the fault switch says otherwise."""

    def __init__(self, ledger: Ledger, webhooks: Webhooks, api_key: str = "") -> None:
        self._ledger = ledger
        self._webhooks = webhooks
        self._api_key = api_key
        self._switch = FaultSwitch(PspSetting())
        self._in_flight: set[str] = set()
        self._lost: dict[str, None] = {}
        self._requests: Counter[str] = Counter()

    def app(self) -> Starlette:
        """Return the ASGI application."""
        intents = "/v1/payment_intents"
        routes = [
            Route("/livez", livez),
            Route(intents, self._changing(Operation.CREATE), methods=["POST"]),
            Route(intents, self._reading(self._list_intents), methods=["GET"]),
            Route(f"{intents}/search", self._reading(self._search), methods=["GET"]),
            Route(f"{intents}/{{id}}", self._reading(self._retrieve), methods=["GET"]),
            Route(f"{intents}/{{id}}/capture", self._changing(Operation.CAPTURE), methods=["POST"]),
            Route(f"{intents}/{{id}}/cancel", self._changing(Operation.CANCEL), methods=["POST"]),
            Route("/v1/refunds", self._changing(Operation.REFUND), methods=["POST"]),
            Route("/v1/refunds", self._reading(self._list_refunds), methods=["GET"]),
            Route("/v1/refunds/{id}", self._reading(self._retrieve_refund), methods=["GET"]),
            Route("/v1/charges/{id}", self._reading(self._retrieve_charge), methods=["GET"]),
            Route("/v1/{path:path}", _unknown, methods=["GET", "POST", "DELETE"]),
            Route("/sim/psp/ledger", self._read_ledger, methods=["GET"]),
            Route("/sim/psp/challenge/{id}", self._show_challenge, methods=["GET"]),
            Route("/sim/psp/challenge/{id}", self._answer_challenge, methods=["POST"]),
            Route("/sim/psp/disputes", self._raise_dispute, methods=["POST"]),
            Route("/sim/psp/disputes/{id}/close", self._close_dispute, methods=["POST"]),
            Route("/sim/psp/holds/{id}/lapse", self._lapse, methods=["POST"]),
            Route("/sim/psp/refunds/{id}/fail", self._fail_refund, methods=["POST"]),
            *self._switch.routes("/sim/psp/mode"),
        ]
        return Starlette(routes=routes, exception_handlers={StripeError: _refuse})

    # Changes

    def _changing(self, operation: Operation) -> Handler:
        async def handle(request: Request) -> Response:
            self._authenticate(request)
            body = (await _body(request)).decode(errors="replace")
            key = _idempotency_key(request)
            instruction = Instruction(read.decode(body), key, request.path_params.get("id", ""))
            fingerprint = hashlib.sha256(f"{request.url.path}\n{body}".encode()).hexdigest()
            self._requests[operation] += 1
            fault, setting, decline_code = self._fault(operation, instruction.parameters)
            if fault is Fault.ERROR:
                return _server_error()
            if key is not None and (replayed := self._replay(key, fingerprint)) is not None:
                return replayed
            with _Claim(self._in_flight, key):
                if fault is Fault.SLOW:
                    await asyncio.sleep(setting.delay_seconds)
                if self._is_lost(fault, operation, key):
                    answer = None
                else:
                    declined = decline_code if operation in _CAN_BE_DECLINED else None
                    answer = self._execute(
                        operation,
                        Instruction(
                            instruction.parameters,
                            key,
                            instruction.identifier,
                            declined,
                            self._switch.setting.hold_seconds or objects.hold_seconds(),
                        ),
                        fingerprint,
                    )
            if answer is None:
                await withhold(request, setting.hang_seconds)
                return _server_error()
            if fault in {Fault.TIMEOUT_CAPTURED, Fault.TIMEOUT_FAILED} and answer.status in {200, 402}:
                await withhold(request, setting.hang_seconds)
            return _respond(answer)

        return handle

    def _fault(self, operation: Operation, parameters: Parameters) -> tuple[Fault, PspSetting, str | None]:
        """Return what happens to this request: the mode decides, and in normal times the payment's token."""
        setting = self._switch.take(lambda present: present.meets(operation))
        fault, decline_code = setting.mode, "generic_decline" if setting.mode is Fault.DECLINE else None
        if fault is Fault.OK and operation is Operation.CREATE:
            fault, decline_code = TOKENS[operations.token_of(parameters)]
        if fault is Fault.TIMEOUT_FAILED:
            decline_code = "processing_error"
        return fault, setting, decline_code

    def _is_lost(self, fault: Fault, operation: Operation, key: str | None) -> bool:
        """Tell whether the request never reaches the books: once for each key, always without one."""
        failed_without_trace = fault is Fault.TIMEOUT_FAILED and operation not in _CAN_BE_DECLINED
        if fault is not Fault.TIMEOUT_LOST and not failed_without_trace:
            return False
        if key is None:
            return True
        if key in self._lost:
            return False
        self._lost[key] = None
        if len(self._lost) > _MAX_LOST_KEYS:
            del self._lost[next(iter(self._lost))]
        return True

    def _replay(self, key: str, fingerprint: str) -> Response | None:
        remembered = self._ledger.remembered(key)
        if remembered is None:
            return None
        if remembered[0] != fingerprint:
            raise StripeError(
                400,
                "Keys for idempotent requests can only be used with the same parameters they were first used with. "
                f"Try using a key other than '{key}' if you meant to execute a different request.",
                kind="idempotency_error",
            )
        self._requests["replayed"] += 1
        return _respond(remembered[1], replayed=True)

    def _execute(self, operation: Operation, instruction: Instruction, fingerprint: str) -> Answer:
        request_id = objects.new_id("req")
        with self._ledger.transaction():
            outcome = _CHANGES[operation](self._ledger, instruction)
            answer = Answer(outcome.status, outcome.body, request_id)
            if instruction.idempotency_key is not None:
                self._ledger.remember(instruction.idempotency_key, fingerprint, answer)
            for kind, subject in outcome.events:
                event = objects.event(kind, subject, request_id, instruction.idempotency_key)
                self._webhooks.enqueue(event, self._switch.setting)
        return answer

    # Reads

    def _reading(self, answer: Callable[[str, Parameters], dict[str, object]]) -> Handler:
        async def handle(request: Request) -> Response:
            self._authenticate(request)
            self._requests[Operation.READ] += 1
            setting = self._switch.take(lambda present: present.meets(Operation.READ))
            if setting.mode is Fault.SLOW:
                await asyncio.sleep(setting.delay_seconds)
            elif setting.mode is not Fault.OK:
                if setting.mode is not Fault.ERROR:
                    await withhold(request, setting.hang_seconds)
                return _server_error()
            body = answer(request.path_params.get("id", ""), read.decode(request.url.query))
            return _respond(Answer(200, body, objects.new_id("req")))

        return handle

    def _retrieve(self, identifier: str, parameters: Parameters) -> dict[str, object]:
        return objects.payment_intent(operations.find(self._ledger, identifier), read.expansions(parameters))

    def _retrieve_charge(self, identifier: str, _: Parameters) -> dict[str, object]:
        return objects.charge(operations.find_charge(self._ledger, identifier))

    def _list_intents(self, _: str, parameters: Parameters) -> dict[str, object]:
        read.allow(parameters, ("created", "ending_before", "expand", "limit", "starting_after"))
        condition, values = _created(parameters.get("created", {}))
        if "starting_after" in parameters:
            condition += " AND seq < (SELECT seq FROM intents WHERE id = ?)"
            values.append(operations.find(self._ledger, str(parameters["starting_after"])).id)
        limit = read.page_size(parameters)
        return objects.page("/v1/payment_intents", _rendered(self._ledger.intents(condition, values, limit + 1)), limit)

    def _search(self, _: str, parameters: Parameters) -> dict[str, object]:
        read.allow(parameters, ("expand", "limit", "page", "query"))
        condition, values = read.search_condition(parameters.get("query"))
        if "page" in parameters:
            condition, values = f"({condition}) AND seq < ?", [*values, read.page(parameters)]
        limit = read.page_size(parameters)
        found = self._ledger.intents(condition, values, limit + 1)
        following = self._ledger.place(found[limit - 1]) if len(found) > limit else None
        return objects.search_result("/v1/payment_intents/search", _rendered(found), limit, following)

    def _list_refunds(self, _: str, parameters: Parameters) -> dict[str, object]:
        read.allow(parameters, ("charge", "expand", "limit", "payment_intent", "starting_after"))
        condition, values = "1", list[object]()
        if "payment_intent" in parameters:
            condition, values = "intent_id = ?", [operations.find(self._ledger, str(parameters["payment_intent"])).id]
        elif "charge" in parameters:
            condition, values = "intent_id = ?", [operations.find_charge(self._ledger, str(parameters["charge"])).id]
        if "starting_after" in parameters:
            condition += " AND seq < (SELECT seq FROM refunds WHERE id = ?)"
            values.append(parameters["starting_after"])
        limit = read.page_size(parameters)
        found = self._ledger.refunds(condition, values, limit + 1)
        rendered = [objects.refund_object(each, operations.find(self._ledger, each.intent_id)) for each in found]
        return objects.page("/v1/refunds", rendered, limit)

    def _retrieve_refund(self, identifier: str, _: Parameters) -> dict[str, object]:
        for each in self._ledger.refunds("id = ?", [identifier], 1):
            return objects.refund_object(each, operations.find(self._ledger, each.intent_id))
        raise StripeError(404, f"No such refund: '{identifier}'", code="resource_missing", param="refund")

    async def _read_ledger(self, request: Request) -> Response:
        query = request.query_params
        try:
            limit = int(query["limit"]) if "limit" in query else None
            after = int(query.get("cursor", 0))
        except ValueError:
            return problem(400, "Not a page", "limit and cursor are numbers")
        text = statement(
            self._ledger, self._requests, order_id=query.get("order_id"), status=query.get("status"), after=after, limit=limit
        )
        return StreamingResponse(iterate_in_threadpool(text), media_type="application/json")

    # Controls

    async def _show_challenge(self, request: Request) -> Response:
        return challenge.page(operations.find(self._ledger, request.path_params["id"]))

    async def _answer_challenge(self, request: Request) -> Response:
        outcome = read.decode((await _body(request)).decode(errors="replace")).get("outcome")
        if outcome not in {"approve", "fail"}:
            return problem(400, "Not an answer", "outcome is approve or fail")
        identifier = request.path_params["id"]
        self._told(lambda: operations.answer_challenge(self._ledger, identifier, proved=outcome == "approve"))
        return challenge.page(operations.find(self._ledger, identifier))

    async def _raise_dispute(self, request: Request) -> Response:
        wish = await self._wish(request, {"payment_intent": str, "amount": int, "reason": str})
        if wish is None or "payment_intent" not in wish:
            return problem(400, "Not a dispute", "payment_intent is its name; amount (minor units) and reason can be given")
        amount, reason = wish.get("amount"), wish.get("reason", "fraudulent")
        return self._told(lambda: raise_dispute(self._ledger, wish["payment_intent"], amount, reason))

    async def _close_dispute(self, request: Request) -> Response:
        wish = await self._wish(request, {"won": bool})
        if wish is None or "won" not in wish:
            return problem(400, "Not a decision", "won is true or false")
        return self._told(lambda: close_dispute(self._ledger, request.path_params["id"], won=wish["won"]))

    async def _lapse(self, request: Request) -> Response:
        return self._told(lambda: operations.lapse(self._ledger, request.path_params["id"]))

    async def _fail_refund(self, request: Request) -> Response:
        wish = await self._wish(request, {"reason": str})
        if wish is None:
            return problem(400, "Not a failure", "reason can be given")
        reason = wish.get("reason", "lost_or_stolen_card")
        return self._told(lambda: operations.fail_refund(self._ledger, request.path_params["id"], reason))

    async def lapse_in_time(self) -> None:
        """Let go of what is held too long, until cancelled."""
        while True:
            for identifier in self._ledger.lapsed(time.time(), _LAPSED_AT_ONCE):
                self._told(functools.partial(operations.lapse, self._ledger, identifier))
            await asyncio.sleep(_LOOK_SECONDS)

    async def _wish(self, request: Request, fields: Mapping[str, type]) -> dict[str, Any] | None:
        try:
            wish = await read_json(request)
        except ValueError:
            return None
        fits = isinstance(wish, dict) and all(type(value) is fields.get(name) for name, value in wish.items())
        return wish if fits else None

    def _told(self, work: Callable[[], Outcome]) -> Response:
        """Do something that no client asked for, and tell of it."""
        request_id = objects.new_id("req")
        with self._ledger.transaction():
            outcome = work()
            for kind, subject in outcome.events:
                self._webhooks.enqueue(objects.event(kind, subject, request_id, None), self._switch.setting)
        return _respond(Answer(outcome.status, outcome.body, request_id))

    def _authenticate(self, request: Request) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        known = bool(key) if not self._api_key else hmac.compare_digest(key.encode(), self._api_key.encode())
        if scheme.lower() != "bearer" or not known:
            raise StripeError(401, "Invalid API Key provided.")


class _Claim:
    """Keeps a second request with the same idempotency key away while the first is being worked on."""

    def __init__(self, in_flight: set[str], key: str | None) -> None:
        self._in_flight = in_flight
        self._key = key

    def __enter__(self) -> None:
        if self._key is None:
            return
        if self._key in self._in_flight:
            raise StripeError(
                409,
                f"There is currently another in-progress request using this Idempotent Key: {self._key}",
                code="idempotency_key_in_use",
            )
        self._in_flight.add(self._key)

    def __exit__(self, *_: object) -> None:
        if self._key is not None:
            self._in_flight.discard(self._key)


async def _body(request: Request) -> bytes:
    try:
        return await read_body(request)
    except ValueError as error:
        raise StripeError(413, str(error)) from error


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and len(key) > _MAX_KEY:
        raise StripeError(400, f"Idempotency keys may have {_MAX_KEY} characters.", kind="idempotency_error")
    return key


def _created(bounds: object) -> tuple[str, list[object]]:
    signs = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
    conditions, values = ["1"], list[object]()
    for name, value in bounds.items() if isinstance(bounds, dict) else ():
        if name not in signs or not str(value).isdigit():
            raise StripeError(400, f"Invalid timestamp: {value}", param=f"created[{name}]")
        conditions.append(f"CAST(created AS INTEGER) {signs[name]} ?")
        values.append(int(value))
    return " AND ".join(conditions), values


def _rendered(intents: list[Intent]) -> list[dict[str, object]]:
    return [objects.payment_intent(each) for each in intents]


def _respond(answer: Answer, *, replayed: bool = False) -> Response:
    headers = {"Request-Id": answer.request_id, "Stripe-Version": objects.API_VERSION}
    if replayed:
        headers |= {"Idempotent-Replayed": "true", "Original-Request": answer.request_id}
    return JSONResponse(answer.body, answer.status, headers)


def _server_error() -> Response:
    error = StripeError(500, "An unknown error occurred", kind="api_error")
    return JSONResponse(error.body, error.status, {"Request-Id": objects.new_id("req")})


async def _refuse(_: Request, error: Exception) -> Response:
    if not isinstance(error, StripeError):
        raise error
    return JSONResponse(error.body, error.status, {"Request-Id": objects.new_id("req")})


async def _unknown(request: Request) -> Response:
    raise StripeError(404, f"Unrecognized request URL ({request.method}: {request.url.path}).")
