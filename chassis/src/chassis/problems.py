"""Errors as `application/problem+json` (RFC 9457), translated in one place.

`type` is a stable URI made of the refusal's slug; validation problems list every field at fault under `errors`. An unexpected
error is logged with its trace and answered as a bare 500: it tells a caller nothing about our insides.
"""

from typing import Any, Final

import asyncpg
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic_core import to_json
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from chassis.database import TRANSIENT
from chassis.domain import Refusal

PROBLEM_JSON: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:waybill:problem:"
log = structlog.get_logger()

_HTTP_PROBLEMS: Final = {
    404: ("not-found", "Not found"),
    405: ("method-not-allowed", "Method not allowed"),
    408: ("too-slow", "The body took too long"),
    413: ("too-large", "The body is too large"),
}


class InvalidRequestError(Refusal):
    """A request breaks a rule of its form; `errors` names the fields."""

    slug = "invalid-request"
    title = "The request is not valid"
    status = 422


def invalid(field: str, message: str) -> InvalidRequestError:
    """Refuse a request because of one field, named by its path (`items.0.quantity`)."""
    return InvalidRequestError(f"{field}: {message}", errors=[{"field": field, "message": message}])


def problem_body(status: int, slug: str, title: str, detail: str, **facts: Any) -> bytes:
    """Render a problem document."""
    return to_json({"type": TYPE_PREFIX + slug, "title": title, "status": status, "detail": detail, **facts})


def refusal_body(refusal: Refusal) -> bytes:
    """Render a refusal as a problem document."""
    return problem_body(refusal.status, refusal.slug, refusal.title, refusal.detail, **refusal.facts)


def problem(status: int, slug: str, title: str, detail: str, headers: dict[str, str] | None = None, **facts: Any) -> Response:
    """Answer with a problem document."""
    return Response(problem_body(status, slug, title, detail, **facts), status, headers, PROBLEM_JSON)


def _count(request: Request, slug: str) -> None:
    process = getattr(request.app.state, "process", None)  # an application without parts counts nothing
    if process is not None:
        process.metrics.refused.labels(slug).inc()


def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, Refusal):
        raise error
    _count(request, error.slug)
    headers = {}
    if "retry_after" in error.facts:
        headers["Retry-After"] = str(error.facts["retry_after"])
    if error.status == 401:  # noqa: PLR2004 - the status says it best
        headers["WWW-Authenticate"] = "Bearer"
    return Response(refusal_body(error), error.status, headers, PROBLEM_JSON)


def _invalid(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    _count(request, InvalidRequestError.slug)
    problems = [_field_error(one) for one in error.errors()]
    if any(one["type"] == "json_invalid" for one in error.errors()):
        return problem(400, "invalid-json", "The body is not JSON", problems[0]["message"], errors=problems)
    detail = "; ".join(f"{one['field']}: {one['message']}" for one in problems[:5])
    return problem(422, InvalidRequestError.slug, InvalidRequestError.title, detail, errors=problems)


def _field_error(error: Any) -> dict[str, str]:
    """Name the field at fault as a client wrote it, and never repeat its value: it may be confidential."""
    where = [str(part) for part in error["loc"] if part not in {"body", "query", "path", "header"}]
    return {"field": ".".join(where) or str(error["loc"][0]), "message": error["msg"].removeprefix("Value error, ")}


def _http(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    slug, title = _HTTP_PROBLEMS.get(error.status_code, ("http", "The request failed"))
    return problem(error.status_code, slug, title, str(error.detail), dict(error.headers or {}))


def _unavailable(_: Request, error: Exception) -> Response:
    log.warning("database_unavailable", error=type(error).__name__)
    return problem(
        503, "unavailable", "Not available right now", "The service cannot reach its database; try again.", {"Retry-After": "2"}
    )


def _unstorable(request: Request, error: Exception) -> Response:
    """Refuse a value that only the database has found to be none; which one it was is in no log, since it may be personal."""
    route = getattr(request.scope.get("route"), "path", None)
    log.error("value_not_storable", error=type(error).__name__, method=request.method, route=route)
    _count(request, InvalidRequestError.slug)
    return problem(422, InvalidRequestError.slug, InvalidRequestError.title, "It holds a value that cannot be stored.")


def _read_failed(request: Request, error: Exception) -> Response:
    """Tell a read that found no connection, or lost it, to come back; most other complaints are faults of ours."""
    cause = _cause_of(error) if isinstance(error, DBAPIError) else None
    if isinstance(cause, asyncpg.DataError):
        return _unstorable(request, cause)
    passes = isinstance(error, PoolTimeoutError) or (
        isinstance(error, DBAPIError) and (error.connection_invalidated or isinstance(cause, TRANSIENT))
    )
    return _unavailable(request, error) if passes else _unexpected(request, error)


def _cause_of(error: DBAPIError) -> BaseException | None:
    """Find what asyncpg said: SQLAlchemy wraps it twice."""
    return error.orig.__cause__ if error.orig is not None else None


def _unexpected(_: Request, error: Exception) -> Response:
    log.error("unexpected_error", exc_info=error)
    return problem(500, "internal", "Something went wrong", "An unexpected error happened; it has been recorded.")


def install(app: FastAPI) -> None:
    """Translate every error of `app` into a problem document."""
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    for kind in TRANSIENT:
        app.add_exception_handler(kind, _unavailable)
    app.add_exception_handler(asyncpg.DataError, _unstorable)
    app.add_exception_handler(PoolTimeoutError, _read_failed)
    app.add_exception_handler(DBAPIError, _read_failed)
    app.add_exception_handler(Exception, _unexpected)
