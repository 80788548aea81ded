"""The operators' routes to what a service told about a key, and still owes: one part of an order's causation tree."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic_core import from_json

from chassis.auth import Caller, staff
from chassis.database import Database
from chassis.open_work import Work, nudge, owed
from chassis.requests import Clean
from contracts import TOPICS

Operator = Annotated[Caller, staff("support", "auditor", "warehouse", "finance", "fraud_reviewer")]
Key = Annotated[str, Path(max_length=200, description="What the facts are about, like an order's id."), Clean]


def router(service: str, works: Sequence[Work]) -> APIRouter:
    """Make the routes of one service."""
    routes = APIRouter(prefix=f"/api/admin/facts/{service}", tags=["saga"])

    @routes.get("/{key}")
    async def list_facts(request: Request, _: Operator, key: Key) -> dict[str, Any]:
        """List what this service told about `key`, oldest first, and what it owes; what is confidential without content."""
        database = request.app.state.database
        return {"items": await facts_about(database, key), "work": await owed(database, key, works)}

    @routes.post("/{key}/nudge")
    async def nudge_key(request: Request, _: Annotated[Caller, staff("support")], key: Key) -> dict[str, Any]:
        """Have what is owed about `key` done now, and tell its facts anew: who has heard them drops them."""
        settings = request.app.state.settings
        nudged = await nudge(request.app.state.database, key, works, settings.outbox_retention_days)
        return {"told": nudged.told, "hastened": list(nudged.hastened)}

    return routes


async def facts_about(database: Database, key: str) -> list[dict[str, Any]]:
    """Answer what this service told about `key`, oldest first."""
    async with database.transaction() as transaction:
        rows = await transaction.fetch(
            """SELECT o.id, o.aggregatetype, o.sequence, o.type, o.payload, o.occurred_at, o.causation_id,
            u.id IS NOT NULL AS unpublished
            FROM outbox o LEFT JOIN outbox_unpublished u
            ON u.topic = o.aggregatetype AND u.key = o.aggregateid AND u.sequence = o.sequence
            WHERE o.aggregateid = $1 ORDER BY o.id""",
            key,
        )
    return [_fact(database.service, row) for row in rows]


def _fact(service: str, row: Any) -> dict[str, Any]:
    topic = TOPICS[row["aggregatetype"]]
    hidden = topic.restricted or row["payload"] is None
    return {
        "event_id": str(row["id"]),
        "type": row["type"],
        "topic": topic.name,
        "source": service,
        "sequence": row["sequence"],
        "time": row["occurred_at"].isoformat(),
        "causation_id": None if row["causation_id"] is None else str(row["causation_id"]),
        "unpublished": row["unpublished"],
        "data": None if hidden else from_json(row["payload"]),
    }
