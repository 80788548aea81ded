"""Commands: what a caller asks a service to do, answered after the commit.

A command is heard by one function, shaped like a reaction: the command in, stores and cause beside it, an `Answer` out, whose
type names the events it may tell. Commands that arrive together share one transaction; an Idempotency-Key makes each of them
safe to repeat.
"""

from collections.abc import Callable, Coroutine
from inspect import signature
from typing import Annotated, Any, Final, get_type_hints

from fastapi import Depends, Request, Response, params
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError

from chassis import idempotency
from chassis.auth import caller
from chassis.batch import Answer, Batcher, Function, Item
from chassis.domain import Cause, Refusal
from chassis.idempotency import InFlightError, Reply
from chassis.telemetry import current_traceparent

JSON: Final = "application/json"
IDEMPOTENCY_KEY: Final = "Idempotency-Key"
LONGEST_KEY: Final = 255

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class Commands:
    """Runs the commands of a service's API."""

    def __init__(self, batcher: Batcher) -> None:
        self._batcher = batcher
        self._at_work: set[tuple[str, str]] = set()
        self._functions: dict[Callable[..., Any], Function] = {}

    async def run(self, function: Callable[..., Any], command: Any, cause: Cause, request: idempotency.Request | None) -> Reply:
        """Run a command; answers its reply (or the stored one of its first run), raises its refusal."""
        known = self._functions.get(function)
        if known is None:
            known = self._functions[function] = Function.of(function)
        item = Item(command, known, cause, request=request)
        if request is None:
            return _reply(await self._batcher.submit(item))
        place = (request.principal, request.key)
        if place in self._at_work:
            raise InFlightError("The first request with this Idempotency-Key is still at work.", retry_after=1)
        self._at_work.add(place)
        try:
            return _reply(await self._batcher.submit(item))
        finally:
            self._at_work.discard(place)


def _reply(result: Answer[Any] | Reply) -> Reply:
    return result if isinstance(result, Reply) else Reply(result.status, result.body, result.headers)


class Run:
    """What a route needs to run a command: `reply = await run(function, command)`."""

    def __init__(self, http: Request) -> None:
        self._http = http

    async def __call__(self, function: Callable[..., Any], command: Any) -> Response:
        """Run `command` by `function` and answer its reply."""
        http = self._http
        who = await caller(http)
        commands: Commands = http.app.state.commands
        request = None
        key = http.headers.get(IDEMPOTENCY_KEY)
        if key is not None:
            if not 1 <= len(key) <= LONGEST_KEY:
                raise KeyInvalidError(f"{IDEMPOTENCY_KEY} must have 1 to {LONGEST_KEY} characters.")
            request = idempotency.Request.of(who.user_id, key, http.method, http.scope["path"], await http.body())
        cause = Cause(actor=who.actor, at=http.app.state.database.clock(), traceparent=current_traceparent())
        reply = await commands.run(function, command, cause, request)
        headers = {"Content-Type": JSON, **reply.headers}
        if reply.replayed:
            headers["Idempotency-Replayed"] = "true"
        return Response(reply.body, reply.status, headers)


class KeyInvalidError(Refusal):
    """The Idempotency-Key is too long or empty."""

    slug = "invalid-idempotency-key"
    title = "Idempotency-Key is not valid"
    status = 400


async def _run(http: Request) -> Run:
    return Run(http)


Runs = Annotated[Run, Depends(_run)]
"""What a mutating route takes to run its command. The headers it reads are added to the OpenAPI document by `document`."""


class DirectRoute(APIRoute):
    """A busy route: what its endpoint takes is found out once, when it is declared, and not for each request.

    FastAPI's dependency solver costs 60 us a request, half as much as all the rest of its work. The endpoint takes the request,
    dependencies on nothing but the request, and a body of JSON, and answers a `Response`; anything out of the ordinary goes
    the usual way, so the two answer alike. Raises TypeError for an endpoint that takes more.
    """

    def get_route_handler(self) -> Handler:
        """Make the function that answers a request."""
        usual = super().get_route_handler()
        takes = {name: _supply(hint) for name, hint in get_type_hints(self.endpoint, include_extras=True).items()}
        takes.pop("return", None)
        body_name = next(name for name, supply in takes.items() if isinstance(supply, type))
        body_model: type[BaseModel] = takes.pop(body_name)
        endpoint = self.endpoint

        async def answer(request: Request) -> Response:
            if not request.headers.get("content-type", "").startswith(JSON):
                return await usual(request)
            try:
                body = body_model.model_validate_json(await request.body())
            except ValidationError:
                return await usual(request)  # which says what is wrong with it
            values = {name: await supply(request) for name, supply in takes.items()}
            response: Response = await endpoint(**values, **{body_name: body})
            return response

        return answer


def _supply(hint: Any) -> Any:
    """Tell where an endpoint's argument comes from: a function of the request, or the model of the body."""
    if hint is Request:
        return _itself
    if isinstance(hint, type) and issubclass(hint, BaseModel | Response):
        return hint
    depends = next((one for one in getattr(hint, "__metadata__", ()) if isinstance(one, params.Depends)), None)
    if depends is None or depends.dependency is None or list(signature(depends.dependency).parameters) not in _OF_THE_REQUEST:
        raise TypeError(f"{hint} is not to be had from the request alone")
    return depends.dependency


_OF_THE_REQUEST: Final = (["request"], ["http"])


async def _itself(request: Request) -> Request:
    return request


def document(openapi: dict[str, Any]) -> None:
    """Tell of the Idempotency-Key in the OpenAPI document: resolving it as a parameter would cost every request more."""
    header = {
        "name": IDEMPOTENCY_KEY,
        "in": "header",
        "required": False,
        "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
        "description": "Makes a repeat of this request safe: it gets the stored answer.",
    }
    for operations in openapi.get("paths", {}).values():
        for method, operation in operations.items():
            if method in {"post", "put", "patch", "delete"}:
                operation.setdefault("parameters", []).append(header)
