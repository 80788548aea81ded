"""The shop window: what is on sale, found by words, sorted by SKU, name or price, with what a shopper is told of its stock.

A page of any sort is read off an index, and words are found by the trigrams in them: a part of a word will do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Boolean, ColumnElement, Text, literal_column, tuple_
from sqlmodel import col, select

from chassis.database import Database
from chassis.pages import page, read_cursor
from inventory.model import Product

# Of a product, units that no one waits for; of a bundle, one that one warehouse can make.
_AVAILABILITY: Final = """
CASE WHEN product.components = '[]' THEN (
    SELECT CASE WHEN a.units > coalesce(product.low_stock_threshold, 0) THEN 'in_stock' WHEN a.units > 0 THEN 'low'
        WHEN product.backorder THEN 'backorder' ELSE 'out' END
    FROM (SELECT (SELECT coalesce(sum(s.on_hand - s.reserved), 0) FROM stock s WHERE s.sku = product.sku)
        - (SELECT coalesce(sum(b.units), 0) FROM backorder b WHERE b.part = product.sku) AS units) AS a
) WHEN EXISTS (SELECT FROM warehouse w WHERE NOT EXISTS (
        SELECT FROM jsonb_to_recordset(product.components) AS c(product_id text, quantity bigint)
        LEFT JOIN stock s ON s.sku = c.product_id AND s.warehouse_id = w.warehouse_id
        WHERE coalesce(s.on_hand - s.reserved, 0) < c.quantity
    )) AND NOT EXISTS (
        SELECT FROM jsonb_to_recordset(product.components) AS c(product_id text, quantity bigint)
        WHERE c.quantity > (SELECT coalesce(sum(s.on_hand - s.reserved), 0) FROM stock s WHERE s.sku = c.product_id)
            - (SELECT coalesce(sum(b.units), 0) FROM backorder b WHERE b.part = c.product_id)
    ) THEN 'in_stock' WHEN product.backorder THEN 'backorder' ELSE 'out'
END
"""
_there: Final[ColumnElement[str]] = literal_column(f"({_AVAILABILITY})", Text)
_lies_there: Final[ColumnElement[bool]] = literal_column(f"({_AVAILABILITY}) IN ('in_stock', 'low')", Boolean)
_words: Final[ColumnElement[str]] = literal_column("product.words", Text)


class WindowSort(StrEnum):
    """How the shop window is sorted."""

    SKU = "sku"
    NAME = "name"
    PRICE = "price"
    PRICE_FALLING = "-price"


_BY: Final[dict[WindowSort, tuple[Any, ...]]] = {
    WindowSort.SKU: (col(Product.sku),),
    WindowSort.NAME: (col(Product.name), col(Product.sku)),
    WindowSort.PRICE: (col(Product.price_amount), col(Product.sku)),
    WindowSort.PRICE_FALLING: (col(Product.price_amount), col(Product.sku)),
}
_KINDS: Final = {
    WindowSort.SKU: (str,),
    WindowSort.NAME: (str, str),
    WindowSort.PRICE: (int, str),
    WindowSort.PRICE_FALLING: (int, str),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a shopper looks for."""

    words: str | None = None
    category: str | None = None
    in_stock: bool = False
    sort: WindowSort = WindowSort.SKU


class Window:
    """Reads for shoppers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def offers(self, wanted: Wanted, limit: int, cursor: str | None) -> tuple[Sequence[tuple[Product, str]], str | None]:
        """Answer a page of products on sale with what is told of their stock."""
        async with self._database.reading() as session:
            rows = [(product, there) for product, there in await session.exec(offering(wanted, limit + 1, cursor))]
        names = [key.key for key in _BY[wanted.sort]]
        return page(rows, limit, lambda row: tuple(getattr(row[0], name) for name in names))

    async def offer(self, sku: str) -> tuple[Product, str] | None:
        """Answer a product on sale, and what is told of its stock."""
        async with self._database.reading() as session:
            found = (await session.exec(select(Product, _there).where(col(Product.active), Product.sku == sku))).first()
        return None if found is None else (found[0], found[1])


def offering(wanted: Wanted, limit: int, cursor: str | None) -> Any:
    """Write the query for a page of the shop window."""
    query = select(Product, _there).where(col(Product.active), *matching(wanted.words))
    if wanted.category is not None:
        query = query.where(Product.category == wanted.category)
    if wanted.in_stock:
        query = query.where(_lies_there)
    keys, falls = _BY[wanted.sort], wanted.sort is WindowSort.PRICE_FALLING
    if cursor is not None:
        here, there = tuple_(*keys), tuple_(*read_cursor(cursor, *_KINDS[wanted.sort]))
        query = query.where(here < there if falls else here > there)
    return query.order_by(*(key.desc() if falls else key.asc() for key in keys)).limit(limit)


def matching(search: str | None) -> list[ColumnElement[bool]]:
    """Say of a product that all these words are in its SKU, name, description or category, as they are written."""
    return [_words.ilike(f"%{_literally(word)}%", escape="\\") for word in (search or "").split()[:8]]


def _literally(word: str) -> str:
    for special in ("\\", "%", "_"):
        word = word.replace(special, f"\\{special}")
    return word
