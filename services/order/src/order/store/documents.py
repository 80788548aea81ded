"""Invoices and credit notes in transactions: numbered without gaps, each batch with two statements, however many there are.

A number is taken by moving the row of its series on, in the transaction that keeps the document: if that does not commit, the
number was never taken. The row is locked until the commit, so it is asked for last. Which documents an order has is read under
the lock of the order's row: none is issued twice.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar, Final
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy import text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from chassis.batch import Later
from chassis.database import Transaction
from chassis.domain import NotFoundError
from chassis.pages import page, read_cursor
from contracts.payment import PaymentCaptured, PaymentRefunded
from order.model.document import BEGINNING, Document, DocumentKind, Issuing
from order.settings import Settings

AUDITED_AT_ONCE: Final = 1000

_COLUMNS: Final = {
    "document_id": "uuid",
    "kind": "text",
    "order_id": "uuid",
    "user_id": "text",
    "subject": "text",
    "shipment_id": "uuid",
    "refund_id": "uuid",
    "series": "text",
    "position": "bigint",
    "number": "text",
    "issued_at": "timestamptz",
    "issued_on": "date",
    "supplied_on": "date",
    "currency": "text",
    "locale": "text",
    "total_amount": "bigint",
    "tax_amount": "bigint",
    "content": "jsonb",
    "previous_hash": "text",
    "hash": "text",
}
_NAMES: Final = ", ".join(_COLUMNS)
_TYPED: Final = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
_ISSUED: Final = "SELECT * FROM document WHERE order_id = ANY($1::uuid[]) ORDER BY issued_at, document_id"
_TAKE_NUMBERS: Final = """
INSERT INTO document_series AS s (series, kind, last, last_hash, last_at)
SELECT series, kind, n, $4, $5 FROM unnest($1::text[], $2::text[], $3::bigint[]) AS w(series, kind, n) ORDER BY series
ON CONFLICT (series) DO UPDATE SET last = s.last + excluded.last
RETURNING series, last, last_hash, last_at
"""
_KEEP: Final = f"""
WITH kept AS (
    INSERT INTO document ({_NAMES}) SELECT {_NAMES} FROM json_to_recordset($1::json) AS n({_TYPED})
)
UPDATE document_series s SET last_hash = w.hash, last_at = w.at
FROM unnest($2::text[], $3::text[], $4::timestamptz[]) AS w(series, hash, at) WHERE s.series = w.series
"""


def issuing_of(settings: Settings | None) -> Issuing:
    """Read how a shop issues from its settings, or from their defaults."""
    chosen = settings if settings is not None else Settings.model_construct()
    return Issuing(
        at_confirmation=chosen.invoice_at == "confirmation",
        series={
            DocumentKind.INVOICE: chosen.invoice_series,
            DocumentKind.CREDIT_NOTE: chosen.credit_note_series,
        },
        seller={
            "name": chosen.seller_name,
            "line1": chosen.seller_line1,
            "postal_code": chosen.seller_postal_code,
            "city": chosen.seller_city,
            "country": chosen.seller_country,
            "vat_id": chosen.seller_vat_id,
            "email": chosen.seller_email,
        },
    )


class DocumentStore:
    """The documents of the orders of a batch; messages name theirs by `order_id`."""

    lock_rank: ClassVar[int] = 900

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self.issuing = issuing_of(transaction.remembered.get(Settings))
        self._issued: dict[UUID, list[Document]] = {}
        self._new: list[Document] = []

    async def fetch(self, messages: Sequence[Any]) -> None:
        """Load what was issued for the orders whose money moved; before that there is nothing, unless confirming issues."""
        moving = PaymentCaptured | PaymentRefunded
        moved = {one.order_id for one in messages if self.issuing.at_confirmation or isinstance(one, moving)}
        if not moved:
            return
        for row in await self._transaction.fetch(_ISSUED, sorted(moved)):
            self._issued.setdefault(row["order_id"], []).append(Document.stored(row))

    def of(self, order_id: UUID) -> Sequence[Document]:
        """Answer what was issued for an order, oldest first."""
        return self._issued.get(order_id, ())

    def issue(self, document: Document | None) -> Later[Any] | None:
        """Issue a document, if there is one: it gets its number when it is written, and is told of after that."""
        if document is None:
            return None
        self._issued.setdefault(document.order_id, []).append(document)
        self._new.append(document)
        return Later(document.told)

    async def flush(self) -> None:
        """Write what is issued, with its numbers."""
        if not self._new:
            return
        wanted: dict[str, list[Document]] = {}
        for document in self._new:
            kind = DocumentKind(document.kind)
            wanted.setdefault(self.issuing.series_of(kind, document.issued_at.year), []).append(document)
        rows = await self._transaction.fetch(
            _TAKE_NUMBERS,
            list(wanted),
            [documents[0].kind for documents in wanted.values()],
            [len(documents) for documents in wanted.values()],
            BEGINNING,
            self._transaction.now,
        )
        ends = []
        by_id = {str(document.document_id): document for document in self._new}
        for row in sorted(rows, key=lambda row: not wanted[row["series"]][0].is_invoice):  # a credit note names its invoices
            position, at, hash_before = row["last"] - len(wanted[row["series"]]), row["last_at"], row["last_hash"]
            for document in wanted[row["series"]]:
                position += 1
                document.refer(by_id)
                document.number_as(row["series"], position, at, hash_before)
                at, hash_before = document.issued_at, document.hash
            ends.append((row["series"], hash_before, at))
        facts = [{name: document.__dict__[name] for name in _COLUMNS} for document in self._new]
        series, hashes, times = (list(one) for one in zip(*ends, strict=True))
        await self._transaction.fetch(_KEEP, to_json(facts).decode(), series, hashes, times)


@dataclass(frozen=True, slots=True)
class DocumentFilter:
    """What a list of documents is narrowed to; None does not narrow."""

    series: str | None = None
    kind: DocumentKind | None = None
    order_id: UUID | None = None
    issued_from: date | None = None
    issued_to: date | None = None
    """The last day."""


@dataclass(slots=True)
class SeriesAudit:
    """What an audit found of a series: that it has no gap, that nothing in it was changed, and what it comes to."""

    series: str
    kind: str
    documents: int = 0
    last_number: int = 0
    missing: list[int] = field(default_factory=list)
    """Places without a document, the first hundred; at the end too, where the series says that more were issued."""
    broken: list[str] = field(default_factory=list)
    """Numbers of documents that are not what their hash says, do not follow the one before, or do not add up; a hundred."""
    totals: dict[str, dict[str, int]] = field(default_factory=dict)
    """Total and tax by currency."""

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.missing and not self.broken


class DocumentQueries:
    """Reads for the API, in a read-only session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def of_order(self, order_id: UUID, user_id: str | None) -> Sequence[Document]:
        """Answer the documents of an order, newest first; `user_id` None is staff."""
        query = select(Document).where(Document.order_id == order_id)
        if user_id is not None:
            query = query.where(Document.user_id == user_id)
        newest_first = query.order_by(col(Document.issued_at).desc(), col(Document.document_id).desc())
        return (await self._session.exec(newest_first)).all()

    async def document(self, order_id: UUID, document_id: UUID, user_id: str | None) -> Document:
        """Answer a document of an order; raises NotFoundError."""
        query = select(Document).where(Document.order_id == order_id, Document.document_id == document_id)
        if user_id is not None:
            query = query.where(Document.user_id == user_id)
        found = (await self._session.exec(query)).one_or_none()
        if found is None:
            raise NotFoundError(f"There is no document {document_id} of order {order_id}.")
        return found

    async def documents(
        self, narrowed: DocumentFilter, limit: int, cursor: str | None
    ) -> tuple[Sequence[Document], str | None]:
        """Answer a page of documents, newest first."""
        query = select(Document).order_by(col(Document.document_id).desc()).limit(limit + 1)
        for name in ("series", "kind", "order_id"):
            wanted = getattr(narrowed, name)
            if wanted is not None:
                query = query.where(getattr(Document, name) == wanted)
        if narrowed.issued_from is not None:
            query = query.where(Document.issued_on >= narrowed.issued_from)
        if narrowed.issued_to is not None:
            query = query.where(Document.issued_on <= narrowed.issued_to)
        if cursor is not None:
            query = query.where(col(Document.document_id) < read_cursor(cursor, UUID)[0])
        rows = (await self._session.exec(query)).all()
        return page(rows, limit, lambda document: (document.document_id,))

    async def audit(self, series: str | None) -> list[SeriesAudit]:
        """Go through all documents, or those of one series, in the order of their numbers."""
        connection = await self._session.connection()
        rows = await connection.execute(text("SELECT series, kind, last, last_hash FROM document_series ORDER BY series"))
        return [
            await self._audit(SeriesAudit(row.series, row.kind), row.last, row.last_hash)
            for row in rows.all()
            if series in {None, row.series}
        ]

    async def _audit(self, found: SeriesAudit, last: int, last_hash: str) -> SeriesAudit:
        expected, hash_before = 1, BEGINNING
        async for document in self._in_order(found.series, last):
            found.missing += range(expected, min(document.position, expected + 100))
            follows = expected < document.position or document.previous_hash == hash_before
            if not follows or document.hash != document.fingerprint() or not document.adds_up:
                found.broken.append(document.number)
            totals = found.totals.setdefault(document.currency, {"total_amount": 0, "tax_amount": 0})
            totals["total_amount"] += document.total_amount
            totals["tax_amount"] += document.tax_amount
            found.documents += 1
            expected, hash_before = document.position + 1, document.hash
            found.last_number = document.position
        found.missing += range(expected, min(last + 1, expected + 100))
        if found.last_number == last and hash_before != last_hash:
            found.broken.append(f"{found.series}{last:06d}")
        del found.missing[100:], found.broken[100:]
        return found

    async def _in_order(self, series: str, last: int) -> AsyncIterator[Document]:
        """Read a series as far as it went when the audit began, a thousand at a time."""
        after = 0
        while True:
            query = select(Document).where(Document.series == series, col(Document.position) > after)
            query = query.where(col(Document.position) <= last).order_by(col(Document.position)).limit(AUDITED_AT_ONCE)
            rows = (await self._session.exec(query)).all()
            for document in rows:
                yield document
            if len(rows) < AUDITED_AT_ONCE:
                return
            after = rows[-1].position
            self._session.expunge_all()
