"""What a failed read is answered with: come back where the database is away, and a fault of ours otherwise."""

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from chassis import problems


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
        (wrapped(asyncpg.UndefinedColumnError("no such column")), 500),
    ],
    ids=["crowded", "lost", "away", "ours"],
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
