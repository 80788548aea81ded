"""The audit of the books: what must hold for every payment and every order, checked over all rows.

It reports and never repairs. `violations` are named by rule, with the orders that break it; an empty list means clean.
"""

from typing import Any, Final

from pydantic import BaseModel
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

MOST_ORDERS: Final = 20

_ACCOUNTS = """
SELECT account, currency, CAST(sum(amount) AS bigint) AS balance FROM (
    SELECT debit AS account, currency, amount FROM ledger_entry
    UNION ALL SELECT credit, currency, -amount FROM ledger_entry
) sides GROUP BY account, currency ORDER BY currency, account
"""
_TOTALS = """
SELECT currency, count(*) AS payments,
    CAST(sum(authorized_amount) AS bigint) AS authorized,
    CAST(sum(captured_amount) AS bigint) AS captured,
    CAST(sum(released_amount) AS bigint) AS released,
    CAST(sum(refunded_amount) AS bigint) AS refunded,
    CAST(sum(authorized_amount - captured_amount - released_amount) AS bigint) AS open
FROM payment GROUP BY currency ORDER BY currency
"""
# Entries, and captures without draws, that a version wrote which knew one payment of an order are the main payment's.
_ENTRIES: Final = """
(SELECT l.order_id, coalesce(l.payment_id, m.payment_id) AS payment_id, l.entry, l.reference, l.amount
FROM ledger_entry l LEFT JOIN ONLY payment m ON l.payment_id IS NULL AND m.order_id = l.order_id)
"""
_DRAWN: Final = f"""
(SELECT order_id, shipment_id, payment_id, amount FROM draw WHERE status = 'captured'
UNION ALL
SELECT e.order_id, e.reference, e.payment_id, e.amount FROM {_ENTRIES} e
WHERE e.entry = 'capture' AND e.reference = e.payment_id
UNION ALL
SELECT c.order_id, c.shipment_id, m.payment_id, c.amount FROM capture c JOIN ONLY payment m ON m.order_id = c.order_id
WHERE c.status = 'captured'
AND NOT EXISTS (SELECT 1 FROM draw d WHERE d.order_id = c.order_id AND d.shipment_id = c.shipment_id AND d.status = 'captured'))
"""
_BOOKED = f"""
SELECT p.order_id FROM payment p LEFT JOIN (
    SELECT order_id, payment_id,
        coalesce(sum(amount) FILTER (WHERE entry = 'hold'), 0) AS hold,
        coalesce(sum(CASE entry WHEN 'release' THEN amount WHEN 'release_undone' THEN -amount END), 0) AS release,
        coalesce(sum(amount) FILTER (WHERE entry = 'capture'), 0) AS capture,
        coalesce(sum(amount) FILTER (WHERE entry = 'capture_release'), 0) AS capture_release,
        coalesce(sum(CASE entry WHEN 'refund' THEN amount WHEN 'refund_undone' THEN -amount END), 0) AS refund
    FROM {_ENTRIES} e GROUP BY order_id, payment_id
) l ON l.order_id = p.order_id AND l.payment_id = p.payment_id
WHERE (p.authorized_amount, p.released_amount, p.captured_amount, p.captured_amount, p.refunded_amount)
    IS DISTINCT FROM (coalesce(hold, 0), coalesce(release, 0), coalesce(capture, 0), coalesce(capture_release, 0),
                      coalesce(refund, 0))
"""
_CAPTURED = f"""
SELECT p.order_id FROM payment p LEFT JOIN (
    SELECT order_id, payment_id, sum(amount) AS captured FROM {_DRAWN} d GROUP BY order_id, payment_id
) c ON c.order_id = p.order_id AND c.payment_id = p.payment_id WHERE p.captured_amount <> coalesce(c.captured, 0)
"""
_COVERED = f"""
SELECT c.order_id FROM capture c LEFT JOIN (
    SELECT order_id, shipment_id, sum(amount) AS taken FROM {_DRAWN} d GROUP BY order_id, shipment_id
) d ON d.order_id = c.order_id AND d.shipment_id = c.shipment_id
WHERE (c.status = 'captured') IS DISTINCT FROM (coalesce(d.taken, 0) = c.amount AND c.amount > 0)
"""
_STRAY = f"""
SELECT e.order_id FROM {_ENTRIES} e
WHERE NOT EXISTS (SELECT 1 FROM payment p WHERE p.order_id = e.order_id AND p.payment_id = e.payment_id)
"""
_MAIN = "SELECT f.order_id FROM further_payment f WHERE NOT EXISTS (SELECT 1 FROM ONLY payment m WHERE m.order_id = f.order_id)"
_NO_CAPTURE_DUE: Final = "NOT EXISTS (SELECT 1 FROM capture c WHERE c.order_id = p.order_id AND c.due_at IS NOT NULL)"
_HELD = f"""
SELECT p.order_id FROM payment p WHERE p.barred_at IS NOT NULL AND p.due_at IS NULL
AND (p.authorized_amount <> p.captured_amount + p.released_amount OR p.captured_amount <> p.refunded_amount)
AND {_NO_CAPTURE_DUE}
"""
# Not by a join: PostgreSQL 18 takes `payment` and `ONLY payment` for the same rows, and leaves one of the two out.
_BARRED = """
SELECT order_id FROM payment GROUP BY order_id HAVING bool_or(barred_at IS NULL) AND bool_or(barred_at IS NOT NULL)
"""
_WITHDRAWN = f"""
SELECT p.order_id FROM payment p WHERE p.withdrawn_at IS NOT NULL AND p.due_at IS NULL
AND p.authorized_amount <> p.captured_amount + p.released_amount AND {_NO_CAPTURE_DUE}
"""
_TWICE = f"""
SELECT p.order_id FROM payment p JOIN payment r ON r.order_id = p.order_id AND r.renews = p.payment_id
WHERE p.authorized_amount > p.captured_amount + p.released_amount AND r.authorized_amount > 0
AND (p.replaced_at IS NULL OR p.due_at IS NULL) AND {_NO_CAPTURE_DUE}
"""
_SPENT = """
SELECT order_id FROM payment WHERE status = 'authorized' AND authorized_amount > 0
AND authorized_amount = captured_amount + released_amount
"""
_REDUCED = f"""
SELECT coalesce(r.order_id, e.order_id) AS order_id FROM reduction r FULL JOIN (
    SELECT order_id, reference, sum(amount) AS released FROM {_ENTRIES} e
    WHERE entry = 'release' AND reference <> payment_id
    AND NOT EXISTS (SELECT 1 FROM payment r WHERE r.payment_id = e.reference)
    AND NOT EXISTS (
        SELECT 1 FROM draw d WHERE d.order_id = e.order_id AND d.shipment_id = e.reference AND d.payment_id = e.payment_id
        AND d.status = 'failed' AND d.amount = e.amount
    )
    GROUP BY order_id, reference
) e ON e.order_id = r.order_id AND e.reference = r.change_id
WHERE coalesce(r.amount, 0) <> coalesce(e.released, 0)
"""
# What a version before this one took or gave back it booked between PSP and customer alone.
_SALES = f"""
SELECT s.order_id FROM {_ENTRIES} s LEFT JOIN {_ENTRIES} m
ON (m.order_id, m.payment_id, m.reference) = (s.order_id, s.payment_id, s.reference)
AND m.entry = CASE s.entry WHEN 'sale' THEN 'capture' ELSE 'refund' END
WHERE s.entry IN ('sale', 'credit') AND m.amount IS DISTINCT FROM s.amount
"""
_RETURNED = f"""
SELECT coalesce(p.order_id, e.order_id) AS order_id FROM (
    SELECT order_id, payment_id, sum(amount) AS amount FROM refund_part WHERE status = 'refunded' GROUP BY order_id, payment_id
) p FULL JOIN (
    SELECT e.order_id, e.payment_id, sum(CASE e.entry WHEN 'refund' THEN e.amount ELSE -e.amount END) AS amount
    FROM {_ENTRIES} e WHERE e.entry IN ('refund', 'refund_undone') AND e.reference <> e.payment_id
    GROUP BY e.order_id, e.payment_id
) e ON (e.order_id, e.payment_id) = (p.order_id, p.payment_id)
WHERE coalesce(p.amount, 0) <> coalesce(e.amount, 0)
UNION ALL
SELECT p.order_id FROM payment p LEFT JOIN (
    SELECT order_id, payment_id, sum(amount) AS returned FROM refund_part WHERE status = 'refunded'
    GROUP BY order_id, payment_id
) r ON r.order_id = p.order_id AND r.payment_id = p.payment_id WHERE p.returned_amount <> coalesce(r.returned, 0)
"""
_REFUNDS = """
SELECT r.order_id FROM refund r LEFT JOIN (
    SELECT order_id, refund_id, sum(amount) FILTER (WHERE status = 'refunded') AS given, bool_or(status = 'due') AS open
    FROM refund_part GROUP BY order_id, refund_id
) p ON p.order_id = r.order_id AND p.refund_id = r.refund_id
WHERE (r.status = 'refunded') IS DISTINCT FROM (coalesce(p.given, 0) = r.amount AND r.amount > 0)
OR (r.status <> 'due' AND p.open)
"""
_PROMISED = """
SELECT p.order_id FROM payment p JOIN (
    SELECT order_id, payment_id, sum(amount) AS promised FROM refund_part WHERE status = 'due' GROUP BY order_id, payment_id
) r ON r.order_id = p.order_id AND r.payment_id = p.payment_id WHERE r.promised > p.captured_amount - p.refunded_amount
"""
_DISPUTED = f"""
SELECT coalesce(d.order_id, e.order_id) AS order_id FROM dispute d FULL JOIN (
    SELECT order_id, reference, coalesce(sum(amount) FILTER (WHERE entry = 'dispute'), 0) AS taken,
        coalesce(sum(amount) FILTER (WHERE entry = 'dispute_won'), 0) AS won
    FROM {_ENTRIES} e WHERE entry IN ('dispute', 'dispute_won') GROUP BY order_id, reference
) e ON e.order_id = d.order_id AND e.reference = d.dispute_id
WHERE d.amount IS DISTINCT FROM e.taken OR e.won IS DISTINCT FROM CASE d.status WHEN 'won' THEN d.amount ELSE 0 END
"""
_OWN_HOLDS = """
SELECT h.order_id FROM own_hold h LEFT JOIN (
    SELECT reference, coalesce(sum(amount) FILTER (WHERE kind = 'hold'), 0) AS hold,
        coalesce(sum(amount) FILTER (WHERE kind = 'capture'), 0) AS capture,
        coalesce(sum(amount) FILTER (WHERE kind = 'release'), 0) AS release,
        coalesce(sum(amount) FILTER (WHERE kind = 'refund'), 0) AS refund
    FROM own_movement WHERE reference IS NOT NULL GROUP BY reference
) m USING (reference)
WHERE (h.amount, h.captured, h.released) IS DISTINCT FROM (m.hold, m.capture, m.release) OR h.refunded < m.refund
"""
_TRANSFERS = """
SELECT h.order_id FROM own_hold h LEFT JOIN (SELECT reference, sum(amount) AS received FROM transfer GROUP BY reference) t
USING (reference) WHERE h.received <> coalesce(t.received, 0)
"""
# Named by the card, which belongs to no order.
_GIFT_CARDS = """
SELECT g.gift_card_id AS order_id FROM gift_card g LEFT JOIN (
    SELECT gift_card_id, sum(
        CASE WHEN kind IN ('issue', 'release', 'refund') THEN amount WHEN kind = 'hold' THEN -amount ELSE 0 END
    ) AS balance
    FROM own_movement WHERE gift_card_id IS NOT NULL GROUP BY gift_card_id
) m USING (gift_card_id) WHERE g.balance IS DISTINCT FROM m.balance
"""
# A movement is made before the payment hears of it: what is due may not be booked yet.
_OWN_BOOKED = f"""
SELECT coalesce(m.order_id, e.order_id) AS order_id FROM (
    SELECT h.order_id, coalesce(sum(m.amount) FILTER (WHERE m.kind = 'capture'), 0) AS taken,
        coalesce(sum(m.amount) FILTER (WHERE m.kind = 'refund'), 0) AS given
    FROM own_hold h JOIN own_movement m USING (reference) GROUP BY h.order_id
) m FULL JOIN (
    SELECT order_id, coalesce(sum(amount) FILTER (WHERE entry IN ('gift_card', 'transfer', 'cash', 'exchange')), 0) AS taken,
        coalesce(sum(amount) FILTER (
            WHERE entry IN ('gift_card_back', 'transfer_back', 'cash_back', 'exchange_back')), 0) AS given
    FROM {_ENTRIES} e
    WHERE entry IN ('gift_card', 'gift_card_back', 'transfer', 'transfer_back', 'cash', 'cash_back', 'exchange',
        'exchange_back')
    GROUP BY order_id
) e ON e.order_id = m.order_id
WHERE (coalesce(m.taken, 0), coalesce(m.given, 0)) IS DISTINCT FROM (coalesce(e.taken, 0), coalesce(e.given, 0))
AND NOT EXISTS (SELECT 1 FROM payment p WHERE p.order_id = m.order_id AND p.due_at IS NOT NULL)
AND NOT EXISTS (SELECT 1 FROM capture c WHERE c.order_id = m.order_id AND c.due_at IS NOT NULL)
AND NOT EXISTS (SELECT 1 FROM refund r WHERE r.order_id = m.order_id AND r.due_at IS NOT NULL)
AND NOT EXISTS (SELECT 1 FROM exchange_source s WHERE s.order_id = m.order_id AND s.asked > 0)
"""
# Moved out of a payment by a refund, and paid out of it again under a name of its own.
_EXCHANGE_SOURCES = f"""
SELECT coalesce(s.order_id, e.order_id) AS order_id FROM exchange_source s FULL JOIN (
    SELECT * FROM {_ENTRIES} e WHERE entry = 'exchange_moved'
) e ON (e.order_id, e.payment_id, e.reference) = (s.order_id, s.payment_id, s.refund_id)
WHERE s.amount IS DISTINCT FROM e.amount
UNION ALL
SELECT coalesce(s.order_id, e.order_id) FROM (
    SELECT order_id, payment_id, sum(paid) AS paid FROM exchange_source GROUP BY order_id, payment_id HAVING sum(paid) > 0
) s FULL JOIN (
    SELECT order_id, payment_id, sum(amount) AS paid FROM {_ENTRIES} e WHERE entry = 'exchange_paid'
    GROUP BY order_id, payment_id
) e ON (e.order_id, e.payment_id) = (s.order_id, s.payment_id)
WHERE s.paid IS DISTINCT FROM e.paid
UNION ALL
SELECT r.order_id FROM refund r JOIN refund_part p ON p.order_id = r.order_id AND p.refund_id = r.refund_id
LEFT JOIN exchange_source s ON s.refund_id = p.refund_id AND s.payment_id = p.payment_id
WHERE (r.exchange_order_id IS NOT NULL AND p.status = 'refunded') IS DISTINCT FROM (s.amount IS NOT NULL)
OR s.amount <> p.amount OR s.exchange_order_id <> r.exchange_order_id
"""
# Of what was granted, so much is the other order's, held for it, the customer's, or refused, so that a person gives it; and no
# more was ever taken than granted.
_EXCHANGE_CREDITS = """
SELECT c.order_id FROM exchange_credit c
LEFT JOIN (
    SELECT exchange_order_id, sum(amount) AS granted, sum(paid) AS paid, sum(refused) AS refused FROM exchange_source GROUP BY 1
) s ON s.exchange_order_id = c.order_id
LEFT JOIN own_hold h ON h.order_id = c.order_id AND h.change_id IS NULL AND h.method = 'exchange'
LEFT JOIN LATERAL (SELECT sum(amount) AS back FROM own_movement WHERE reference = h.reference AND kind = 'refund') m ON true
WHERE (c.granted, c.paid) IS DISTINCT FROM (coalesce(s.granted, 0), coalesce(s.paid, 0))
OR coalesce(h.captured, 0) > c.granted
OR (c.due_at IS NULL
    AND c.granted - c.paid - coalesce(s.refused, 0) <> coalesce(h.amount - h.released - coalesce(m.back, 0), 0))
UNION ALL
SELECT h.order_id FROM own_hold h LEFT JOIN exchange_credit c ON c.order_id = h.order_id
WHERE h.method = 'exchange' AND h.captured > coalesce(c.granted, 0)
"""
RULES: Final = {
    "counters-equal-ledger": _BOOKED,
    "captured-equals-captures": _CAPTURED,
    "captures-equal-draws": _COVERED,
    "ledger-has-payment": _STRAY,
    "additions-have-main-payment": _MAIN,
    "cancelled-bars-all-payments": _BARRED,
    "cancelled-holds-nothing": _HELD,
    "withdrawn-holds-nothing": _WITHDRAWN,
    "renewed-holds-nothing": _TWICE,
    "nothing-to-take-holds-nothing": _SPENT,
    "reductions-equal-ledger": _REDUCED,
    "sales-and-credits-equal-movements": _SALES,
    "returned-equals-refunds": _RETURNED,
    "refunds-equal-parts": _REFUNDS,
    "promised-was-captured": _PROMISED,
    "disputes-equal-ledger": _DISPUTED,
    "own-holds-equal-movements": _OWN_HOLDS,
    "gift-cards-equal-movements": _GIFT_CARDS,
    "received-equals-transfers": _TRANSFERS,
    "own-movements-equal-ledger": _OWN_BOOKED,
    "exchange-credits-equal-ledger": _EXCHANGE_SOURCES,
    "exchange-credits-are-kept-or-paid": _EXCHANGE_CREDITS,
}
_UNSETTLED = "SELECT count(*) AS n FROM payment WHERE due_at IS NOT NULL"


class Balance(BaseModel):
    """An account's balance in minor units: debits less credits."""

    account: str
    currency: str
    balance: int


class Totals(BaseModel):
    """The sums over all payments of a currency, in minor units; `open` is what is still held."""

    currency: str
    payments: int
    authorized: int
    captured: int
    released: int
    refunded: int
    open: int


class Violation(BaseModel):
    """A rule that does not hold, for how many orders, and the first of them."""

    rule: str
    count: int
    order_ids: list[str]


class Audit(BaseModel):
    """What the audit found; `unsettled` payments still have something due at the PSP."""

    clean: bool
    unsettled: int
    accounts: list[Balance]
    totals: list[Totals]
    violations: list[Violation]


async def audit(session: AsyncSession) -> Audit:
    """Check all books in one snapshot."""
    await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    accounts = [Balance.model_validate(row) for row in await _rows(session, _ACCOUNTS)]
    violations = [found for rule, query in RULES.items() if (found := await _check(session, rule, query)) is not None]
    currencies = {account.currency for account in accounts}
    unbalanced = [name for name in currencies if sum(one.balance for one in accounts if one.currency == name)]
    if unbalanced:
        violations.append(Violation(rule="ledger-sums-to-zero", count=len(unbalanced), order_ids=[]))
    unsettled = await _rows(session, _UNSETTLED)
    return Audit(
        clean=not violations,
        unsettled=unsettled[0]["n"],
        accounts=accounts,
        totals=[Totals.model_validate(row) for row in await _rows(session, _TOTALS)],
        violations=violations,
    )


async def _check(session: AsyncSession, rule: str, query: str) -> Violation | None:
    rows = await _rows(
        session,
        f"""SELECT order_id, count(*) OVER () AS n FROM (SELECT DISTINCT order_id FROM ({query}) q) d
        ORDER BY order_id LIMIT {MOST_ORDERS}""",
    )
    return Violation(rule=rule, count=rows[0]["n"], order_ids=[str(row["order_id"]) for row in rows]) if rows else None


async def _rows(session: AsyncSession, query: str) -> list[dict[str, Any]]:
    connection = await session.connection()
    return [dict(row) for row in (await connection.execute(text(query))).mappings()]
