"""HTTP in: what finance and support see of payments, the audit of the books, and the PSP's webhooks.

Nothing here changes money: payments follow their orders. The token of an instrument is in no answer.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel
from sqlmodel import col, select

from chassis.auth import Caller, staff
from chassis.commands import Commands
from chassis.domain import Cause, NotFoundError
from chassis.pages import Cursor, Limit, page, read_cursor
from contracts.types import Money
from payment.gateway import PspWebhooks
from payment.handlers import hear_webhook
from payment.model import Attempt, Capture, LedgerEntry, Payment, Status
from payment.store import Audit, audit

router = APIRouter(tags=["payments"])
Reader = Annotated[Caller, staff("finance", "support", "auditor")]


class PaymentView(BaseModel):
    """A payment as staff see it; `due` names what is to be asked of the PSP next, `code` why something did not work."""

    order_id: UUID
    payment_id: UUID
    user_id: str
    status: Status
    amount: Money
    authorized: Money
    captured: Money
    released: Money
    refunded: Money
    order_cancelled: bool
    psp_reference: str | None
    code: str | None
    due: str | None
    due_at: datetime | None
    attempts: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, payment: Payment) -> Self:
        """Show a payment."""
        return cls(**_view(payment))


class CaptureView(BaseModel):
    """The money of one shipment."""

    shipment_id: UUID
    amount: Money
    status: str
    code: str | None
    due_at: datetime | None
    attempts: int
    created_at: datetime


class AttemptView(BaseModel):
    """One question to the PSP and its answer."""

    purpose: str
    idempotency_key: str
    result: str
    code: str | None
    shipment_id: UUID | None
    at: datetime


class EntryView(BaseModel):
    """A movement of money: one account is debited what the other is credited."""

    entry: str
    reference: UUID
    debit: str
    credit: str
    amount: Money
    at: datetime


class PaymentDetails(PaymentView):
    """A payment with everything that was done for it."""

    captures: list[CaptureView]
    psp_attempts: list[AttemptView]
    ledger: list[EntryView]


class PaymentPage(BaseModel):
    """A page of payments, newest first."""

    items: list[PaymentView]
    next_cursor: str | None


@router.get("/api/admin/payments")
async def list_payments(
    request: Request,
    _: Reader,
    order_id: UUID | None = None,
    status: Status | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> PaymentPage:
    """List payments, newest first."""
    query = select(Payment).order_by(col(Payment.payment_id).desc()).limit(limit + 1)
    if order_id is not None:
        query = query.where(col(Payment.order_id) == order_id)
    if status is not None:
        query = query.where(col(Payment.status) == status)
    if cursor is not None:
        query = query.where(col(Payment.payment_id) < read_cursor(cursor, UUID)[0])
    async with request.app.state.database.reading() as session:
        found: Sequence[Payment] = (await session.exec(query)).all()
    rows, following = page(found, limit, lambda payment: (payment.payment_id,))
    return PaymentPage(items=[PaymentView.of(payment) for payment in rows], next_cursor=following)


@router.get("/api/admin/payments/audit")
async def audit_payments(request: Request, _: Annotated[Caller, staff("finance", "auditor")]) -> Audit:
    """Check the books: the ledger sums to zero, and every counter is what the ledger says."""
    async with request.app.state.database.reading() as session:
        return await audit(session)


@router.get("/api/admin/payments/{order_id}")
async def read_payment(request: Request, _: Reader, order_id: UUID) -> PaymentDetails:
    """Read an order's payment with its captures, what was asked of the PSP, and its ledger."""
    async with request.app.state.database.reading() as session:
        payment = await session.get(Payment, order_id)
        if payment is None:
            raise NotFoundError("There is no payment for this order.")
        captures = await session.exec(select(Capture).where(Capture.order_id == order_id).order_by(col(Capture.capture_id)))
        attempts = await session.exec(select(Attempt).where(Attempt.order_id == order_id).order_by(col(Attempt.attempt_id)))
        entries = await session.exec(
            select(LedgerEntry).where(LedgerEntry.order_id == order_id).order_by(col(LedgerEntry.at), col(LedgerEntry.entry))
        )
        return PaymentDetails(
            **_view(payment),
            captures=[CaptureView.model_validate({**_fields(one, CaptureView), "amount": _money(one)}) for one in captures],
            psp_attempts=[AttemptView.model_validate(_fields(one, AttemptView)) for one in attempts],
            ledger=[EntryView.model_validate({**_fields(one, EntryView), "amount": _money(one)}) for one in entries],
        )


@router.post("/api/webhooks/psp", include_in_schema=False)
async def receive_webhook(request: Request, stripe_signature: Annotated[str, Header()] = "") -> Response:
    """Hear a notice of the PSP; it only makes us ask."""
    webhooks: PspWebhooks = request.app.state.gateways[PspWebhooks]
    heard = webhooks.read(await request.body(), stripe_signature)
    if heard is not None:
        commands: Commands = request.app.state.commands
        cause = Cause("psp", request.app.state.database.clock(), correlation_id=str(heard.order_id))
        await commands.run(hear_webhook, heard, cause, None)
    return Response(b"{}", media_type="application/json")


def _view(payment: Payment) -> dict[str, Any]:
    money = {
        "amount": payment.amount,
        "authorized": payment.authorized_amount,
        "captured": payment.captured_amount,
        "released": payment.released_amount,
        "refunded": payment.refunded_amount,
    }
    return {
        **_fields(payment, PaymentView),
        **{name: Money(amount=amount, currency=payment.currency) for name, amount in money.items()},
        "order_cancelled": payment.barred,
        "due": payment.action,
    }


def _fields(row: Any, view: type[BaseModel]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in view.model_fields if hasattr(row, name)}


def _money(row: Capture | LedgerEntry) -> Money:
    return Money(amount=row.amount, currency=row.currency)
