"""Commands: what a caller asks a service to do, answered after the commit.

A command is heard by one function, shaped like a reaction: the command in, stores and cause beside it, an `Answer` out, whose
type names the events it may tell. Commands that arrive together share one transaction; an Idempotency-Key makes each of them
safe to repeat.
"""

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import Depends, Header, Request, Response

from chassis import idempotency
from chassis.auth import Caller, caller
from chassis.batch import Answer, Batcher, Function, Item
from chassis.domain import Cause, Refusal
from chassis.idempotency import InFlightError, Reply
from chassis.telemetry import current_traceparent

JSON: Final = "application/json"


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

    def __init__(self, http: Request, who: Caller, key: str | None) -> None:
        self._http = http
        self._caller = who
        self._key = key

    async def __call__(self, function: Callable[..., Any], command: Any) -> Response:
        """Run `command` by `function` and answer its reply."""
        commands: Commands = self._http.app.state.commands
        clock = self._http.app.state.database.clock
        request = None
        if self._key is not None:
            body = await self._http.body()
            request = idempotency.Request.of(self._caller.user_id, self._key, self._http.method, self._http.url.path, body)
        cause = Cause(actor=self._caller.actor, at=clock(), traceparent=current_traceparent())
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


async def _run(
    http: Request,
    who: Annotated[Caller, Depends(caller)],
    idempotency_key: Annotated[str | None, Header(description="Makes a repeat of this request safe.")] = None,
) -> Run:
    if idempotency_key is not None and not 1 <= len(idempotency_key) <= 255:  # noqa: PLR2004 - the length most systems allow
        raise KeyInvalidError("Idempotency-Key must have 1 to 255 characters.")
    return Run(http, who, idempotency_key)


Runs = Annotated[Run, Depends(_run)]
