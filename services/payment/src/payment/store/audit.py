"""The audit of the books: what must hold for every payment, checked over all rows.

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
_BOOKED = """
SELECT p.order_id FROM payment p LEFT JOIN (
    SELECT order_id,
        coalesce(sum(amount) FILTER (WHERE entry = 'hold'), 0) AS hold,
        coalesce(sum(amount) FILTER (WHERE entry = 'release'), 0) AS release,
        coalesce(sum(amount) FILTER (WHERE entry = 'capture'), 0) AS capture,
        coalesce(sum(amount) FILTER (WHERE entry = 'capture_release'), 0) AS capture_release,
        coalesce(sum(amount) FILTER (WHERE entry = 'refund'), 0) AS refund
    FROM ledger_entry GROUP BY order_id
) l ON l.order_id = p.order_id
WHERE (p.authorized_amount, p.released_amount, p.captured_amount, p.captured_amount, p.refunded_amount)
    IS DISTINCT FROM (coalesce(hold, 0), coalesce(release, 0), coalesce(capture, 0), coalesce(capture_release, 0),
                      coalesce(refund, 0))
"""
_CAPTURED = """
SELECT p.order_id FROM payment p LEFT JOIN (
    SELECT order_id, sum(amount) AS captured FROM capture WHERE status = 'captured' GROUP BY order_id
) c ON c.order_id = p.order_id WHERE p.captured_amount <> coalesce(c.captured, 0)
"""
_STRAY = "SELECT l.order_id FROM ledger_entry l WHERE NOT EXISTS (SELECT 1 FROM payment p WHERE p.order_id = l.order_id)"
_HELD = """
SELECT order_id FROM payment WHERE barred_at IS NOT NULL AND due_at IS NULL
AND (authorized_amount <> captured_amount + released_amount OR captured_amount <> refunded_amount)
AND NOT EXISTS (SELECT 1 FROM capture c WHERE c.order_id = payment.order_id AND c.due_at IS NOT NULL)
"""
RULES: Final = {
    "counters-equal-ledger": _BOOKED,
    "captured-equals-captures": _CAPTURED,
    "ledger-has-payment": _STRAY,
    "cancelled-holds-nothing": _HELD,
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
        session, f"SELECT order_id, count(*) OVER () AS n FROM ({query}) q ORDER BY order_id LIMIT {MOST_ORDERS}"
    )
    return Violation(rule=rule, count=rows[0]["n"], order_ids=[str(row["order_id"]) for row in rows]) if rows else None


async def _rows(session: AsyncSession, query: str) -> list[dict[str, Any]]:
    connection = await session.connection()
    return [dict(row) for row in (await connection.execute(text(query))).mappings()]
