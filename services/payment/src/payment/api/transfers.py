"""Transfers as finance sees them: what came for which order, and what is to be paid back."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, StringConstraints

from chassis.auth import Caller, staff
from chassis.commands import Runs
from chassis.pages import Cursor, Limit, page, read_cursor
from chassis.problems import invalid
from chassis.requests import Clean, RequestModel
from contracts.types import Currency, Money
from payment.api.moments import Moment
from payment.handlers import receive_transfer
from payment.model.transfer import ReceiveTransfer
from payment.store import transfer_account, transfer_accounts

router = APIRouter(prefix="/api/admin/transfers", tags=["payments"])
Amount = Annotated[int, Field(strict=True, ge=-(10**12), le=10**12, description="Negative: it was sent back.")]


class TransferBody(RequestModel):
    """A transfer as the bank shows it; `reference` is what it names, `bank_reference` what the bank calls it."""

    reference: Annotated[str, StringConstraints(pattern=r"^WB-[0-9A-Z]{8}$")]
    amount: Amount
    currency: Currency
    received_at: Moment
    bank_reference: Annotated[str, StringConstraints(min_length=1, max_length=100), Clean]


class TransferView(BaseModel):
    """What was asked for under a reference, and what came: `waiting`, `paid`, or `ended` where nobody waits any more."""

    reference: str
    order_id: UUID
    state: str
    amount: Money
    received: Money
    to_pay_back: Money
    created_at: datetime


class TransferPage(BaseModel):
    """A page of what was asked for by transfer, newest first."""

    items: list[TransferView]
    next_cursor: str | None


@router.post("", response_model=TransferView)
async def post_transfer(request: Request, run: Runs, _: Annotated[Caller, staff("finance")], body: TransferBody) -> Response:
    """Tell of money that came, or was sent back; the same transfer a second time changes nothing."""
    if body.amount == 0:
        raise invalid("amount", "must be some money")
    async with request.app.state.database.reading() as session:
        order_id = (await transfer_account(session, body.reference)).order_id
    received_at = body.received_at.astimezone(UTC)
    told = ReceiveTransfer(order_id, body.reference, body.amount, body.currency, received_at, body.bank_reference)
    return await run(receive_transfer, told)


@router.get("")
async def list_transfers(
    request: Request,
    _: Annotated[Caller, staff("finance", "support", "auditor")],
    surplus: bool = False,  # noqa: FBT001, FBT002 - a query parameter
    limit: Limit = 50,
    cursor: Cursor = None,
) -> TransferPage:
    """List what was asked for by transfer, newest first; `surplus`: where something is to be paid back."""
    before = read_cursor(cursor, str)[0] if cursor is not None else None
    async with request.app.state.database.reading() as session:
        found = await transfer_accounts(session, limit + 1, before, surplus=surplus)
    rows, following = page(found, limit, lambda account: (account.reference,))
    return TransferPage(items=[TransferView.model_validate(one.document()) for one in rows], next_cursor=following)
