"""Which products are about to run out, and when, as far as the ledger of their last days tells."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from chassis.database import Database

LOOKED_BACK: Final = timedelta(days=14)
MOVEMENTS_LOOKED_AT: Final = 1000
"""The newest of a product, so that one that sells by the thousand costs no more than another."""

_RUNNING_OUT: Final = """
WITH units AS (
    SELECT p.sku, p.name, p.backorder, p.low_stock_threshold, coalesce(s.on_hand, 0)::bigint AS on_hand,
        coalesce(s.reserved, 0)::bigint AS reserved, coalesce(w.units, 0)::bigint AS waiting
    FROM product p
    LEFT JOIN (SELECT sku, sum(on_hand) AS on_hand, sum(reserved) AS reserved FROM stock GROUP BY sku) AS s ON s.sku = p.sku
    LEFT JOIN (SELECT part, sum(units) AS units FROM backorder GROUP BY part) AS w ON w.part = p.sku
    WHERE p.active AND p.components = '[]'
), low AS (
    SELECT *, on_hand - reserved - waiting AS available FROM units
    WHERE on_hand - reserved - waiting <= coalesce($1::bigint, low_stock_threshold, 0)
    ORDER BY on_hand - reserved - waiting, sku LIMIT $2
)
SELECT low.*, coalesce(sold.units, 0)::bigint AS sold, sold.since FROM low LEFT JOIN LATERAL (
    SELECT sum(m.reserved_delta) FILTER (WHERE m.kind IN ('reserved', 'released')) AS units,
        CASE WHEN count(*) = $3 THEN min(m.at) END AS since
    FROM (
        SELECT newest.kind, newest.reserved_delta, newest.at FROM stock s CROSS JOIN LATERAL (
            SELECT l.movement_id, l.kind, l.reserved_delta, l.at FROM stock_movement l
            WHERE l.sku = s.sku AND l.warehouse_id = s.warehouse_id ORDER BY l.movement_id DESC LIMIT $3
        ) AS newest WHERE s.sku = low.sku ORDER BY newest.movement_id DESC LIMIT $3
    ) AS m WHERE m.at >= $4
) AS sold ON true
"""


@dataclass(frozen=True, slots=True)
class RunningOut:
    """A product of which little is left; `available` is below zero where more wait than there is.

    `sold_per_day` is what was held for orders of late, less what was let go; `days_left` None: nothing was sold.
    """

    product_id: str
    name: str
    backorder: bool
    low_stock_threshold: int | None
    on_hand: int
    reserved: int
    waiting: int
    available: int
    sold_per_day: float
    days_left: float | None


async def running_out(database: Database, below: int | None, limit: int) -> list[RunningOut]:
    """List the products with at most `below` units (None: at most their threshold), the soonest gone first."""
    async with database.transaction() as transaction:
        now = transaction.now
        rows = await transaction.fetch(_RUNNING_OUT, below, limit, MOVEMENTS_LOOKED_AT, now - LOOKED_BACK)
    found = []
    for row in rows:
        span = LOOKED_BACK if row["since"] is None else max(now - row["since"], timedelta(hours=1))
        per_day = max(0.0, row["sold"] / (span / timedelta(days=1)))
        left = max(0, row["available"]) / per_day if per_day else None
        facts = {name: row[name] for name in RunningOut.__slots__ if name in row.keys()}  # noqa: SIM118 - a record of asyncpg
        found.append(
            RunningOut(
                product_id=row["sku"],
                **facts,
                sold_per_day=round(per_day, 3),
                days_left=None if left is None else round(left, 2),
            )
        )
    return sorted(found, key=lambda one: (one.days_left is None, one.days_left or 0, one.available, one.product_id))
