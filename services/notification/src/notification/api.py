"""HTTP in: what staff may see of the messages to customers, and have tried or sent again.

Lists show addresses masked; what a message says, and to whom, is for support alone.
"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, StringConstraints

from chassis.auth import Caller, staff
from chassis.commands import Runs
from chassis.domain import NotFoundError
from chassis.pages import Cursor, Limit, page, read_cursor
from chassis.requests import Clean, RequestModel, Text
from contracts.notification import Channel
from notification.handlers import resend_delivery, retry_delivery
from notification.letters import Letters, UnwritableError
from notification.model import CHANNELS, Contact, ContactState, Delivery, Status, Template
from notification.store import ListedDelivery, ResendDelivery, RetryDelivery, list_deliveries, read_delivery

router = APIRouter(prefix="/api/admin/notifications", tags=["notifications"])

Reader = Annotated[Caller, staff("support", "auditor")]
Operator = Annotated[Caller, staff("support")]
Tag = Annotated[str, Query(max_length=35, pattern=r"^[A-Za-z0-9]+([-_][A-Za-z0-9]+)*$", description="BCP 47, like de-AT.")]


class Notification(BaseModel):
    """A message to a customer, as staff see it."""

    delivery_id: UUID
    order_id: UUID
    template: Template
    channel: Channel
    status: Status
    about: UUID
    recipient: str | None
    attempts: int
    due_at: datetime | None
    created_at: datetime
    sent_at: datetime | None
    provider_message_id: str | None
    last_error: str | None
    resend_of: UUID | None


class Notifications(BaseModel):
    """A page of messages."""

    items: list[Notification]
    next_cursor: str | None = None


class TemplateInfo(BaseModel):
    """A template, the channels it has texts for, and the languages these are in."""

    name: Template
    channels: list[Channel]
    locales: list[str]


class Templates(BaseModel):
    """All templates."""

    items: list[TemplateInfo]
    next_cursor: None = None


class Preview(BaseModel):
    """A template written with made-up facts."""

    name: Template
    channel: Channel
    locale: str
    subject: str | None
    text: str
    html: str | None


@router.get("")
async def list_notifications(
    request: Request,
    _: Reader,
    order_id: UUID | None = None,
    status: Status | None = None,
    channel: Channel | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Notifications:
    """List messages, newest first."""
    before = read_cursor(cursor, UUID)[0] if cursor is not None else None
    async with request.app.state.database.reading() as session:
        rows = await list_deliveries(session, order_id, status, channel, before, limit + 1)
    shown, next_cursor = page(rows, limit, lambda row: (row.delivery_id,))
    return Notifications(items=[_shown(row) for row in shown], next_cursor=next_cursor)


@router.get("/templates")
async def list_templates(request: Request, _: Reader) -> Templates:
    """List the templates, their channels and languages."""
    languages = _letters(request).languages
    return Templates(
        items=[TemplateInfo(name=name, channels=list(channels), locales=languages) for name, channels in CHANNELS.items()]
    )


@router.get("/templates/{name}/preview")
async def preview_template(
    request: Request, _: Reader, name: Template, locale: Tag = "en", channel: Channel = Channel.EMAIL
) -> Preview:
    """Write a template with made-up facts, in the language that a customer with this locale would get."""
    if channel not in CHANNELS[name]:
        raise NoWordsError(f"The template {name} has no text for {channel}.")
    letters = _letters(request)
    words = letters.sample(name, channel, locale)
    return Preview(
        name=name,
        channel=channel,
        locale=letters.language(locale).folder,
        subject=words.subject or None,
        text=words.text,
        html=words.html or None,
    )


class Content(BaseModel):
    """What a message says, and to whom: personal data."""

    recipient: str
    locale: str
    subject: str | None
    text: str
    html: str | None


class RequestView(BaseModel):
    """What a member of staff asked for: a `retry` of what failed with `error`, or a `resend`, which is `delivery_id`."""

    kind: str
    actor: str
    at: datetime
    reason: str
    error: str | None
    delivery_id: UUID | None


class WholeNotification(Notification):
    """A message with what it says; `content` is null where the contact is not known yet, or erased, or it cannot be written."""

    content: Content | None
    requests: list[RequestView]


class RetryBody(RequestModel):
    """Why a message is tried again."""

    reason: Annotated[str, StringConstraints(max_length=200), Clean] = ""


class ResendBody(RequestModel):
    """Why a message is sent again."""

    reason: Text


class Resent(BaseModel):
    """The message that says once more what another said."""

    delivery_id: UUID
    resend_of: UUID
    status: Status


@router.get("/{delivery_id}")
async def get_notification(request: Request, _: Operator, delivery_id: UUID) -> WholeNotification:
    """Show a message with what it says, written anew from its facts, without the links that open a page for any holder."""
    async with request.app.state.database.reading() as session:
        delivery, contact, requests = await read_delivery(session, delivery_id)
    known = contact if contact.state == ContactState.KNOWN else None
    shown = {name: getattr(delivery, name) for name in ListedDelivery._fields[:-2]}
    email, phone = (known.mailbox(delivery.about), known.phone) if known is not None else (None, None)
    return WholeNotification(
        **_shown(ListedDelivery(**shown, email=email, phone=phone)).model_dump(),
        content=None if known is None else _content(delivery, known, _letters(request)),
        requests=[RequestView(**one._asdict()) for one in requests],
    )


def _content(delivery: Delivery, contact: Contact, letters: Letters) -> Content | None:
    recipient = contact.phone if delivery.channel == Channel.SMS else contact.mailbox(delivery.about)
    if recipient is None:
        return None
    template, channel, locale = Template(delivery.template), Channel(delivery.channel), contact.locale or "en"
    try:
        words = letters.write(template, channel, locale, delivery.order_id, delivery.facts, contact.name or "")
    except UnwritableError:
        return None
    return Content(
        recipient=recipient,
        locale=letters.language(locale).folder,
        subject=words.subject or None,
        text=words.text,
        html=words.html or None,
    )


@router.post("/{delivery_id}/retry")
async def retry_notification(run: Runs, _: Operator, delivery_id: UUID, body: RetryBody | None = None) -> Response:
    """Try a message again that was given up; who asked is kept with it."""
    return await run(retry_delivery, RetryDelivery(delivery_id, body.reason if body is not None else ""))


@router.post("/{delivery_id}/resend", status_code=201, response_model=Resent)
async def resend_notification(run: Runs, _: Operator, delivery_id: UUID, body: ResendBody) -> Response:
    """Say once more what was sent, to the address that is known now; who asked, and why, is kept with it."""
    return await run(resend_delivery, ResendDelivery(delivery_id, body.reason))


class NoWordsError(NotFoundError):
    """The template has no text for this channel."""


def _letters(request: Request) -> Letters:
    letters: Letters = request.app.state.gateways[Letters]
    return letters


def _shown(row: ListedDelivery) -> Notification:
    address = row.phone if row.channel == Channel.SMS else row.email
    return Notification(
        delivery_id=row.delivery_id,
        order_id=row.order_id,
        template=row.template,
        channel=row.channel,
        status=row.status,
        about=row.resent_event or row.event_id,
        recipient=masked(address) if address is not None else None,
        attempts=row.attempts,
        due_at=row.due_at,
        created_at=row.created_at,
        sent_at=row.sent_at,
        provider_message_id=row.provider_message_id,
        last_error=row.last_error,
        resend_of=row.resend_of,
    )


def masked(address: str) -> str:
    """Show enough of an address to recognise it: `a***@example.com`, `+49***21`."""
    user, at, domain = address.rpartition("@")
    return f"{user[:1]}***@{domain}" if at else f"{address[:3]}***{address[-2:]}"
