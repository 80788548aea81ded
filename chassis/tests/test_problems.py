"""What a failed read is answered with: come back where the database is away, else a fault of the request or of ours."""

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import literal, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from structlog.testing import capture_logs

from chassis import problems
from chassis.database import Database


def wrapped(cause: Exception, *, lost: bool = False) -> DBAPIError:
    """Wrap what the driver said as SQLAlchemy does, twice."""
    adapted = RuntimeError("adapted")
    adapted.__cause__ = cause
    return DBAPIError("SELECT 1", None, adapted, connection_invalidated=lost)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (PoolTimeoutError("no connection is free"), 503),
        (wrapped(ValueError("whatever"), lost=True), 503),
        (wrapped(asyncpg.CannotConnectNowError("starting up")), 503),
        (wrapped(asyncpg.DataError("no number of ours")), 422),
        (asyncpg.DataError("no number of ours"), 422),
        (wrapped(asyncpg.UndefinedColumnError("no such column")), 500),
    ],
    ids=["crowded", "lost", "away", "unstorable", "unstorable by us", "ours"],
)
async def test_a_read_that_fails(error: Exception, status: int) -> None:
    app = FastAPI()

    @app.get("/")
    async def read() -> None:
        raise error

    problems.install(app)
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://service.test") as client:
        answer = await client.get("/")
    assert answer.status_code == status
    assert answer.headers["content-type"] == problems.PROBLEM_JSON
    assert ("retry-after" in answer.headers) is (status == 503)


@pytest.mark.database
@pytest.mark.parametrize("text", ["Ada\0", "Ada\ud800"], ids=["no character", "half a character"])
async def test_what_no_check_has_found_is_refused_and_told_without_the_value(database: Database, text: str) -> None:
    app = FastAPI()

    @app.post("/written/{what}")
    async def write(what: str) -> None:
        async with database.transaction() as transaction:
            await transaction.fetch("SELECT $1::text", what + text)

    @app.post("/read/{what}")
    async def read(what: str) -> None:
        async with database.reading() as session:
            await session.exec(select(literal(what + text)))  # type: ignore[call-overload]

    problems.install(app)
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://service.test") as client:
        for kind in ("written", "read"):
            with capture_logs() as logs:
                answer = await client.post(f"/{kind}/1")
            assert (answer.status_code, answer.json()["type"]) == (422, "urn:waybill:problem:invalid-request")
            assert [(entry["event"], entry["route"]) for entry in logs] == [("value_not_storable", f"/{kind}/{{what}}")]
            assert "Ada" not in repr(logs) + answer.text


@pytest.mark.database
async def test_the_failure_of_a_read_does_not_tell_what_was_asked_for(database: Database) -> None:
    with pytest.raises(DBAPIError, match="division by zero") as failed:
        async with database.reading() as session:
            await session.exec(select(literal("Ada"), literal(1) / literal(0)))  # type: ignore[call-overload]
    assert "Ada" not in str(failed.value)
