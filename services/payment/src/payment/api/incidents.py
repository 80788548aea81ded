"""Incidents as operators see them: money that came otherwise than it should, each with what to do about it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from sqlmodel import col, select

from chassis.auth import Caller, staff
from chassis.commands import Runs
from chassis.pages import Cursor, Limit, page, read_cursor
from chassis.requests import RequestModel, Text
from contracts.types import Money
from payment.handlers import resolve_incident
from payment.model.incident import Incident, Matter
from payment.store import ResolveIncident

router = APIRouter(prefix="/api/admin/payments/incidents", tags=["payments"])


class IncidentView(BaseModel):
    """An incident, open until somebody has resolved it; `code` is the PSP's reason, `note` what was done."""

    incident_id: UUID
    order_id: UUID
    user_id: str
    kind: Matter
    amount: Money
    code: str | None
    what_to_do: str
    opened_at: datetime
    resolved_at: datetime | None
    resolved_by: str | None
    note: str | None

    @classmethod
    def of(cls, incident: Incident) -> Self:
        """Show an incident."""
        return cls.model_validate(incident.document())


class IncidentPage(BaseModel):
    """A page of incidents, newest first."""

    items: list[IncidentView]
    next_cursor: str | None


class ResolutionBody(RequestModel):
    """What was done about it."""

    note: Text


@router.get("")
async def list_incidents(
    request: Request,
    _: Annotated[Caller, staff("finance", "support", "auditor")],
    kind: Matter | None = None,
    state: Literal["open", "resolved"] | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> IncidentPage:
    """List what a person is to look at, newest first, each with what to do."""
    query = select(Incident).order_by(col(Incident.incident_id).desc()).limit(limit + 1)
    if kind is not None:
        query = query.where(col(Incident.kind) == kind)
    if state is not None:
        resolved = col(Incident.resolved_at)
        query = query.where(resolved.is_(None) if state == "open" else resolved.is_not(None))
    if cursor is not None:
        query = query.where(col(Incident.incident_id) < read_cursor(cursor, UUID)[0])
    async with request.app.state.database.reading() as session:
        found: Sequence[Incident] = (await session.exec(query)).all()
    rows, following = page(found, limit, lambda incident: (incident.incident_id,))
    return IncidentPage(items=[IncidentView.of(incident) for incident in rows], next_cursor=following)


@router.post("/{incident_id}/resolve", response_model=IncidentView)
async def post_resolution(
    run: Runs, _: Annotated[Caller, staff("finance")], incident_id: UUID, body: ResolutionBody
) -> Response:
    """Note what was done about an incident, once."""
    return await run(resolve_incident, ResolveIncident(incident_id, body.note))
