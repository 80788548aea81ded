"""What the databases know: how far the orders are, what it cost to write them, how the server was used.

One session per database, as the superuser and kept open, so that its CPU can be left out of the account.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self
from uuid import UUID

from waybill.embedded.postgres import EmbeddedPostgres
from waybill.embedded.system import SERVICES

_STATISTICS_DELAY: Final = 10.5
"""After so many seconds an idle session has reported what it did to the server's statistics."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A kind of statement of a service: how often it ran, its rows, time in the server (ms) and WAL (bytes), all in total."""

    service: str
    calls: int
    rows: int
    milliseconds: float
    text: str
    wal_bytes: int = 0


class Databases:
    """Sessions with the databases of all services."""

    def __init__(self, sessions: dict[str, Any]) -> None:
        self._sessions = sessions

    @classmethod
    @contextlib.asynccontextmanager
    async def of(cls, server: EmbeddedPostgres) -> AsyncIterator[Self]:
        """Connect to the four databases."""
        async with contextlib.AsyncExitStack() as stack:
            sessions: dict[str, Any] = {}
            for service in SERVICES:
                sessions[service] = await server.connect(service)
                stack.push_async_callback(sessions[service].close)
            yield cls(sessions)

    async def processes(self) -> frozenset[int]:
        """Return the process ids of these sessions."""
        return frozenset([await session.fetchval("SELECT pg_backend_pid()") for session in self._sessions.values()])

    async def value(self, service: str, query: str, *values: Any) -> Any:
        """Answer a single value."""
        return await self._sessions[service].fetchval(query, *values)

    async def rows(self, service: str, query: str, *values: Any) -> list[Any]:
        """Answer rows."""
        rows: list[Any] = await self._sessions[service].fetch(query, *values)
        return rows

    async def products(self) -> int:
        """Count the products whose price the order service knows."""
        return int(await self.value("order", "SELECT count(*) FROM product"))

    async def parcels(self, most: int) -> list[tuple[UUID, UUID]]:
        """List parcels that can be sent: order and shipment."""
        query = (
            "SELECT order_id, shipment_id FROM shipments WHERE state = 'planned' AND label_id IS NULL ORDER BY 1, 2 LIMIT $1"
        )
        return [(row["order_id"], row["shipment_id"]) for row in await self.rows("order", query, most)]

    async def parcels_of(self, orders: Sequence[UUID]) -> list[tuple[UUID, UUID]]:
        """List the parcels of orders: order and shipment."""
        query = "SELECT order_id, shipment_id FROM shipments WHERE order_id = ANY($1::uuid[]) ORDER BY 1, 2"
        return [(row["order_id"], row["shipment_id"]) for row in await self.rows("order", query, orders)]

    async def totals(self, orders: Sequence[UUID]) -> dict[UUID, int]:
        """Tell what orders cost, in minor units."""
        query = "SELECT order_id, total_amount FROM orders WHERE order_id = ANY($1::uuid[])"
        return {row["order_id"]: row["total_amount"] for row in await self.rows("order", query, orders)}

    async def undone(self) -> dict[str, int]:
        """Count what is still to do before all orders are at rest, by what it is; empty when nothing is."""
        counts = dict(zip(SERVICES, await asyncio.gather(*(self._unpublished(service) for service in SERVICES)), strict=True))
        found = {f"{service} unpublished": count for service, count in counts.items()}
        found["orders pending"] = await self.value("order", "SELECT count(*) FROM orders WHERE status = 'Pending'")
        found["orders being cancelled"] = await self.value(
            "order",
            "SELECT count(*) FROM orders WHERE order_state = 'cancelled' AND (released_at IS NULL OR voided_at IS NULL)",
        )
        found["changes undecided"] = await self.value(
            "order",
            "SELECT count(*) FROM order_change WHERE state = 'requested' OR stock_at IS NULL OR money_at IS NULL",
        )
        found["labels waiting"] = await self.value("order", "SELECT count(*) FROM shipment_label WHERE due_at IS NOT NULL")
        found["shipments being moved"] = await self.value(
            "order", "SELECT count(*) FROM shipments WHERE move_deadline_at IS NOT NULL"
        )
        found["products to give out"] = await self.value("inventory", "SELECT count(*) FROM restock")
        found["captures waiting"] = await self.value("payment", "SELECT count(*) FROM capture WHERE due_at IS NOT NULL")
        found["notifications waiting"] = await self.value(
            "notification",
            "SELECT (SELECT count(*) FROM delivery WHERE due_at IS NOT NULL)"
            " + (SELECT count(*) FROM delivery WHERE status = 'waiting_for_contact')",
        )
        return {what: count for what, count in found.items() if count}

    async def undecided(self, last: UUID) -> int:
        """Count the orders placed up to `last` that are neither confirmed nor cancelled."""
        query = "SELECT count(*) FROM orders WHERE status = 'Pending' AND order_id <= $1"
        return int(await self.value("order", query, last))

    async def _unpublished(self, service: str) -> int:
        return int(await self.value(service, "SELECT count(*) FROM outbox_unpublished"))

    async def last_notification(self, orders: Sequence[UUID]) -> float:
        """Tell when the last of these orders' customers was sure to be told that it is confirmed (s since the epoch)."""
        queued = await self.value(
            "notification",
            "SELECT extract(epoch FROM max(created_at))::float8 FROM delivery"
            " WHERE template IN ('confirmed', 'cancelled') AND order_id = ANY($1::uuid[])",
            orders,
        )
        return float(queued or 0.0)

    async def order_dates(self, orders: Sequence[UUID]) -> dict[str, float]:
        """Tell when the order service took up each order (s since the epoch)."""
        rows = await self.rows(
            "order",
            "SELECT order_id, extract(epoch FROM order_date)::float8 AS at FROM orders WHERE order_id = ANY($1)",
            orders,
        )
        return {str(row["order_id"]): row["at"] for row in rows}

    async def wal_bytes(self) -> int:
        """Tell how much WAL was written since the server exists."""
        return int(await self.value("order", "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"))

    async def wal_syncs(self) -> int:
        """Tell how often WAL was forced to disk, as far as sessions have reported; see `statistics_settle`."""
        return int(await self.value("order", "SELECT coalesce(sum(fsyncs), 0)::bigint FROM pg_stat_io WHERE object = 'wal'"))

    async def statistics_settle(self) -> None:
        """Wait until idle sessions have reported what they did."""
        await asyncio.sleep(_STATISTICS_DELAY)

    async def forget_statements(self) -> None:
        """Begin to count statements anew."""
        await self.value("order", "SELECT pg_stat_statements_reset() IS NULL")

    async def statements(self) -> list[Statement]:
        """List the services' statements since they were forgotten, the most expensive first."""
        rows = await self.rows(
            "order",
            "SELECT r.rolname, s.calls, s.rows, s.total_exec_time, s.wal_bytes::bigint,"
            " regexp_replace(s.query, '\\s+', ' ', 'g') AS text"
            " FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid"
            " WHERE r.rolname = ANY($1::text[]) ORDER BY s.total_exec_time DESC",
            list(SERVICES),
        )
        return [
            Statement(row["rolname"], row["calls"], row["rows"], row["total_exec_time"], row["text"], row["wal_bytes"])
            for row in rows
        ]

    async def server_settings(self, names: Iterable[str]) -> dict[str, str]:
        """Tell settings of the server."""
        rows = await self.rows("order", "SELECT name, setting FROM pg_settings WHERE name = ANY($1::text[])", list(names))
        return {row["name"]: row["setting"] for row in rows}
