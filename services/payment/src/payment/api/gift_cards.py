"""Gift cards: issued and watched by finance, their balance told to whoever has the code.

A code is told once, in the answer to the request that issues its card; a request that is repeated is answered without it.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, StringConstraints
from sqlmodel import col, select

from chassis.auth import Caller, Customer, staff
from chassis.commands import Runs
from chassis.domain import NotFoundError, new_id
from chassis.pages import Cursor, Limit, page, read_cursor
from chassis.problems import invalid
from chassis.requests import RequestModel
from contracts.types import Currency, Money
from payment.api.moments import Moment
from payment.handlers import issue_gift_card
from payment.model.gift_card import GiftCard, IssueGiftCard, mark_of, new_code
from payment.store import find_gift_card, gift_card_movements, gift_card_secret

router = APIRouter(tags=["gift cards"])
Finance = Annotated[Caller, staff("finance")]
Reader = Annotated[Caller, staff("finance", "support", "auditor")]


class AmountBody(RequestModel):
    """An amount in minor units."""

    amount: Annotated[int, Field(strict=True, ge=1, le=10**8)]
    currency: Currency


class GiftCardBody(RequestModel):
    """A gift card to issue."""

    amount: AmountBody
    expires_at: Moment | None = None


class GiftCardView(BaseModel):
    """A gift card as staff see it; `hint` is the end of its code."""

    gift_card_id: UUID
    hint: str
    amount: Money
    balance: Money
    expires_at: datetime | None
    issued_by: str
    issued_at: datetime


class IssuedGiftCard(GiftCardView):
    """A gift card that was just issued, with its code; None where the request is repeated."""

    code: str | None


class MovementView(BaseModel):
    """What happened to a gift card's balance: `hold` and `capture` are for an order, `release` and `refund` give back."""

    kind: str
    amount: Money
    order_id: UUID | None
    at: datetime


class GiftCardDetail(GiftCardView):
    """A gift card with all that happened to its balance."""

    movements: list[MovementView]


class GiftCardPage(BaseModel):
    """A page of gift cards, newest first."""

    items: list[GiftCardView]
    next_cursor: str | None


class CodeBody(RequestModel):
    """The code of a gift card."""

    code: Annotated[str, StringConstraints(min_length=8, max_length=40)]


class BalanceView(BaseModel):
    """What can be paid with a gift card."""

    balance: Money
    expires_at: datetime | None


@router.post("/api/admin/gift-cards", status_code=201, response_model=IssuedGiftCard)
async def post_gift_card(request: Request, run: Runs, _: Finance, body: GiftCardBody) -> Response:
    """Issue a gift card; its code is told here, and never again."""
    database = request.app.state.database
    if body.expires_at is not None and body.expires_at <= database.clock():
        raise invalid("expires_at", "must be in the future")
    card_id, code, amount = new_id(), new_code(), Money(**body.amount.model_dump())
    expires_at = body.expires_at.astimezone(UTC) if body.expires_at is not None else None
    mark = mark_of(code, gift_card_secret(database.remembered))
    reply = await run(issue_gift_card, IssueGiftCard(card_id, mark, code[-4:], amount, expires_at))
    issued = json.loads(bytes(reply.body))
    if issued.get("gift_card_id") == str(card_id):
        reply = Response(json.dumps({**issued, "code": code}), reply.status_code, media_type="application/json")
    return reply


@router.get("/api/admin/gift-cards")
async def list_gift_cards(request: Request, _: Reader, limit: Limit = 50, cursor: Cursor = None) -> GiftCardPage:
    """List gift cards, newest first."""
    query = select(GiftCard).order_by(col(GiftCard.gift_card_id).desc()).limit(limit + 1)
    if cursor is not None:
        query = query.where(col(GiftCard.gift_card_id) < read_cursor(cursor, UUID)[0])
    async with request.app.state.database.reading() as session:
        found: Sequence[GiftCard] = (await session.exec(query)).all()
    rows, following = page(found, limit, lambda card: (card.gift_card_id,))
    return GiftCardPage(items=[GiftCardView.model_validate(card.document()) for card in rows], next_cursor=following)


@router.get("/api/admin/gift-cards/{gift_card_id}")
async def get_gift_card(request: Request, _: Reader, gift_card_id: UUID) -> GiftCardDetail:
    """Show a gift card and what happened to its balance."""
    async with request.app.state.database.reading() as session:
        card = (await session.exec(select(GiftCard).where(col(GiftCard.gift_card_id) == gift_card_id))).first()
        if card is None:
            raise NotFoundError("There is no such gift card.")
        moved = await gift_card_movements(session, gift_card_id)
    movements = [
        MovementView(kind=kind, amount=Money(amount=amount, currency=card.currency), order_id=order_id, at=at)
        for kind, amount, order_id, at in moved
    ]
    return GiftCardDetail(**card.document(), movements=movements)


@router.post("/api/gift-cards/balance")
async def post_balance(request: Request, _: Customer, body: CodeBody) -> BalanceView:
    """Tell what can be paid with a gift card; its code is in no address, since addresses are written down."""
    database = request.app.state.database
    async with database.reading() as session:
        card = await find_gift_card(session, mark_of(body.code, gift_card_secret(database.remembered)))
    return BalanceView(
        balance=Money(amount=card.balance_at(database.clock()), currency=card.currency), expires_at=card.expires_at
    )
