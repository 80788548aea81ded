"""Payments as finance and support see them, with everything that was done for them, and the audit of the books."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, StringConstraints
from sqlmodel import col, select

from chassis.auth import Caller, staff
from chassis.domain import NotFoundError
from chassis.pages import Cursor, Limit, page, read_cursor
from chassis.requests import Clean
from contracts.types import Money
from payment.api.disputes import DisputeView
from payment.model import (
    Attempt,
    Capture,
    Dispute,
    Draw,
    LedgerEntry,
    Payment,
    Reduction,
    Refund,
    RefundPart,
    Status,
)
from payment.store import Audit, audit, called

router = APIRouter(tags=["payments"])
Reader = Annotated[Caller, staff("finance", "support", "auditor")]
Key = Annotated[str, StringConstraints(min_length=1, max_length=200), Clean]


class PaymentView(BaseModel):
    """A payment as staff see it; `due` names what is to be asked of the PSP next, `code` why something did not work.

    `change_id` is the change that it pays for (None: the order as it was placed), `renews` the payment whose hold it replaces.
    """

    order_id: UUID
    payment_id: UUID
    change_id: UUID | None
    renews: UUID | None
    replaced: bool
    expires_at: datetime | None
    user_id: str
    status: Status
    amount: Money
    authorized: Money
    captured: Money
    released: Money
    refunded: Money
    order_cancelled: bool
    change_withdrawn: bool
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


class DrawView(BaseModel):
    """What is taken for a shipment of one payment; `final`: the PSP lets go of the rest."""

    payment_id: UUID
    amount: Money
    final: bool
    status: str
    code: str | None


class CaptureView(BaseModel):
    """The money of one shipment, and the payments it is drawn from, in turn."""

    shipment_id: UUID
    amount: Money
    status: str
    code: str | None
    due_at: datetime | None
    attempts: int
    created_at: datetime
    draws: list[DrawView]


class ReductionView(BaseModel):
    """A change that made the order cost less: so much of what was held is not taken, and so much is due now."""

    change_id: UUID
    amount: Money
    due: Money
    at: datetime


class RefundPartView(BaseModel):
    """What a refund gives back of one payment; `code` is why the PSP would not."""

    payment_id: UUID
    amount: Money
    status: str
    code: str | None
    refusals: int


class RefundView(BaseModel):
    """Money that is given back on request, and the payments it is drawn from, in turn; `code` is why it failed."""

    refund_id: UUID
    amount: Money
    reason: str
    status: str
    code: str | None
    due_at: datetime | None
    attempts: int
    created_at: datetime
    parts: list[RefundPartView]


class AttemptView(BaseModel):
    """One question to the PSP and its answer."""

    payment_id: UUID
    purpose: str
    idempotency_key: str
    result: str
    code: str | None
    shipment_id: UUID | None
    at: datetime


class EntryView(BaseModel):
    """A movement of money: one account is debited what the other is credited."""

    payment_id: UUID
    entry: str
    reference: UUID
    debit: str
    credit: str
    amount: Money
    at: datetime


class OrderPayments(BaseModel):
    """The money of an order: the sums over its payments, the payments, and everything that was done for them."""

    order_id: UUID
    user_id: str
    order_cancelled: bool
    authorized: Money
    captured: Money
    released: Money
    refunded: Money
    payments: list[PaymentView]
    captures: list[CaptureView]
    reductions: list[ReductionView]
    refunds: list[RefundView]
    disputes: list[DisputeView]
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
    reference: Annotated[
        Key | None, Query(description="The id of a payment, or what the PSP, or a transfer, calls it.")
    ] = None,
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
        if reference is not None:
            query = query.where(await called(session, reference))
        found: Sequence[Payment] = (await session.exec(query)).all()
    rows, following = page(found, limit, lambda payment: (payment.payment_id,))
    return PaymentPage(items=[PaymentView.of(payment) for payment in rows], next_cursor=following)


@router.get("/api/admin/payments/audit")
async def audit_payments(request: Request, _: Annotated[Caller, staff("finance", "auditor")]) -> Audit:
    """Check the books: the ledger sums to zero, and every counter is what the ledger says."""
    async with request.app.state.database.reading() as session:
        return await audit(session)


@router.get("/api/admin/payments/{order_id}")
async def read_payments(request: Request, _: Reader, order_id: UUID) -> OrderPayments:
    """Read all payments of an order with its captures, what was asked of the PSP, and its ledger."""
    async with request.app.state.database.reading() as session:
        payments = (await session.exec(select(Payment).where(Payment.order_id == order_id))).all()
        if not payments:
            raise NotFoundError("There is no payment for this order.")
        payments = sorted(payments, key=lambda payment: (payment.change_id is not None, payment.payment_id))
        captures = await session.exec(select(Capture).where(Capture.order_id == order_id).order_by(col(Capture.capture_id)))
        draws = await session.exec(select(Draw).where(Draw.order_id == order_id).order_by(col(Draw.place)))
        drawn = list(draws)
        reductions = await session.exec(select(Reduction).where(Reduction.order_id == order_id).order_by(col(Reduction.at)))
        refunds = await session.exec(select(Refund).where(Refund.order_id == order_id).order_by(col(Refund.refund_id)))
        parts = list(
            await session.exec(select(RefundPart).where(RefundPart.order_id == order_id).order_by(col(RefundPart.place)))
        )
        disputes = await session.exec(select(Dispute).where(Dispute.order_id == order_id).order_by(col(Dispute.opened_at)))
        attempts = await session.exec(select(Attempt).where(Attempt.order_id == order_id).order_by(col(Attempt.attempt_id)))
        entries = await session.exec(
            select(LedgerEntry).where(LedgerEntry.order_id == order_id).order_by(col(LedgerEntry.at), col(LedgerEntry.entry))
        )
        main = payments[0]
        return OrderPayments(
            order_id=order_id,
            user_id=main.user_id,
            order_cancelled=main.barred,
            **{
                name: main.money(sum(getattr(payment, f"{name}_amount") for payment in payments))
                for name in ("authorized", "captured", "released", "refunded")
            },
            payments=[PaymentView.of(payment) for payment in payments],
            captures=[_capture(one, drawn) for one in captures],
            reductions=[ReductionView.model_validate(_fields(one, ReductionView, "amount", "due")) for one in reductions],
            refunds=[_refund(one, parts) for one in refunds],
            disputes=[DisputeView.of(one) for one in disputes],
            psp_attempts=[AttemptView.model_validate({**_fields(one, AttemptView), **_whose(one, main)}) for one in attempts],
            ledger=[EntryView.model_validate({**_fields(one, EntryView, "amount"), **_whose(one, main)}) for one in entries],
        )


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
        **{name: payment.money(amount) for name, amount in money.items()},
        "order_cancelled": payment.barred,
        "change_withdrawn": payment.withdrawn,
        "replaced": payment.replaced_at is not None,
        "due": payment.action,
    }


def _capture(capture: Capture, draws: Sequence[Draw]) -> CaptureView:
    mine = [
        DrawView.model_validate({**_fields(draw, DrawView), "amount": Money(amount=draw.amount, currency=capture.currency)})
        for draw in draws
        if draw.shipment_id == capture.shipment_id
    ]
    return CaptureView.model_validate({**_fields(capture, CaptureView, "amount"), "draws": mine})


def _refund(refund: Refund, parts: Sequence[RefundPart]) -> RefundView:
    mine = [
        {**_fields(part, RefundPartView), "amount": Money(amount=part.amount, currency=refund.currency)}
        for part in parts
        if part.refund_id == refund.refund_id
    ]
    return RefundView.model_validate({**_fields(refund, RefundView, "amount"), "parts": mine})


def _whose(row: Attempt | LedgerEntry, main: Payment) -> dict[str, UUID]:
    return {"payment_id": row.payment_id or main.payment_id}


def _fields(row: Any, view: type[BaseModel], *amounts: str) -> dict[str, Any]:
    """Pick what a view shows of a row, `amounts` with the row's currency."""
    picked = {name: getattr(row, name) for name in view.model_fields if hasattr(row, name)}
    return picked | {name: Money(amount=picked[name], currency=row.currency) for name in amounts}
