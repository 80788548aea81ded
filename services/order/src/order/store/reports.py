"""Figures of orders by the day they were placed on, rolled up when somebody asks and kept.

Placing an order adds nothing to them: a day is counted anew when its figures are older than they may be (a young day changes
often, an old one seldom), in two statements over that day's orders, which lie side by side since their ids carry the moment.
Times are counted in buckets a quarter of a doubling wide, so that days add up and a median is right to a tenth.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from math import ceil
from typing import Any, Final, Self

from pydantic_core import to_json

from chassis.database import Database, Transaction
from order.store.order_lists import CLOCKS_APART, first_id

DAYS_AT_ONCE: Final = 7
PER_DOUBLING: Final = 4
LOCK: Final = 7_242_201
FRESH: Final[Sequence[tuple[int, timedelta]]] = (
    (1, timedelta(seconds=30)),
    (7, timedelta(minutes=5)),
    (35, timedelta(hours=1)),
)
"""How old the figures of a day may be that is at most so many days ago; older days are counted once a day."""
SELDOM: Final = timedelta(days=1)

_PLACED: Final = """
SELECT (order_date AT TIME ZONE 'UTC')::date AS day, * FROM orders
WHERE order_id >= $1 AND order_id < $2 AND order_date >= $3 AND order_date < $4
"""
_COUNTS: Final = f"""
SELECT day, currency, status, cancel_reason, count(*) AS orders, sum(total_amount)::bigint AS total,
    sum(captured_amount)::bigint AS captured, sum(refunded_amount)::bigint AS refunded,
    count(*) FILTER (WHERE refunded_amount > 0) AS refunds
FROM ({_PLACED}) AS o GROUP BY day, currency, status, cancel_reason
"""
_TIMES: Final = f"""
SELECT day, currency, step, floor({PER_DOUBLING} * ln(greatest(milliseconds, 1)) / ln(2))::int AS bucket, count(*) AS orders
FROM (
    SELECT day, currency, step, 1000 * extract(epoch FROM took) AS milliseconds FROM ({_PLACED}) AS o, LATERAL (VALUES
        ('pending', CASE WHEN order_state <> 'cancelled' THEN decided_at - order_date END),
        ('to_shipped', shipped_at - order_date)) AS step(step, took)
    WHERE took IS NOT NULL
) AS steps GROUP BY 1, 2, 3, 4
"""
_KEPT: Final = "SELECT day, figures, computed_at FROM order_day WHERE day >= $1 AND day <= $2"
_KEEP: Final = """
INSERT INTO order_day (day, figures, computed_at)
SELECT day, figures::jsonb, $3 FROM unnest($1::date[], $2::text[]) AS n(day, figures)
ON CONFLICT (day) DO UPDATE SET figures = excluded.figures, computed_at = excluded.computed_at
"""


@dataclass(slots=True)
class Figures:
    """What the orders of some days in one currency come to; amounts in minor units, times as counts by bucket."""

    orders: int = 0
    total: int = 0
    captured: int = 0
    refunded: int = 0
    refunds: int = 0
    """How many orders something was given back of."""
    statuses: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    """Why orders were cancelled."""
    pending: Counter[int] = field(default_factory=Counter)
    to_shipped: Counter[int] = field(default_factory=Counter)

    def count(self, row: Mapping[str, Any]) -> None:
        """Add orders of one status."""
        for name in ("orders", "total", "captured", "refunded", "refunds"):
            setattr(self, name, getattr(self, name) + row[name])
        self.statuses[row["status"]] += row["orders"]
        if row["cancel_reason"] is not None:
            self.reasons[row["cancel_reason"]] += row["orders"]

    def add(self, other: Self) -> None:
        """Add the figures of other days."""
        for name in ("orders", "total", "captured", "refunded", "refunds"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("statuses", "reasons", "pending", "to_shipped"):
            getattr(self, name).update(getattr(other, name))

    def written(self) -> dict[str, Any]:
        """Write them down as JSON."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def read(cls, facts: Mapping[str, Any]) -> Self:
        """Read them back."""
        times = {name: Counter({int(key): n for key, n in facts[name].items()}) for name in ("pending", "to_shipped")}
        counters = {name: Counter(facts[name]) for name in ("statuses", "reasons")}
        return cls(**{**facts, **counters, **times})


def seconds_at(times: Mapping[int, int], share: float) -> float | None:
    """Tell within how many seconds this share of the orders got there; None where none has."""
    left = ceil(share * sum(times.values()))
    for bucket, orders in sorted(times.items()):
        left -= orders
        if left <= 0:
            return float(round(2 ** ((bucket + 0.5) / PER_DOUBLING) / 1000, 3))
    return None


@dataclass(frozen=True, slots=True)
class DayFigures:
    """The figures of a day by currency, as they were at a moment."""

    day: date
    by_currency: Mapping[str, Figures]
    computed_at: datetime


async def order_days(database: Database, first: date, last: date) -> list[DayFigures]:
    """Answer the figures of days, counting anew those that are too old."""
    kept = await _kept(database, first, last)
    if _stale(kept, first, last, database.clock()):
        async with database.transaction() as transaction:
            await transaction.fetch("SELECT pg_advisory_xact_lock($1)", LOCK)  # those who ask at once count once
            kept = {row["day"]: row for row in await transaction.fetch(_KEPT, first, last)}
            stale = _stale(kept, first, last, transaction.now)
            for start in range(0, len(stale), DAYS_AT_ONCE):
                await _count(transaction, stale[start : start + DAYS_AT_ONCE])
        kept = await _kept(database, first, last)
    return [
        DayFigures(day, {name: Figures.read(facts) for name, facts in row["figures"].items()}, row["computed_at"])
        for day, row in sorted(kept.items())
    ]


async def _kept(database: Database, first: date, last: date) -> dict[date, Any]:
    async with database.single_statement() as transaction:
        return {row["day"]: row for row in await transaction.fetch(_KEPT, first, last)}


def _stale(kept: Mapping[date, Any], first: date, last: date, now: datetime) -> list[date]:
    days = [first + timedelta(days=number) for number in range((min(last, now.date()) - first).days + 1)]
    return [day for day in days if day not in kept or now - kept[day]["computed_at"] > _may_be(now.date() - day)]


def _may_be(age: timedelta) -> timedelta:
    return next((fresh for days, fresh in FRESH if age.days <= days), SELDOM)


async def _count(transaction: Transaction, days: Sequence[date]) -> None:
    """Count some days anew, and keep their figures; days that do not follow each other are counted apart."""
    found: dict[date, dict[str, Figures]] = {day: {} for day in days}
    for first, last in _runs(days):
        begin = datetime(first.year, first.month, first.day, tzinfo=UTC)
        end = datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)
        span = (first_id(begin - CLOCKS_APART), first_id(end + CLOCKS_APART), begin, end)
        for row in await transaction.fetch(_COUNTS, *span):
            found[row["day"]].setdefault(row["currency"], Figures()).count(row)
        for row in await transaction.fetch(_TIMES, *span):
            getattr(found[row["day"]][row["currency"]], row["step"])[row["bucket"]] = row["orders"]
    written = [to_json({name: one.written() for name, one in found[day].items()}).decode() for day in days]
    await transaction.fetch(_KEEP, list(days), written, transaction.now)


def _runs(days: Sequence[date]) -> Iterable[tuple[date, date]]:
    first = last = days[0]
    for day in days[1:]:
        if day != last + timedelta(days=1):
            yield first, last
            first = day
        last = day
    yield first, last
