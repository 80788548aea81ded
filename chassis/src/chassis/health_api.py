"""The operators' route to how a service keeps up: what waits to be told, heard and done, and what was put aside.

Everything is counted up to a cap, so that looking costs nothing worth naming on a service in trouble.
"""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Request
from pydantic import BaseModel

from chassis.auth import Caller, staff
from chassis.database import Database

MOST_COUNTED: Final = 10_000
Operator = Annotated[Caller, staff("support", "auditor")]


class Backlog(BaseModel):
    """Facts that are committed and not published yet."""

    pending: int
    capped: bool
    oldest_seconds: float


class TopicLag(BaseModel):
    """Records of a topic that are not handled yet."""

    topic: str
    records: int


class Letters(BaseModel):
    """Records that were put aside and wait for a person."""

    open: int
    capped: bool
    oldest_seconds: float


class DueJob(BaseModel):
    """A kind of work on due rows; `late_seconds`: how long its oldest row has been due."""

    job: str
    late_seconds: float


class HealthView(BaseModel):
    """How a service keeps up; `parts` as in /readyz, `open` as in its metrics: work that is not at rest, by state."""

    service: str
    ready: bool
    parts: dict[str, str]
    outbox: Backlog
    consumer_lag: list[TopicLag] | None
    dead_letters: Letters
    due: list[DueJob]
    open: dict[str, int]


_OUTBOX: Final = "SELECT created_at AS at FROM outbox_unpublished LIMIT $1"
_LETTERS: Final = "SELECT created_at AS at FROM dead_letter WHERE status = 'open' LIMIT $1"
_COUNT: Final = "SELECT count(*) AS n, coalesce(extract(epoch FROM now() - min(at)), 0)::float8 AS age FROM ({}) AS found"


def router(service: str) -> APIRouter:
    """Make the route of one service."""
    routes = APIRouter(prefix=f"/api/admin/reports/{service}", tags=["reports"])

    @routes.get("/health")
    async def get_health(request: Request, _: Operator) -> HealthView:
        """Show how this service keeps up."""
        process = request.app.state.process
        database: Database = request.app.state.database
        parts: dict[str, str] = await process.readiness()
        async with database.transaction() as transaction:
            [outbox] = await transaction.fetch(_COUNT.format(_OUTBOX), MOST_COUNTED + 1)
            [letters] = await transaction.fetch(_COUNT.format(_LETTERS), MOST_COUNTED + 1)
            due = [await _late(job, transaction) for job in process.parts.jobs.jobs.values()]
        pending = max(0, outbox["n"] - database.waiting_to_clear)
        return HealthView(
            service=service,
            ready=all(state == "ok" for state in parts.values()),
            parts=parts,
            outbox=Backlog(
                pending=min(pending, MOST_COUNTED),
                capped=pending > MOST_COUNTED,
                oldest_seconds=max(0.0, outbox["age"]) if pending else 0.0,
            ),
            consumer_lag=await _lag(process),
            dead_letters=Letters(
                open=min(letters["n"], MOST_COUNTED),
                capped=letters["n"] > MOST_COUNTED,
                oldest_seconds=max(0.0, letters["age"]),
            ),
            due=due,
            open=await _open(process, database),
        )

    return routes


async def _late(job: Any, transaction: Any) -> DueJob:
    at = await job.due.next_due(transaction)
    late = 0.0 if at is None else max(0.0, (transaction.now - at).total_seconds())
    return DueJob(job=job.name, late_seconds=late)


async def _lag(process: Any) -> list[TopicLag] | None:
    """Sum up what is not handled yet by topic; None where this process hears nothing, or the broker is away."""
    if process.consumer is None or not process.consumer.alive:
        return None
    lags: dict[str, int] = {}
    for (topic, _), records in (await process.consumer.lag()).items():
        lags[topic] = lags.get(topic, 0) + records
    return [TopicLag(topic=topic, records=records) for topic, records in sorted(lags.items())]


async def _open(process: Any, database: Database) -> dict[str, int]:
    if process.parts.measure is not None:
        await process.parts.measure(database, process.metrics)
    samples = [sample for family in process.metrics.saga_open.collect() for sample in family.samples]
    return {sample.labels["state"]: int(sample.value) for sample in samples}
