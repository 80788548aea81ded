"""Settlements: the file's rows as they came, the fees in the ledger, and where file and books differ; all set-based."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final
from uuid import UUID

from pydantic import AwareDatetime, BaseModel
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from chassis.database import Transaction
from chassis.domain import Cause, NotFoundError, new_id
from contracts.types import Money
from payment.model import SETTLES_WITHIN, Difference, ImportSettlement, Moved, SettledType, differences
from payment.store.payments import MadeElsewhereError

# A type's sign is the PSP's: what goes back is negative. What gift cards and exchanges paid beside it is none of its, and what
# is moved to another order it has not given back. Entries without a payment are the main payment's. Of what the file does not
# name only that is wanted which it should have named.
_MOVED: Final = """
WITH named AS (
    SELECT p.order_id, p.payment_id, p.psp_reference, p.currency FROM payment p WHERE p.psp_reference = ANY($1::text[])
    UNION
    SELECT p.order_id, p.payment_id, h.psp_reference, p.currency FROM own_hold h
    JOIN payment p ON p.order_id = h.order_id AND p.change_id IS NOT DISTINCT FROM h.change_id
    WHERE h.psp_reference = ANY($1::text[])
    UNION
    SELECT p.order_id, p.payment_id, split_part(p.psp_reference, '.', 1), p.currency FROM ledger_entry e
    JOIN payment p ON p.order_id = e.order_id
    AND (p.payment_id = e.payment_id OR (e.payment_id IS NULL AND p.change_id IS NULL))
    WHERE e.at >= $2 AND e.at < $3 AND e.entry IN ('capture', 'refund', 'exchange_paid')
    AND split_part(p.psp_reference, '.', 1) <> ''
), kind(type, entry, sign) AS (
    VALUES ('charge', 'capture', 1), ('charge', 'gift_card', -1), ('charge', 'exchange', -1),
        ('refund', 'refund', -1), ('refund', 'refund_undone', 1), ('refund', 'gift_card_back', 1),
        ('refund', 'exchange_back', 1), ('refund', 'exchange_moved', 1), ('refund', 'exchange_paid', -1),
        ('refund', 'exchange_paid_undone', 1), ('dispute', 'dispute', -1), ('dispute', 'dispute_won', 1)
), moved AS (
    SELECT n.payment_id, k.type, sum(k.sign * e.amount) AS amount, sum(k.sign * e.amount) FILTER (WHERE e.at < $3) AS old_amount
    FROM named n JOIN ledger_entry e ON e.order_id = n.order_id AND (e.payment_id = n.payment_id OR (
        e.payment_id IS NULL AND EXISTS (
            SELECT 1 FROM payment m WHERE m.order_id = n.order_id AND m.payment_id = n.payment_id AND m.change_id IS NULL
        )
    ))
    JOIN kind k ON k.entry = e.entry GROUP BY n.payment_id, k.type
), settled AS (
    SELECT n.payment_id, s.type, sum(s.gross) AS gross
    FROM named n JOIN settlement_row s ON s.payment_id = n.payment_id GROUP BY n.payment_id, s.type
)
SELECT n.order_id, n.payment_id, n.psp_reference, n.currency, t.type, coalesce(m.amount, 0)::bigint AS amount,
    coalesce(m.old_amount, 0)::bigint AS old_amount, coalesce(s.gross, 0)::bigint AS settled
FROM named n CROSS JOIN (SELECT DISTINCT type FROM kind) t
LEFT JOIN moved m ON m.payment_id = n.payment_id AND m.type = t.type
LEFT JOIN settled s ON s.payment_id = n.payment_id AND s.type = t.type
WHERE n.psp_reference = ANY($1::text[]) OR (coalesce(m.old_amount, 0) <> 0 AND coalesce(s.gross, 0) = 0)
ORDER BY n.psp_reference, t.type
"""
_KNOWN: Final = "SELECT settlement_id, digest FROM settlement WHERE digest = ANY($1::text[])"
_INSERT: Final = """
INSERT INTO settlement (settlement_id, digest, imported_by, imported_at, rows) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (digest) DO NOTHING RETURNING settlement_id
"""
_INSERT_ROWS: Final = """
INSERT INTO settlement_row (
    settlement_id, line, entry_id, reference, type, gross, fee, net, currency, settled_at, order_id, payment_id)
SELECT $1, n.line, n.entry_id, n.reference, n.type, n.gross, n.fee, n.net, n.currency, n.settled_at, p.order_id, p.payment_id
FROM unnest($2::int[], $3::uuid[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[], $9::text[],
    $10::timestamptz[]) AS n(line, entry_id, reference, type, gross, fee, net, currency, settled_at)
LEFT JOIN LATERAL (
    SELECT order_id, payment_id, currency FROM payment WHERE psp_reference = n.reference
    UNION ALL
    SELECT m.order_id, m.payment_id, m.currency FROM own_hold h
    JOIN payment m ON m.order_id = h.order_id AND m.change_id IS NOT DISTINCT FROM h.change_id
    WHERE h.psp_reference = n.reference
) p ON p.currency = n.currency
"""
_BOOK_FEES: Final = """
INSERT INTO {table} (order_id, payment_id, entry, reference, debit, credit, amount, currency, at)
SELECT r.order_id, r.payment_id, 'fee', r.entry_id, 'fees', 'psp_receivable', r.fee, r.currency, $2
FROM settlement_row r JOIN {payments} p ON p.order_id = r.order_id AND p.payment_id = r.payment_id
WHERE r.settlement_id = $1 AND r.fee > 0
"""
_INSERT_DIFFERENCES: Final = """
INSERT INTO settlement_difference (settlement_id, place, kind, line, reference, type, here, there, currency, order_id)
SELECT $1, n.* FROM unnest($2::int[], $3::text[], $4::int[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], $9::text[],
    $10::uuid[]) AS n
"""
_READ: Final = "SELECT settlement_id, imported_by, imported_at, rows FROM settlement WHERE settlement_id = :id"
_SUMS: Final = """
SELECT currency, count(*) AS rows, count(payment_id) AS matched, sum(gross)::bigint AS gross, sum(fee)::bigint AS fee,
    sum(net)::bigint AS net
FROM settlement_row WHERE settlement_id = :id GROUP BY currency ORDER BY currency
"""
_DIFFERENCES: Final = "SELECT * FROM settlement_difference WHERE settlement_id = :id ORDER BY place"


class SettledSum(BaseModel):
    """What a settlement sums up to in one currency, in minor units; `matched` rows name a payment of ours."""

    currency: str
    rows: int
    matched: int
    gross: int
    fee: int
    net: int


class SettlementView(BaseModel):
    """A settlement that was taken over, and where it and the books differ."""

    settlement_id: UUID
    imported_by: str
    imported_at: AwareDatetime
    rows: int
    sums: list[SettledSum]
    differences: list[Difference]


class SettlementStore:
    """The settlements that a batch of commands takes over; none of them is taken over twice."""

    lock_rank: ClassVar[int] = 40

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._known: dict[str, UUID] = {}
        self._moved: dict[str, Sequence[Moved]] = {}
        self._new: list[tuple[ImportSettlement, Cause]] = []

    async def fetch(self, messages: Sequence[ImportSettlement]) -> None:
        """Load which files are known, and what has moved of the payments that they name or should name."""
        rows = await self._transaction.fetch(_KNOWN, [message.digest for message in messages])
        self._known = {row["digest"]: row["settlement_id"] for row in rows}
        for message in messages:
            if message.digest not in self._known:
                named = list({row.reference for row in message.rows})
                window = message.begins - 2 * SETTLES_WITHIN, message.ends - SETTLES_WITHIN
                self._moved[message.digest] = [
                    Moved(
                        order_id=row["order_id"],
                        payment_id=row["payment_id"],
                        reference=row["psp_reference"],
                        type=SettledType(row["type"]),
                        currency=row["currency"],
                        amount=row["amount"],
                        old_amount=row["old_amount"],
                        settled=row["settled"],
                    )
                    for row in await self._transaction.fetch(_MOVED, named, *window)
                ]

    def known(self, digest: str) -> UUID | None:
        """Tell under which name a file was taken over."""
        return self._known.get(digest)

    def add(self, settlement: ImportSettlement, cause: Cause) -> None:
        """Take a file over."""
        self._known[settlement.digest] = settlement.settlement_id
        self._new.append((settlement, cause))

    async def flush(self) -> None:
        """Write the files, their fees, and where they differ from the books."""
        fetch = self._transaction.fetch
        for one, cause in self._new:
            made = await fetch(_INSERT, one.settlement_id, one.digest, cause.actor, cause.at, len(one.rows))
            if not made:
                raise MadeElsewhereError("the same settlement was taken over at the same time")
            await fetch(_INSERT_ROWS, one.settlement_id, *_columns(one))
            for table, payments in (
                ("ledger_entry", "ONLY payment"),
                ("further_ledger_entry", "further_payment"),
            ):
                await fetch(_BOOK_FEES.format(table=table, payments=payments), one.settlement_id, cause.at)
            await fetch(_INSERT_DIFFERENCES, one.settlement_id, *_differing(differences(one, self._moved[one.digest])))


def _columns(settlement: ImportSettlement) -> list[list[Any]]:
    rows = settlement.rows
    return [
        [row.line for row in rows],
        [new_id() for _ in rows],
        [row.reference for row in rows],
        [row.type for row in rows],
        [row.gross for row in rows],
        [row.fee for row in rows],
        [row.net for row in rows],
        [row.currency for row in rows],
        [row.settled_at for row in rows],
    ]


def _differing(found: Sequence[Difference]) -> list[list[Any]]:
    return [
        list(range(len(found))),
        [one.kind for one in found],
        [one.line for one in found],
        [one.reference for one in found],
        [one.type for one in found],
        [None if one.here is None else one.here.amount for one in found],
        [None if one.there is None else one.there.amount for one in found],
        [said.currency for one in found if (said := one.there or one.here)],  # there is always one of them
        [one.order_id for one in found],
    ]


async def read_settlement(session: AsyncSession, settlement_id: UUID) -> SettlementView:
    """Read what came of a settlement; raises NotFoundError."""
    connection = await session.connection()

    async def rows(query: str) -> list[dict[str, Any]]:
        return [dict(row) for row in (await connection.execute(text(query), {"id": settlement_id})).mappings()]

    found = await rows(_READ)
    if not found:
        raise NotFoundError("There is no such settlement.")
    differing = [
        {
            **row,
            **{
                side: None if row[side] is None else Money(amount=row[side], currency=row["currency"])
                for side in ("here", "there")
            },
        }
        for row in await rows(_DIFFERENCES)
    ]
    return SettlementView(
        **found[0],
        sums=[SettledSum.model_validate(row) for row in await rows(_SUMS)],
        differences=[Difference.model_validate(row) for row in differing],
    )
