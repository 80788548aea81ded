"""Returns and refunds: their columns, what is due of them, how people look at them, and the policy that is to be changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Self
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import defer
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from chassis.database import Transaction
from chassis.domain import Cause, NotFoundError
from chassis.pages import page, read_cursor
from contracts.types import Address
from order.model import LabelState, Order, OrderReturn, Refund, ReturnLabel, ReturnPolicy, Warehouse
from order.store.carrying import LEASE, LIGHTEST_GRAMS, earliest, origin_of

REFUND: Final = {
    "refund_id": "uuid",
    "order_id": "uuid",
    "state": "text",
    "amount": "bigint",
    "lines": "jsonb",
    "shipping_amount": "bigint",
    "shipping_tax_amount": "bigint",
    "kept_amount": "bigint",
    "refunded_amount": "bigint",
    "reason": "text",
    "notes": "text",
    "return_id": "uuid",
    "exchange_order_id": "uuid",
    "requested_by": "text",
    "decided_by": "text",
    "error": "text",
    "retried_as": "uuid",
    "created_at": "timestamptz",
    "settled_at": "timestamptz",
}
RETURN: Final = {
    "return_id": "uuid",
    "order_id": "uuid",
    "state": "text",
    "lines": "jsonb",
    "note": "text",
    "refund_amount": "bigint",
    "fee_amount": "bigint",
    "fee_taken": "bigint",
    "policy_version": "int",
    "warehouse_id": "text",
    "receipts": "jsonb",
    "reason": "text",
    "decided_by": "text",
    "decision_notes": "text",
    "deadline_at": "timestamptz",
    "exchange": "jsonb",
    "created_at": "timestamptz",
    "updated_at": "timestamptz",
}
RETURN_LABEL: Final = {
    "label_id": "uuid",
    "order_id": "uuid",
    "return_id": "uuid",
    "state": "text",
    "reference": "text",
    "carrier": "text",
    "service": "text",
    "tracking_number": "text",
    "cost_amount": "bigint",
    "cost_currency": "text",
    "error": "text",
    "due_at": "timestamptz",
    "attempts": "int",
    "created_at": "timestamptz",
}

DEADLINE_LEASE: Final = timedelta(seconds=30)

_CLAIM_EXPIRED: Final = """
UPDATE order_return SET deadline_at = $2 WHERE return_id IN (
    SELECT return_id FROM order_return WHERE deadline_at <= $1 ORDER BY deadline_at LIMIT $3 FOR UPDATE SKIP LOCKED
) RETURNING order_id, return_id
"""
_NEXT_EXPIRED: Final = "SELECT min(deadline_at) AS at FROM order_return WHERE deadline_at IS NOT NULL"
_CLAIM: Final = """
WITH due AS (
    SELECT label_id FROM return_label WHERE state = $4 AND due_at <= $1
    ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE return_label b SET due_at = $2, attempts = b.attempts + 1 FROM due WHERE b.label_id = due.label_id
    RETURNING b.label_id, b.order_id, b.return_id, b.reference, b.attempts
)
"""
_CLAIM_WANTED: Final = f"""{_CLAIM}
SELECT c.*, o.shipping_address, w.name AS origin_name, w.line1, w.city, w.postal_code, w.region, w.country,
    (SELECT coalesce(sum(i.weight_grams * (l.line->>'quantity')::int), 0)::int FROM jsonb_array_elements(r.lines) AS l(line)
     JOIN order_items i ON i.order_id = r.order_id AND i.item_id = (l.line->>'item_id')::uuid) AS grams
FROM claimed c JOIN orders o ON o.order_id = c.order_id JOIN order_return r ON r.return_id = c.return_id
LEFT JOIN warehouse w ON w.warehouse_id = r.warehouse_id
"""
_CLAIM_UNWANTED: Final = f"{_CLAIM} SELECT * FROM claimed"
_NEXT: Final = "SELECT min(due_at) AS at FROM return_label WHERE state = $1 AND due_at IS NOT NULL"
_POLICY: Final = "SELECT version, document FROM return_policy"
_WRITE_POLICY: Final = "UPDATE return_policy SET version = $1, document = $2, changed_by = $3, changed_at = $4"


@dataclass(frozen=True, slots=True)
class ExpiredReturn:
    """A return that has been waited for long enough."""

    order_id: UUID
    return_id: UUID
    at: datetime

    @property
    def cause(self) -> Cause:
        """Say that nobody but time asked for it."""
        return Cause(actor="deadline", at=self.at, correlation_id=str(self.order_id))

    @classmethod
    async def claim(cls, transaction: Transaction, limit: int) -> Sequence[Self]:
        """Claim returns past their deadline; what ends them clears it."""
        now = transaction.now
        rows = await transaction.fetch(_CLAIM_EXPIRED, now, now + DEADLINE_LEASE, limit)
        return [cls(row["order_id"], row["return_id"], now) for row in rows]

    @classmethod
    async def next_due(cls, transaction: Transaction) -> datetime | None:
        """Tell when the next deadline passes."""
        return await earliest(transaction, _NEXT_EXPIRED)


@dataclass(frozen=True, slots=True)
class ReturnLabelWanted:
    """A label to be bought for a return; the warehouse's address is None while we do not know the warehouse."""

    label_id: UUID
    order_id: UUID
    return_id: UUID
    origin: Address = field(repr=False)
    destination: Address | None = field(repr=False)
    weight_grams: int
    attempt: int
    at: datetime

    @property
    def cause(self) -> Cause:
        """Say that the return's label is being bought."""
        return Cause("order", self.at, correlation_id=str(self.order_id))

    @classmethod
    async def claim(cls, transaction: Transaction, limit: int) -> Sequence[Self]:
        """Claim labels to be bought."""
        now = transaction.now
        rows = await transaction.fetch(_CLAIM_WANTED, now, now + LEASE, limit, "wanted")
        return [cls._of(row, now) for row in rows]

    @classmethod
    def _of(cls, row: Mapping[str, Any], now: datetime) -> Self:
        return cls(
            label_id=row["label_id"],
            order_id=row["order_id"],
            return_id=row["return_id"],
            origin=Address.model_validate(row["shipping_address"]),
            destination=origin_of(row),
            weight_grams=max(LIGHTEST_GRAMS, row["grams"]),
            attempt=row["attempts"],
            at=now,
        )

    @classmethod
    async def next_due(cls, transaction: Transaction) -> datetime | None:
        """Tell when the next label is to be bought."""
        return await earliest(transaction, _NEXT, "wanted")


@dataclass(frozen=True, slots=True)
class ReturnLabelUnwanted:
    """A return's label to be given back; `reference` None: it is not known whether it was ever bought."""

    label_id: UUID
    order_id: UUID
    reference: str | None
    attempt: int
    at: datetime

    @property
    def cause(self) -> Cause:
        """Say that the return's label is being given back."""
        return Cause("order", self.at, correlation_id=str(self.order_id))

    @classmethod
    async def claim(cls, transaction: Transaction, limit: int) -> Sequence[Self]:
        """Claim labels to be given back."""
        now = transaction.now
        rows = await transaction.fetch(_CLAIM_UNWANTED, now, now + LEASE, limit, "unwanted")
        return [cls(row["label_id"], row["order_id"], row["reference"], row["attempts"], now) for row in rows]

    @classmethod
    async def next_due(cls, transaction: Transaction) -> datetime | None:
        """Tell when the next label is to be given back."""
        return await earliest(transaction, _NEXT, "unwanted")


class ReturnQueries:
    """Reads for the API, in a read-only session. Ownership is in the query; `user_id` None is staff."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def currency(self, order_id: UUID, user_id: str | None) -> str:
        """Answer the currency of an order that is there for the caller; raises NotFoundError."""
        query = select(Order.currency).where(Order.order_id == order_id)
        if user_id is not None:
            query = query.where(Order.user_id == user_id)
        found = (await self._session.exec(query)).one_or_none()
        if found is None:
            raise NotFoundError(f"There is no order {order_id}.")
        return found

    async def refunds(self, order_id: UUID) -> Sequence[Refund]:
        """Answer the refunds of an order, oldest first."""
        query = select(Refund).where(Refund.order_id == order_id).order_by(col(Refund.refund_id))
        return (await self._session.exec(query)).all()

    async def returns(self, order_id: UUID) -> tuple[Sequence[OrderReturn], dict[UUID, ReturnLabel]]:
        """Answer the returns of an order, oldest first, and the last label of each by its return."""
        query = select(OrderReturn).where(OrderReturn.order_id == order_id).order_by(col(OrderReturn.return_id))
        labels = select(ReturnLabel).where(ReturnLabel.order_id == order_id).order_by(col(ReturnLabel.label_id))
        labels = labels.options(defer(ReturnLabel.pdf))  # type: ignore[arg-type]  # SQLModel types a column as its value
        rows = (await self._session.exec(query)).all()
        return rows, {label.return_id: label for label in (await self._session.exec(labels)).all()}

    async def one(self, order_id: UUID, return_id: UUID) -> tuple[OrderReturn, ReturnLabel | None]:
        """Answer a return and its last label; raises NotFoundError."""
        rows, labels = await self.returns(order_id)
        found = next((one for one in rows if one.return_id == return_id), None)
        if found is None:
            raise NotFoundError(f"The order has no return {return_id}.")
        return found, labels.get(return_id)

    async def wanted(self, order_id: UUID, return_id: UUID) -> tuple[str, ...]:
        """Answer the products that a return is to be exchanged for."""
        query = select(OrderReturn.exchange).where(OrderReturn.order_id == order_id, OrderReturn.return_id == return_id)
        exchange = (await self._session.exec(query)).first()
        return tuple(item["product_id"] for item in exchange["items"]) if exchange is not None else ()

    async def label_pdf(self, order_id: UUID, return_id: UUID) -> bytes:
        """Answer the label of a return that holds; raises NotFoundError where there is none."""
        query = select(ReturnLabel.pdf).where(
            ReturnLabel.order_id == order_id, ReturnLabel.return_id == return_id, ReturnLabel.state == LabelState.BOUGHT
        )
        pdf = (await self._session.exec(query)).first()
        if pdf is None:
            raise NotFoundError("The return has no label, or none yet.")
        return pdf

    async def refund_queue(
        self, state: str | None, limit: int, cursor: str | None
    ) -> tuple[Sequence[tuple[Refund, str, str]], str | None]:
        """Answer a page of refunds with their orders' user and currency, oldest first; those asked for anew are left out."""
        query = (
            select(Refund, Order.user_id, Order.currency)
            .join(Order, col(Order.order_id) == col(Refund.order_id))
            .where(col(Refund.retried_as).is_(None))
            .order_by(col(Refund.refund_id))
            .limit(limit + 1)
        )
        if state is not None:
            query = query.where(Refund.state == state)
        if cursor is not None:
            query = query.where(col(Refund.refund_id) > read_cursor(cursor, UUID)[0])
        rows = (await self._session.exec(query)).all()
        return page(rows, limit, lambda row: (row[0].refund_id,))

    async def queue(
        self, stage: str | None, limit: int, cursor: str | None
    ) -> tuple[Sequence[tuple[OrderReturn, str, str]], str | None]:
        """Answer a page of returns with their orders' user and currency, oldest first."""
        query = (
            select(OrderReturn, Order.user_id, Order.currency)
            .join(Order, col(Order.order_id) == col(OrderReturn.order_id))
            .order_by(col(OrderReturn.return_id))
            .limit(limit + 1)
        )
        if stage is not None:
            query = query.where(OrderReturn.state == stage)
        if cursor is not None:
            query = query.where(col(OrderReturn.return_id) > read_cursor(cursor, UUID)[0])
        rows = (await self._session.exec(query)).all()
        return page(rows, limit, lambda row: (row[0].return_id,))

    async def policy(self) -> ReturnPolicy:
        """Answer the policy of returns as it is now."""
        connection = await self._session.connection()
        row = (await connection.execute(text(_POLICY))).one()
        return ReturnPolicy.model_validate({**row.document, "version": row.version})

    async def knows_warehouse(self, warehouse_id: str) -> bool:
        """Tell whether there is such a warehouse."""
        query = select(Warehouse.warehouse_id).where(Warehouse.warehouse_id == warehouse_id)
        return (await self._session.exec(query)).first() is not None


class ReturnPolicyStore:
    """The policy of returns, to be changed."""

    lock_rank: ClassVar[int] = 45

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._changed: tuple[ReturnPolicy, Cause] | None = None

    async def fetch(self, _: Sequence[Any]) -> None:
        """Load and lock it."""
        (row,) = await self._transaction.fetch(f"{_POLICY} FOR UPDATE")
        self.policy = ReturnPolicy.model_validate({**row["document"], "version": row["version"]})

    def change(self, policy: ReturnPolicy, cause: Cause) -> None:
        """Keep another policy, and who made it."""
        self.policy = policy
        self._changed = policy, cause

    async def flush(self) -> None:
        """Write it, if it changed."""
        if self._changed is not None:
            policy, cause = self._changed
            document = policy.model_dump(mode="json", exclude={"version"})
            await self._transaction.fetch(_WRITE_POLICY, policy.version, document, cause.actor, cause.at)
