"""Disputes as finance and support see them: what customers' banks want back, and until when evidence is due."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel
from sqlmodel import col, select, tuple_

from chassis.auth import Caller, staff
from chassis.pages import Cursor, Limit, page, read_cursor
from contracts.types import Money
from payment.model import Dispute, DisputeStatus

router = APIRouter(tags=["payments"])


class DisputeView(BaseModel):
    """A dispute as staff see it; `code` is the bank's reason, `psp_dispute` its name at the PSP."""

    dispute_id: UUID
    order_id: UUID
    payment_id: UUID
    psp_dispute: str
    amount: Money
    code: str
    status: DisputeStatus
    respond_by: datetime | None
    opened_at: datetime
    closed_at: datetime | None

    @classmethod
    def of(cls, dispute: Dispute) -> Self:
        """Show a dispute."""
        shown = {name: getattr(dispute, name) for name in cls.model_fields}
        return cls.model_validate({**shown, "amount": dispute.money})


class DisputePage(BaseModel):
    """A page of disputes, newest first."""

    items: list[DisputeView]
    next_cursor: str | None


@router.get("/api/admin/disputes")
async def list_disputes(
    request: Request,
    _: Annotated[Caller, staff("finance", "support", "auditor")],
    order_id: UUID | None = None,
    status: DisputeStatus | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> DisputePage:
    """List disputes, newest first."""
    place = tuple_(col(Dispute.opened_at), col(Dispute.dispute_id))
    query = select(Dispute).order_by(col(Dispute.opened_at).desc(), col(Dispute.dispute_id).desc()).limit(limit + 1)
    if order_id is not None:
        query = query.where(col(Dispute.order_id) == order_id)
    if status is not None:
        query = query.where(col(Dispute.status) == status)
    if cursor is not None:
        query = query.where(place < read_cursor(cursor, datetime, UUID))
    async with request.app.state.database.reading() as session:
        found: Sequence[Dispute] = (await session.exec(query)).all()
    rows, following = page(found, limit, lambda dispute: (dispute.opened_at, dispute.dispute_id))
    return DisputePage(items=[DisputeView.of(dispute) for dispute in rows], next_cursor=following)
