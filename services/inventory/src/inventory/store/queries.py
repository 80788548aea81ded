"""What is read for lists and checks: pages in key order, and the audit of the counters against the ledger."""

from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text, true, tuple_
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import aliased
from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from chassis.database import Database
from chassis.telemetry import Metrics
from inventory.model import (
    HeldLine,
    Movement,
    Product,
    ReceivedLine,
    Reservation,
    RoutingPlan,
    RoutingRule,
    Shelves,
    Stock,
    WaitingLine,
    Warehouse,
)
from inventory.store.stocked import STOCK_OF, read_shelves
from inventory.store.window import matching

_AUDIT: Final = """
WITH ledger AS (
    SELECT sku, warehouse_id, sum(on_hand_delta) AS on_hand, sum(reserved_delta) AS reserved,
        sum(on_hand_delta) FILTER (WHERE kind = 'received') AS received,
        sum(on_hand_delta) FILTER (WHERE kind = 'adjusted') AS adjusted,
        sum(on_hand_delta) FILTER (WHERE kind = 'counted') AS counted,
        sum(on_hand_delta) FILTER (WHERE kind = 'returned') AS returned,
        -sum(on_hand_delta) FILTER (WHERE kind = 'written_off') AS written_off,
        sum(on_hand_delta) FILTER (WHERE kind = 'moved') AS moved,
        -sum(on_hand_delta) FILTER (WHERE kind = 'shipped') AS shipped
    FROM stock_movement GROUP BY sku, warehouse_id
), held AS (
    SELECT part.key AS sku, l.warehouse_id, sum((l.quantity - l.shipped) * part.value::bigint) AS units
    FROM reservation r, jsonb_to_recordset(r.lines)
        AS l(product_id text, warehouse_id text, quantity bigint, shipped bigint, components jsonb),
        jsonb_each_text(coalesce(l.components, jsonb_build_object(l.product_id, 1))) AS part
    WHERE r.status IN ('held', 'partly_shipped') GROUP BY part.key, l.warehouse_id
), waited AS (
    SELECT part.key AS sku, sum(w.quantity * part.value::bigint) AS units
    FROM reservation r, jsonb_to_recordset(r.waiting) AS w(product_id text, quantity bigint, components jsonb),
        jsonb_each_text(coalesce(w.components, jsonb_build_object(w.product_id, 1))) AS part
    WHERE r.waiting <> '[]' GROUP BY part.key
), queue AS (
    SELECT part AS sku, sum(units) AS units FROM backorder GROUP BY part
)
SELECT coalesce(s.sku, m.sku, h.sku) AS product_id, coalesce(s.warehouse_id, m.warehouse_id, h.warehouse_id) AS warehouse_id,
    coalesce(s.on_hand, 0)::bigint AS on_hand, coalesce(s.reserved, 0)::bigint AS reserved,
    coalesce(m.on_hand, 0)::bigint AS ledger_on_hand, coalesce(m.reserved, 0)::bigint AS ledger_reserved,
    coalesce(h.units, 0)::bigint AS held, coalesce(m.received, 0)::bigint AS received,
    coalesce(m.adjusted, 0)::bigint AS adjusted, coalesce(m.counted, 0)::bigint AS counted,
    coalesce(m.returned, 0)::bigint AS returned, coalesce(m.written_off, 0)::bigint AS written_off,
    coalesce(m.moved, 0)::bigint AS moved, coalesce(m.shipped, 0)::bigint AS shipped, 0::bigint AS waiting, 0::bigint AS queued
FROM stock s
FULL JOIN ledger m ON m.sku = s.sku AND m.warehouse_id = s.warehouse_id
FULL JOIN held h ON h.sku = coalesce(s.sku, m.sku) AND h.warehouse_id = coalesce(s.warehouse_id, m.warehouse_id)
UNION ALL
SELECT coalesce(w.sku, q.sku), NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, coalesce(w.units, 0)::bigint,
    coalesce(q.units, 0)::bigint
FROM waited w FULL JOIN queue q ON q.sku = w.sku
ORDER BY 1, 2
"""

_OPEN: Final = """
SELECT status, count(*) AS n FROM reservation WHERE status IN ('held', 'partly_shipped') GROUP BY status
UNION ALL SELECT 'awaited', count(DISTINCT order_id) FROM backorder
"""

_SHELVES: Final = text(STOCK_OF.format(lock="").replace("$1::text[]", "CAST(:skus AS text[])")).columns(
    components=JSONB, rules=JSONB, places=JSONB
)


class Queries:
    """Reads for the API, each on a connection of its own that cannot write."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def products(
        self,
        search: str | None,
        active: bool | None,  # noqa: FBT001 - a filter's value
        after: str | None,
        limit: int,
    ) -> Sequence[Product]:
        """List products, on sale or not."""
        statement = select(Product).where(*matching(search))
        if active is not None:
            statement = statement.where(col(Product.active).is_(active))
        if after is not None:
            statement = statement.where(col(Product.sku) > after)
        async with self._database.reading() as session:
            return (await session.exec(statement.order_by(Product.sku).limit(limit))).all()

    async def product(self, sku: str) -> Product | None:
        """Answer a product, on sale or not."""
        async with self._database.reading() as session:
            return (await session.exec(select(Product).where(Product.sku == sku))).first()

    async def warehouses(self, after: str | None, limit: int) -> Sequence[Warehouse]:
        """List warehouses."""
        statement = select(Warehouse)
        if after is not None:
            statement = statement.where(col(Warehouse.warehouse_id) > after)
        async with self._database.reading() as session:
            return (await session.exec(statement.order_by(Warehouse.warehouse_id).limit(limit))).all()

    async def stock(
        self, sku: str | None, warehouse_id: str | None, after: tuple[str, str] | None, limit: int
    ) -> Sequence[Stock]:
        """List stock by product and warehouse."""
        statement = select(Stock)
        if sku is not None:
            statement = statement.where(Stock.sku == sku)
        if warehouse_id is not None:
            statement = statement.where(Stock.warehouse_id == warehouse_id)
        if after is not None:
            statement = statement.where(tuple_(Stock.sku, Stock.warehouse_id) > tuple_(*after))
        async with self._database.reading() as session:
            return (await session.exec(statement.order_by(Stock.sku, Stock.warehouse_id).limit(limit))).all()

    async def movements(self, sku: str, warehouse_id: str | None, before: UUID | None, limit: int) -> Sequence[Movement]:
        """List a product's movements, newest first."""
        async with self._database.reading() as session:
            return (await session.exec(ledger(sku, warehouse_id, before, limit))).all()

    async def reservation(self, order_id: UUID) -> Reservation | None:
        """Answer what is held for an order."""
        async with self._database.reading() as session:
            found = (await session.exec(select(Reservation).where(Reservation.order_id == order_id))).first()
        if found is not None:
            lines: Any = found.lines  # as they lie in the columns
            waiting: Any = found.waiting
            receipts: Any = found.receipts
            found.lines = [HeldLine(**line) for line in lines]
            found.waiting = [WaitingLine.read(line) for line in waiting]
            found.receipts = [ReceivedLine(**line) for line in receipts]
        return found

    async def routing(self) -> tuple[RoutingPlan, Sequence[RoutingRule]]:
        """Answer the routing rules, the first to be asked first."""
        async with self._database.reading() as session:
            plan = (await session.exec(select(RoutingPlan))).one()
            return plan, (await session.exec(select(RoutingRule).order_by(col(RoutingRule.rank)))).all()

    async def shelves(self, skus: Iterable[str]) -> Shelves:
        """Read the stock of products as it stands, without holding anyone up."""
        async with self._database.reading() as session:
            found = await (await session.connection()).execute(_SHELVES, {"skus": list(skus)})
            return read_shelves(found.mappings())

    async def audit(self) -> Sequence[Any]:
        """Read, in one snapshot, each stock with what the ledger adds up to and what reservations hold of it."""
        async with self._database.reading() as session:
            return (await (await session.connection()).execute(text(_AUDIT))).mappings().all()


def ledger(sku: str, warehouse_id: str | None, before: UUID | None, limit: int) -> SelectOfScalar[Movement]:
    """Make the query of a product's movements: the newest of each warehouse where it lies, in one order."""
    there = select(Movement).where(Movement.sku == Stock.sku, Movement.warehouse_id == Stock.warehouse_id)
    if before is not None:
        there = there.where(col(Movement.movement_id) < before)
    newest = there.order_by(col(Movement.movement_id).desc()).limit(limit).lateral()
    shown = aliased(Movement, newest)
    statement = select(shown).select_from(Stock).join(newest, true()).where(Stock.sku == sku)
    if warehouse_id is not None:
        statement = statement.where(Stock.warehouse_id == warehouse_id)
    return statement.order_by(col(shown.movement_id).desc()).limit(limit)


async def measure(database: Database, metrics: Metrics) -> None:
    """Count the orders for which stock is held, and those that wait for stock."""
    async with database.transaction() as transaction:
        counted = {row["status"]: row["n"] for row in await transaction.fetch(_OPEN)}
    for status in ("held", "partly_shipped", "awaited"):
        metrics.saga_open.labels(f"stock_{status}").set(counted.get(status, 0))
