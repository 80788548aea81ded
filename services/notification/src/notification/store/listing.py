"""Deliveries as staff read them, a page at a time."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import sqlalchemy
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.notification import Channel
from notification.model import Contact, Delivery, Status, Template


class ListedDelivery(NamedTuple):
    """A delivery with the address it goes to, which is to be masked before anybody sees it."""

    delivery_id: UUID
    order_id: UUID
    template: Template
    channel: Channel
    status: Status
    event_id: UUID
    attempts: int
    due_at: datetime | None
    created_at: datetime
    sent_at: datetime | None
    provider_message_id: str | None
    last_error: str | None
    email: str | None
    phone: str | None


async def list_deliveries(
    session: AsyncSession,
    order_id: UUID | None,
    status: Status | None,
    channel: Channel | None,
    before: UUID | None,
    limit: int,
) -> Sequence[ListedDelivery]:
    """List deliveries from the newest on, or from the one after `before`."""
    shown = [col(getattr(Delivery, name)) for name in ListedDelivery._fields[:-2]]
    query = sqlalchemy.select(*shown, col(Contact.email), col(Contact.phone)).join(
        Contact, col(Contact.order_id) == col(Delivery.order_id)
    )
    wanted = {Delivery.order_id: order_id, Delivery.status: status, Delivery.channel: channel}
    query = query.where(*(col(column) == value for column, value in wanted.items() if value is not None))
    if before is not None:
        query = query.where(col(Delivery.delivery_id) < before)
    connection = await session.connection()
    rows = await connection.execute(query.order_by(col(Delivery.delivery_id).desc()).limit(limit))
    return [ListedDelivery._make(row) for row in rows]
