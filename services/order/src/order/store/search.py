"""Finds what staff have a name, a number or the beginning of one for, each by an index.

A name that is whole finds what it names; its beginning, from SHORTEST characters on, finds what begins so.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

SHORTEST: Final = 4
SHORTEST_ID: Final = 6
MOST_OF_A_KIND: Final = 10
DIGITS: Final = 32
REFERENCE: Final = 8
"""The end of an order's id, by which letters name it; see `order.model.record.reference`."""
HIGHEST: Final = "\U0010ffff"
"""Follows, byte by byte, whatever a name may go on with."""


@dataclass(frozen=True, slots=True)
class Found:
    """Something that was looked for: what kind it is, what it is called, and the order it belongs to, if to one."""

    kind: str
    id: str
    order_id: UUID | None
    title: str


_ORDER: Final = "SELECT order_id::text AS id, order_id, status || ', ' || order_date::date AS title FROM orders"
BY_ID: Final[dict[str, str]] = {
    "order": f"{_ORDER} WHERE order_id BETWEEN :first AND :last ORDER BY order_id LIMIT :most",
    "return": """SELECT return_id::text AS id, order_id, state || ', ' || created_at::date AS title FROM order_return
        WHERE return_id BETWEEN :first AND :last ORDER BY return_id LIMIT :most""",
    "refund": """SELECT refund_id::text AS id, order_id, state || ', ' || created_at::date AS title FROM order_refund
        WHERE refund_id BETWEEN :first AND :last ORDER BY refund_id LIMIT :most""",
    "shipment": """SELECT shipment_id::text AS id, order_id, state || coalesce(', ' || carrier, '') AS title FROM shipments
        WHERE shipment_id BETWEEN :first AND :last ORDER BY shipment_id LIMIT :most""",
}
# As an array, or the planner may go through all orders, newest first, to see which of them are among these.
BY_REFERENCE: Final = f"""{_ORDER} WHERE order_id = ANY(ARRAY(
    SELECT order_id FROM order_items WHERE position = 0 AND right(order_id::text, 8) = :reference
)) ORDER BY order_id DESC LIMIT :most"""
BY_NAME: Final[dict[str, str]] = {
    "shipment": """SELECT shipment_id::text AS id, order_id, tracking_number || ', ' || state AS title FROM shipments
        WHERE tracking_number ~>=~ :upper AND tracking_number ~<~ :past_upper LIMIT :most""",
    "document": """SELECT number AS id, order_id, replace(kind, '_', ' ') || ' ' || number || ', ' || issued_on AS title
        FROM document WHERE number ~>=~ :upper AND number ~<~ :past_upper LIMIT :most""",
    "product": """SELECT sku AS id, NULL::uuid AS order_id, name AS title FROM product
        WHERE (sku ~>=~ :whole AND sku ~<~ :past) OR (sku ~>=~ :upper AND sku ~<~ :past_upper) LIMIT :most""",
}
_CUSTOMER: Final = """
SELECT user_id AS id, NULL::uuid AS order_id, 'last order ' || order_date::date AS title FROM orders
WHERE user_id = :whole ORDER BY order_id DESC LIMIT 1
"""


class Search:
    """What the order service knows by name, in a read-only session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, wanted: str) -> list[Found]:
        """Find what goes under this name, or begins so: by kind, each in its own order."""
        found = [one async for one in self._by_id(wanted)]
        reference = wanted.removeprefix("#").lower()
        if len(reference) == REFERENCE and _is_hex(reference):
            known = {one.id for one in found}
            orders = await self._ask("order", BY_REFERENCE, reference=reference)
            found += [one for one in orders if one.id not in known]
        if len(wanted) >= SHORTEST:
            upper = wanted.upper()
            names = {"whole": wanted, "past": wanted + HIGHEST, "upper": upper, "past_upper": upper + HIGHEST}
            for kind, query in BY_NAME.items():
                found += await self._ask(kind, query, **names)
        return found + await self._ask("customer", _CUSTOMER, whole=wanted)

    async def _by_id(self, wanted: str) -> AsyncIterator[Found]:
        digits = wanted.replace("-", "").lower()
        if SHORTEST_ID <= len(digits) <= DIGITS and _is_hex(digits):
            first, last = UUID(digits.ljust(DIGITS, "0")), UUID(digits.ljust(DIGITS, "f"))
            for kind, query in BY_ID.items():
                for one in await self._ask(kind, query, first=first, last=last):
                    yield one

    async def _ask(self, kind: str, query: str, **values: Any) -> list[Found]:
        connection = await self._session.connection()
        statement = text(query)
        given = {name: value for name, value in {**values, "most": MOST_OF_A_KIND}.items() if name in statement._bindparams}  # noqa: SLF001
        rows = (await connection.execute(statement, given)).all()
        return [Found(kind, row.id, row.order_id, row.title) for row in rows]


def _is_hex(digits: str) -> bool:
    return all(digit in "0123456789abcdef" for digit in digits)
