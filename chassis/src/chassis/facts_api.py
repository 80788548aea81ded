"""The operators' route to the facts a service told about a key: one part of an order's causation tree."""

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic_core import from_json

from chassis.auth import Caller, staff
from contracts import TOPICS

Operator = Annotated[Caller, staff("support", "auditor", "warehouse", "finance")]


def router(service: str) -> APIRouter:
    """Make the route of one service."""
    routes = APIRouter(prefix=f"/api/admin/facts/{service}", tags=["saga"])

    @routes.get("/{key}")
    async def list_facts(request: Request, _: Operator, key: str) -> dict[str, Any]:
        """List what this service told about `key`, oldest first; confidential topics without their content."""
        async with request.app.state.database.transaction() as transaction:
            rows = await transaction.fetch(
                """SELECT o.id, o.aggregatetype, o.sequence, o.type, o.payload, o.occurred_at, o.causation_id,
                u.id IS NOT NULL AS unpublished
                FROM outbox o LEFT JOIN outbox_unpublished u
                ON u.topic = o.aggregatetype AND u.key = o.aggregateid AND u.sequence = o.sequence
                WHERE o.aggregateid = $1 ORDER BY o.id""",
                key,
            )
        return {"items": [_fact(service, row) for row in rows]}

    return routes


def _fact(service: str, row: Any) -> dict[str, Any]:
    topic = TOPICS[row["aggregatetype"]]
    hidden = topic.restricted or row["payload"] is None
    return {
        "event_id": row["id"],
        "type": row["type"],
        "topic": topic.name,
        "source": service,
        "sequence": row["sequence"],
        "time": row["occurred_at"],
        "causation_id": row["causation_id"],
        "unpublished": row["unpublished"],
        "data": None if hidden else from_json(row["payload"]),
    }
