"""A past: finished orders with all that belongs to them in the four databases, as they would lie there after years of work.

Some hundred orders are lived to their end first, by the services themselves: placed, sent, delivered, refunded, cancelled,
declined. All others are those lives moved in time: every row of an order's is written again with other ids, another customer
and earlier moments, evenly over the years before now, oldest first. So what lies in the databases has the columns, sizes and
relations that the services give it, whatever the tables are. What services forget after a while (facts told and heard, stored
replies) is there for the days that they keep it, and no longer.

What differs from a past that was lived: the texts in JSON documents still name the ids of the first life; orders come with the
amounts, products and lengths of those lives only; the numbers of invoices are series of their own, and their chain of hashes is
not one. Nothing of that changes how a page is found or how much is read for it.
"""

import asyncio
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from bench.client import request, send_all
from bench.databases import Databases
from bench.measuring import Measuring
from bench.scenarios import Name, Scenario
from bench.workload import CURRENCY, Kind, Variant
from chassis.schema import PARTITIONED, first_id_of
from waybill.embedded.system import SERVICES
from waybill.errors import WaybillError

LIVES: Final = 400
YEARS: Final = timedelta(days=730)
KEPT: Final = timedelta(days=7)
"""How long facts told and heard lie in the databases."""
REPLIES_KEPT: Final = timedelta(hours=48)
CUSTOMER_OF_SO_MANY: Final = 20
"""Customers are a twentieth of the orders; the first of them have ordered most."""
FEWEST_CUSTOMERS: Final = 256
SHORT: Final = ("orders", "order_items", "shipments")
"""What is written of orders that are not whole."""
AT_ONCE: Final = 100_000
RETURNED: Final = 0.04
MARK: Final = "history"

# Every id carries its moment in its first 48 bits. The last 48 are mixed with what is the order's own, so that ids of one
# order stay apart and in their order, and no two orders share one.
_LATER: Final = """
CREATE OR REPLACE FUNCTION pg_temp.later(id uuid, shift bigint, salt bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
SELECT (lpad(to_hex((('x' || substr(id::text, 1, 8) || substr(id::text, 10, 4))::bit(48)::bigint + shift)
        & 281474976710655), 12, '0') || substr(id::text, 14, 11)
    || lpad(to_hex(('x' || substr(id::text, 25, 12))::bit(48)::bigint # salt), 12, '0'))::uuid
$$
"""
_LIVES: Final = """
CREATE TEMP TABLE life AS SELECT slot::int - 1 AS slot, order_id AS was
FROM unnest($1::uuid[]) WITH ORDINALITY AS l(order_id, slot)
"""
_MOVES: Final = (
    "CREATE TEMP TABLE move (n bigint, was uuid, order_id uuid, shift interval, ms bigint, salt bigint, user_id text)"
)
_MOVE: Final = """
INSERT INTO move SELECT n, l.was, pg_temp.later(l.was, ms, salt), ms * interval '1 millisecond', ms, salt,
    'customer-' || floor($5::float8 * power((salt & 1048575) / 1048576.0::float8, 2))::bigint
FROM (
    SELECT n, -(extract(epoch FROM $3::interval) * 1000 * (1 - n / $4::float8))::bigint AS ms,
        hashint8extended(n, 0) & 281474976710655 AS salt
    FROM generate_series($1::bigint, $2::bigint - 1) AS n
) AS s JOIN life l ON l.slot = n % (SELECT count(*) FROM life)
ORDER BY n
"""

_COLUMNS: Final = """
SELECT c.relname AS table, a.attname AS name, format_type(a.atttypid, NULL) AS type
FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace AND s.nspname = 'public'
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
WHERE c.relkind = 'r' AND EXISTS (
    SELECT FROM pg_attribute o WHERE o.attrelid = c.oid AND o.attname = 'order_id' AND o.atttypid = 'uuid'::regtype
) ORDER BY c.relname, a.attnum
"""
# Ids that must differ from those of every other order: what is unique without the order's id, or begins an index.
_OWN_IDS: Final = """
SELECT DISTINCT a.attname AS name FROM pg_index i
JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace s ON s.oid = c.relnamespace AND s.nspname = 'public'
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.atttypid = 'uuid'::regtype AND a.attname <> 'order_id'
WHERE a.attnum = i.indkey[0] OR (i.indisunique AND a.attnum = ANY(i.indkey::int2[]) AND NOT EXISTS (
    SELECT FROM pg_attribute o WHERE o.attrelid = i.indrelid AND o.attname = 'order_id' AND o.attnum = ANY(i.indkey::int2[])
))
"""
_INDEXES: Final = """
SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition FROM pg_index i
WHERE i.indrelid = ANY($1::text[]::regclass[]) AND NOT i.indisunique
"""
OWN_NAMES: Final = frozenset({"tracking_number", "reference", "psp_reference", "provider_message_id", "idempotency_key"})
"""What goes by a name outside has another one for every order."""
SPECIAL: Final[Mapping[tuple[str, str], str]] = {
    ("document", "series"): "'H' || left(t.kind, 1) || t.position || '-'",
    ("document", "position"): "m.n + 1",
    ("document", "number"): "'H' || left(t.kind, 1) || t.position || '-' || m.n + 1",
}
_SERIES: Final = """
INSERT INTO document_series (series, kind, last, last_hash, last_at)
SELECT 'H' || left(kind, 1) || position || '-', kind, $1::bigint, hash, issued_at
FROM document WHERE order_id IN (SELECT was FROM life)
ON CONFLICT (series) DO UPDATE SET last = excluded.last
"""
_TOLD: Final = """
INSERT INTO outbox SELECT pg_temp.later(t.id, m.ms, m.salt), t.aggregatetype, m.order_id::text, t.sequence, t.type,
    replace(t.payload, t.aggregateid, m.order_id::text), t.occurred_at + m.shift, m.order_id::text,
    pg_temp.later(t.causation_id, m.ms, m.salt), t.traceparent
FROM move m JOIN outbox t ON t.aggregateid = m.was::text WHERE m.shift > -$1::interval
"""
_COUNTED: Final = """
INSERT INTO outbox_sequence (topic, key, last)
SELECT t.topic, m.order_id::text, t.last FROM move m JOIN outbox_sequence t ON t.key = m.was::text
"""
_HEARD: Final = """
INSERT INTO inbox SELECT pg_temp.later(t.event_id, m.ms, m.salt), t.type, t.handled_at + m.shift
FROM move m JOIN life l ON l.was = m.was JOIN (
    SELECT *, row_number() OVER (ORDER BY event_id) % (SELECT count(*) FROM life) AS slot FROM inbox
    WHERE event_id >= $2::uuid
) AS t ON t.slot = l.slot WHERE m.shift > -$1::interval
"""
_REPLIED: Final = """
INSERT INTO idempotency
SELECT m.user_id, t.key || '-' || m.n, t.fingerprint, t.status, t.headers, t.body, t.created_at + m.shift
FROM move m JOIN idempotency t ON substr(t.body, 14, 36) = m.was::text WHERE m.shift > -$1::interval
"""
_SHELVES: Final = """
UPDATE stock s SET on_hand = s.on_hand + m.on_hand * $1, reserved = s.reserved + m.reserved * $1
FROM (
    SELECT sku, warehouse_id, sum(on_hand_delta)::bigint AS on_hand, sum(reserved_delta)::bigint AS reserved
    FROM stock_movement WHERE order_id IN (SELECT was FROM life) GROUP BY 1, 2
) AS m WHERE m.sku = s.sku AND m.warehouse_id = s.warehouse_id
"""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table that has an order's rows."""

    table: str
    name: str
    type: str


def moved(column: Column, own_ids: frozenset[str]) -> str:
    """Say what a column holds in another life: `t` is the row of the first one, `m` how it is moved."""
    its = f"t.{column.name}"
    special = SPECIAL.get((column.table, column.name))
    if special is not None:
        its = special
    elif column.name in {"order_id", "user_id"}:
        its = f"m.{column.name}"
    elif column.type == "uuid" and column.name in own_ids:
        its = f"pg_temp.later({its}, m.ms, m.salt)"
    elif column.type.startswith("timestamp"):
        its = f"{its} + m.shift"
    elif column.type == "date":
        its = f"({its} + m.shift)::date"
    elif column.type == "text" and column.name in OWN_NAMES:
        its = f"{its} || '-' || m.n"
    return its


def copying(columns: Sequence[Column], own_ids: frozenset[str]) -> str:
    """Write the statement that lives a table's rows again, for all orders that are to be moved."""
    table = columns[0].table
    values = ", ".join(moved(column, own_ids) for column in columns)
    names = ", ".join(column.name for column in columns)
    return f"INSERT INTO {table} ({names}) SELECT {values} FROM move m JOIN {table} t ON t.order_id = m.was"


def loaded(folder: Path) -> tuple[int, int]:
    """Tell how many orders of a past lie in a data directory, and how many of them are whole."""
    mark = folder / MARK
    orders, whole = map(int, mark.read_text().split()) if mark.exists() else (0, 0)
    return orders, whole


async def load(measuring: Measuring, folder: Path, orders: int, whole: int, seed: int, tell: Callable[[str], None]) -> int:
    """See to it that a past of so many orders lies in the databases; answers how many were written.

    Of those that are written, the newest `whole` are whole, in all databases; of the others there are the orders, their lines
    and their parcels.
    """
    already, whole_already = loaded(folder)
    count = -(-orders // LIVES) * LIVES - already
    if count <= 0:
        return 0
    tell(f"living {LIVES} orders to their end")
    since = datetime.now(UTC)
    lives = await _live(measuring, seed)
    for service in SERVICES:
        await measuring.running.halt(service)
    loop = asyncio.get_running_loop()
    began = loop.time()
    past = Past(lives, already, already + count, since, whole)
    async with Databases.of(measuring.running.system.postgres) as more:
        await write([measuring.databases, more], past, tell)
    (folder / MARK).write_text(f"{past.end} {whole_already + past.end - past.whole_from}")
    tell(f"a past of {count} orders was written in {loop.time() - began:.0f} s")
    await asyncio.gather(*(measuring.running.resume(service) for service in SERVICES))
    return count


@dataclass(frozen=True, slots=True)
class Past:
    """Orders that lived since a moment, and the numbers of those that are to be written after them: from `first` to `end`.

    Only the newest `whole` of them are written with all that belongs to them.
    """

    lives: Sequence[UUID]
    first: int
    end: int
    since: datetime
    whole: int

    @property
    def whole_from(self) -> int:
        """Tell from which number on orders are whole; each life as often as the others."""
        lives = len(self.lives)
        return max(self.first, self.end - -(-self.whole // lives) * lives)


async def write(databases: Sequence[Databases], past: Past, tell: Callable[[str], None]) -> None:
    """Write the past into the four databases, while nobody works on them; by more than one session where there are more."""
    await asyncio.gather(*(_Loading(databases, service, past, tell).load() for service in SERVICES))


class _Loading:
    """Writes the past of one database."""

    def __init__(self, databases: Sequence[Databases], service: str, past: Past, tell: Callable[[str], None]) -> None:
        self._databases, *self._others = databases
        self._service = service
        self._past = past
        self._tell = tell

    async def load(self) -> None:
        """Write everything, with the indexes that do not keep it right made anew at the end."""
        past = self._past
        columns = [Column(*row) for row in await self._rows(_COLUMNS)]
        own_ids = frozenset(row["name"] for row in await self._rows(_OWN_IDS))
        await self._prepare()
        await self._partitions()
        tables = [name for name in dict.fromkeys(column.table for column in columns) if await self._has_rows(name)]
        indexes = await self._rows(_INDEXES, tables)
        for index in indexes:
            await self._run(f"DROP INDEX {index['name']}")
        statements = {table: copying([one for one in columns if one.table == table], own_ids) for table in tables}
        if self._service == "order":
            await self._short_orders([statements[table] for table in SHORT])
        await self._whole_orders([*statements.values(), _COUNTED])
        copies = (past.end - past.whole_from) // len(past.lives)
        if self._service == "inventory":
            await self._run(_SHELVES, copies)
        if self._service == "order":
            await self._run(_SERIES, past.end)
        self._tell(f"{self._service}: vacuum")
        await self._run("VACUUM")
        self._tell(f"{self._service}: {len(indexes)} indexes")
        for index in indexes:  # last, so that they lie in memory, as after days of work, and not what vacuum read
            await self._run(index["definition"])
        await self._run("ANALYZE")
        await self._run("CHECKPOINT")  # so that nothing waits for the disk while pages are measured, as nothing of old does
        await self._forget()

    async def _prepare(self) -> None:
        """Have the session know the lives, and how they are moved."""
        for statement in (
            "SET session_replication_role = replica",  # no checks of foreign keys: what they refer to is moved along
            "SET maintenance_work_mem = '1GB'",
            "SET work_mem = '256MB'",
            _LATER,
            _MOVES,
        ):
            await self._run(statement)
        await self._run(_LIVES, list(self._past.lives))

    async def _forget(self) -> None:
        await self._run("DROP TABLE life, move")
        await self._run("RESET ALL")

    async def _short_orders(self, statements: Sequence[str]) -> None:
        """Write those that are not whole, oldest first, in as many sessions as there are."""
        past = self._past
        left = iter(range(past.first, past.whole_from, AT_ONCE))
        others = [_Loading([one], self._service, past, self._tell) for one in self._others]
        for other in others:
            await other._prepare()  # noqa: SLF001 - another of ourselves
        await asyncio.gather(*(one._write_short(left, statements) for one in (self, *others)))  # noqa: SLF001
        for other in others:
            await other._forget()  # noqa: SLF001

    async def _write_short(self, left: Iterator[int], statements: Sequence[str]) -> None:
        for first in left:
            await self._move(first, min(first + AT_ONCE, self._past.whole_from))
            for statement in statements:
                await self._run(statement)

    async def _whole_orders(self, statements: Sequence[str]) -> None:
        """Write those that are whole, oldest first."""
        past = self._past
        for first in range(past.whole_from, past.end, AT_ONCE):
            await self._move(first, min(first + AT_ONCE, past.end))
            for statement in statements:
                await self._run(statement)
            await self._run(_TOLD, KEPT)
            await self._run(_HEARD, KEPT, UUID(int=int(past.since.timestamp() * 1000) << 80))
            await self._run(_REPLIED, REPLIES_KEPT)

    async def _move(self, first: int, end: int) -> None:
        """Choose when orders of these numbers live, and whose they are."""
        past = self._past
        customers = max(FEWEST_CUSTOMERS, past.end // CUSTOMER_OF_SO_MANY)
        await self._run("TRUNCATE move")
        await self._run(_MOVE, first, end, YEARS, float(past.end), float(customers))
        await self._run("ANALYZE move")
        self._tell(f"{self._service}: {end} of {past.end} orders")

    async def _partitions(self) -> None:
        """Make those of the days that are kept, as they would have been made in time."""
        today = datetime.now(UTC).date()
        owner = await self._databases.value(
            self._service, "SELECT relowner::regrole::text FROM pg_class WHERE relname = 'outbox'"
        )
        for table in PARTITIONED:
            for days in range(1, KEPT.days + 2):
                day = today - timedelta(days=days)
                name = f"{table}_{day:%Y%m%d}"
                bounds = f"FROM ('{first_id_of(day)}') TO ('{first_id_of(day + timedelta(days=1))}')"
                await self._run(f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF {table} FOR VALUES {bounds}")
                await self._run(f"ALTER TABLE {name} OWNER TO {owner}")

    async def _has_rows(self, table: str) -> bool:
        query = f"SELECT EXISTS (SELECT FROM ONLY {table} WHERE order_id IN (SELECT was FROM life))"
        return bool(await self._databases.value(self._service, query))

    async def _run(self, statement: str, *values: Any) -> None:
        await self._databases.rows(self._service, statement, *values)

    async def _rows(self, query: str, *values: Any) -> list[Any]:
        return await self._databases.rows(self._service, query, *values)


async def _live(measuring: Measuring, seed: int) -> list[UUID]:
    """Live some orders to their end; answers their ids in an order of chance. Raises WaybillError when a step is refused."""
    mixed = Scenario(Name.MIX, "lives", LIVES, 60.0, variant=Variant.MIX)
    outcome = await measuring.warm_up(mixed, seed + 1000)
    orders = [UUID(sent.order_id) for sent in outcome.sent]
    confirmed = [UUID(sent.order_id) for sent in outcome.sent if sent.kind == Kind.CONFIRMED]
    parcels = await measuring.databases.parcels_of(confirmed)
    for step in ("label", "dispatch", "deliver"):
        await _ask(measuring, [(f"/api/admin/orders/{order}/shipments/{parcel}/{step}", None) for order, parcel in parcels])
        await measuring.rest()
    chance = random.Random(seed)
    back = chance.sample(confirmed, round(LIVES * RETURNED))
    totals = await measuring.databases.totals(back)
    refunds = [(order_id, total if place % 2 else total // 2) for place, (order_id, total) in enumerate(sorted(totals.items()))]
    await _ask(
        measuring,
        [
            (
                f"/api/admin/orders/{order_id}/refunds",
                {"amount": {"amount": amount, "currency": CURRENCY}, "reason": "goodwill"},
            )
            for order_id, amount in refunds
        ],
    )
    await measuring.rest()
    chance.shuffle(orders)
    return orders


async def _ask(measuring: Measuring, wishes: Sequence[tuple[str, Any]]) -> None:
    port = measuring.running.system.options.port("gateway")
    requests = [
        request("POST", path, f"127.0.0.1:{port}", measuring.manager, f"history-{path}", json.dumps(body).encode())
        if body is not None
        else request("POST", path, f"127.0.0.1:{port}", measuring.manager, f"history-{path}")
        for path, body in wishes
    ]
    answers = await send_all("127.0.0.1", port, requests, 8)
    for (path, _), answer in zip(wishes, answers, strict=True):
        if answer.status not in {200, 201, 202}:
            text = answer.body[:200].decode(errors="replace").replace("\n", " ")
            raise WaybillError(f"an order of the past cannot be lived: POST {path} answers {answer.status} {text}")
