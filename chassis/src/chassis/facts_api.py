"""The operators' route to the facts a service told about a key: one part of an order's causation tree."""

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic_core import from_json

from chassis.auth import Caller, staff
from chassis.database import Database
from contracts import TOPICS

Operator = Annotated[Caller, staff("support", "auditor", "warehouse", "finance")]


def router(service: str) -> APIRouter:
    """Make the route of one service."""
    routes = APIRouter(prefix=f"/api/admin/facts/{service}", tags=["saga"])

    @routes.get("/{key}")
    async def list_facts(request: Request, _: Operator, key: str) -> dict[str, Any]:
        """List what this service told about `key`, oldest first; confidential topics without their content."""
        return {"items": await facts_about(request.app.state.database, key)}

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
