"""What is read for lists and checks: pages in key order, and the audit of the counters against the ledger."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, or_, text, tuple_
from sqlmodel import col, exists, select

from chassis.database import Database
from chassis.telemetry import Metrics
from inventory.model import HeldLine, Movement, Product, Reservation, Stock, Warehouse

_AUDIT: Final = """
WITH ledger AS (
    SELECT sku, warehouse_id, sum(on_hand_delta) AS on_hand, sum(reserved_delta) AS reserved,
        coalesce(sum(on_hand_delta) FILTER (WHERE kind = 'received'), 0) AS received,
        coalesce(sum(on_hand_delta) FILTER (WHERE kind = 'adjusted'), 0) AS adjusted,
        coalesce(-sum(on_hand_delta) FILTER (WHERE kind = 'shipped'), 0) AS shipped
    FROM stock_movement GROUP BY sku, warehouse_id
), held AS (
    SELECT l.product_id AS sku, l.warehouse_id, sum(l.quantity - l.shipped) AS units
    FROM reservation r, jsonb_to_recordset(r.lines) AS l(product_id text, warehouse_id text, quantity bigint, shipped bigint)
    WHERE r.status IN ('held', 'partly_shipped') GROUP BY l.product_id, l.warehouse_id
)
SELECT coalesce(s.sku, m.sku, h.sku) AS product_id, coalesce(s.warehouse_id, m.warehouse_id, h.warehouse_id) AS warehouse_id,
    coalesce(s.on_hand, 0)::bigint AS on_hand, coalesce(s.reserved, 0)::bigint AS reserved,
    coalesce(m.on_hand, 0)::bigint AS ledger_on_hand, coalesce(m.reserved, 0)::bigint AS ledger_reserved,
    coalesce(h.units, 0)::bigint AS held, coalesce(m.received, 0)::bigint AS received,
    coalesce(m.adjusted, 0)::bigint AS adjusted, coalesce(m.shipped, 0)::bigint AS shipped
FROM stock s
FULL JOIN ledger m ON m.sku = s.sku AND m.warehouse_id = s.warehouse_id
FULL JOIN held h ON h.sku = coalesce(s.sku, m.sku) AND h.warehouse_id = coalesce(s.warehouse_id, m.warehouse_id)
ORDER BY 1, 2
"""

_OPEN: Final = "SELECT status, count(*) AS n FROM reservation WHERE status IN ('held', 'partly_shipped') GROUP BY status"


class Queries:
    """Reads for the API, each on a connection of its own that cannot write."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def offers(self, search: str | None, after: str | None, limit: int) -> Sequence[tuple[Product, bool]]:
        """List products on sale whose SKU, name or description holds `search`, and whether any can be ordered now."""
        statement = select(Product, _in_stock()).where(col(Product.active), *_matching(search))
        if after is not None:
            statement = statement.where(col(Product.sku) > after)
        async with self._database.reading() as session:
            return [(product, there) for product, there in await session.exec(statement.order_by(Product.sku).limit(limit))]

    async def offer(self, sku: str) -> tuple[Product, bool] | None:
        """Answer a product on sale, and whether any can be ordered now."""
        statement = select(Product, _in_stock()).where(col(Product.active), Product.sku == sku)
        async with self._database.reading() as session:
            found = (await session.exec(statement)).first()
        return None if found is None else (found[0], found[1])

    async def products(
        self,
        search: str | None,
        active: bool | None,  # noqa: FBT001 - a filter's value
        after: str | None,
        limit: int,
    ) -> Sequence[Product]:
        """List products, on sale or not."""
        statement = select(Product).where(*_matching(search))
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
        statement = select(Movement).where(Movement.sku == sku)
        if warehouse_id is not None:
            statement = statement.where(Movement.warehouse_id == warehouse_id)
        if before is not None:
            statement = statement.where(col(Movement.movement_id) < before)
        async with self._database.reading() as session:
            return (await session.exec(statement.order_by(col(Movement.movement_id).desc()).limit(limit))).all()

    async def reservation(self, order_id: UUID) -> Reservation | None:
        """Answer what is held for an order."""
        async with self._database.reading() as session:
            found = (await session.exec(select(Reservation).where(Reservation.order_id == order_id))).first()
        if found is not None:
            rows: Any = found.lines  # as they lie in the column
            found.lines = [HeldLine(**row) for row in rows]
        return found

    async def audit(self) -> Sequence[Any]:
        """Read, in one snapshot, each stock with what the ledger adds up to and what reservations hold of it."""
        async with self._database.reading() as session:
            return (await (await session.connection()).execute(text(_AUDIT))).mappings().all()


async def measure(database: Database, metrics: Metrics) -> None:
    """Count the orders for which stock is held."""
    async with database.transaction() as transaction:
        counted = {row["status"]: row["n"] for row in await transaction.fetch(_OPEN)}
    for status in ("held", "partly_shipped"):
        metrics.saga_open.labels(f"stock_{status}").set(counted.get(status, 0))


def _in_stock() -> Any:
    return exists().where(col(Stock.sku) == Product.sku, col(Stock.on_hand) > col(Stock.reserved)).correlate(Product)


def _matching(search: str | None) -> list[ColumnElement[bool]]:
    if not search:
        return []
    words = search.split()[:8]
    places = (Product.sku, Product.name, Product.description)
    return [or_(*(col(place).icontains(word, autoescape=True) for place in places)) for word in words]
