"""Deliveries as staff read them: a page at a time, or one with all that was done about it."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import sqlalchemy
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.notification import Channel
from notification.model import Contact, Delivery, DeliveryUnknownError, Status, Template


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
    resend_of: UUID | None
    resent_event: UUID | None
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
    about = sqlalchemy.cast(sqlalchemy.func.coalesce(Delivery.resent_event, Delivery.event_id), sqlalchemy.Text)
    mailbox = sqlalchemy.func.coalesce(col(Contact.former_emails).op("->>")(about), Contact.email)
    query = sqlalchemy.select(*shown, mailbox, col(Contact.phone)).join(
        Contact, col(Contact.order_id) == col(Delivery.order_id)
    )
    wanted = {Delivery.order_id: order_id, Delivery.status: status, Delivery.channel: channel}
    query = query.where(*(col(column) == value for column, value in wanted.items() if value is not None))
    if status in {Status.QUEUED, Status.SENDING}:
        query = query.where(col(Delivery.due_at).is_not(None))  # as all of these have: the index of what is due finds them
    if before is not None:
        query = query.where(col(Delivery.delivery_id) < before)
    connection = await session.connection()
    rows = await connection.execute(query.order_by(col(Delivery.delivery_id).desc()).limit(limit))
    return [ListedDelivery._make(row) for row in rows]


class Request(NamedTuple):
    """What a member of staff asked for about a delivery: `retry`, with the error it had, or `resend`, as which delivery."""

    kind: str
    actor: str
    at: datetime
    reason: str
    error: str | None
    delivery_id: UUID | None


class WholeDelivery(NamedTuple):
    """A delivery with its contact and all that staff asked for about it."""

    delivery: Delivery
    contact: Contact
    requests: Sequence[Request]


_REQUESTS = """
SELECT 'retry' AS kind, actor, at, reason, error, NULL::uuid AS delivery_id FROM delivery_retry WHERE delivery_id = :id
UNION ALL
SELECT 'resend', resent_by, resent_at, resend_reason, NULL, delivery_id FROM delivery WHERE resend_of = :id
ORDER BY at
"""


async def read_delivery(session: AsyncSession, delivery_id: UUID) -> WholeDelivery:
    """Read a delivery; raises DeliveryUnknownError."""
    query = select(Delivery, Contact).join(Contact, col(Contact.order_id) == col(Delivery.order_id))
    found = (await session.exec(query.where(Delivery.delivery_id == delivery_id))).first()
    if found is None:
        raise DeliveryUnknownError("There is no such delivery.")
    connection = await session.connection()
    requests = await connection.execute(sqlalchemy.text(_REQUESTS), {"id": delivery_id})
    return WholeDelivery(found[0], found[1], [Request._make(row) for row in requests])
