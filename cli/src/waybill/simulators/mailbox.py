"""What a mail or SMS simulator has received, counted by message id.

Every message id is counted for ever; the contents of the latest ``KEPT_CONTENTS`` are kept to read, so the store stays small
through the longest run. In a file it survives a restart, in memory it ends with the process.
"""

import json
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

KEPT_CONTENTS = 10_000
_TRIM_EVERY = 1_000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    seq INTEGER PRIMARY KEY, message_id TEXT NOT NULL UNIQUE, count INTEGER NOT NULL, recipient TEXT NOT NULL,
    order_id TEXT, content TEXT NOT NULL, received REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS messages_by_order ON messages (order_id);
CREATE TABLE IF NOT EXISTS box (since REAL NOT NULL);
"""


@dataclass(frozen=True)
class Received:
    """One message as it is kept."""

    seq: int
    message_id: str
    count: int
    order_id: str | None
    content: Mapping[str, Any]
    received_at: datetime

    def as_json(self) -> dict[str, Any]:
        """Return the message as the HTTP interface shows it."""
        return {
            "message_id": self.message_id,
            "count": self.count,
            "order_id": self.order_id,
            **self.content,
            "received_at": self.received_at.isoformat(),
        }


@dataclass(frozen=True)
class Counted:
    """How often a message has come, and when first; `seq` is its place in the box."""

    seq: int
    message_id: str
    count: int
    received_at: datetime


class Mailbox:
    """Keeps messages; calls are synchronous and short."""

    def __init__(
        self,
        store: Path | None = None,
        kept_contents: int = KEPT_CONTENTS,
        *,
        shown: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict,
    ) -> None:
        self._kept = kept_contents
        self._shown = shown
        self._database = sqlite3.connect(":memory:" if store is None else store, isolation_level=None)
        self._database.row_factory = sqlite3.Row
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.executescript(_SCHEMA)
        oldest = "SELECT coalesce(min(received), ?) FROM messages"
        self._database.execute(f"INSERT INTO box {oldest} WHERE NOT EXISTS (SELECT 1 FROM box)", [time.time()])

    def close(self) -> None:
        """Close the store."""
        self._database.close()

    def deliver(self, message_id: str, recipient: str, order_id: str | None, content: Mapping[str, Any]) -> int:
        """Take a message in; a known id is only counted. Returns how often it has come by now."""
        row = self._database.execute(
            "INSERT INTO messages (message_id, count, recipient, order_id, content, received) VALUES (?, 1, ?, ?, ?, ?) "
            "ON CONFLICT (message_id) DO UPDATE SET count = count + 1 RETURNING count, seq",
            [message_id, recipient, order_id, json.dumps(content), time.time()],
        ).fetchone()
        if row["count"] == 1 and row["seq"] % min(_TRIM_EVERY, self._kept) == 0:
            self._trim(row["seq"])
        return int(row["count"])

    def _trim(self, newest: int) -> None:
        self._database.execute("UPDATE messages SET content = '{}' WHERE seq <= ? AND content <> '{}'", [newest - self._kept])

    def messages(
        self, *, to: str | None = None, order_id: str | None = None, message_id: str | None = None, limit: int = 100
    ) -> list[Received]:
        """Return the newest messages, filtered by a part of the recipient, the order and the exact message id."""
        conditions, values = ["1"], list[Any]()
        if to is not None:
            conditions.append("instr(recipient, ?) > 0")
            values.append(to)
        if order_id is not None:
            conditions.append("order_id = ?")
            values.append(order_id)
        if message_id is not None:
            conditions.append("message_id = ?")
            values.append(message_id)
        query = f"SELECT * FROM messages WHERE {' AND '.join(conditions)} ORDER BY seq DESC LIMIT ?"
        return [self._received(row) for row in self._database.execute(query, [*values, limit])]

    @property
    def since(self) -> datetime:
        """Tell since when every message that came is counted here."""
        (since,) = self._database.execute("SELECT since FROM box").fetchone()
        return datetime.fromtimestamp(since, UTC)

    def counted(self, after: int, limit: int) -> list[Counted]:
        """Return how often messages have come, in the order in which they first did, beginning behind a place in the box."""
        query = "SELECT seq, message_id, count, received FROM messages WHERE seq > ? ORDER BY seq LIMIT ?"
        rows = self._database.execute(query, [after, limit])
        return [Counted(seq, message_id, count, datetime.fromtimestamp(at, UTC)) for seq, message_id, count, at in rows]

    def message(self, seq: int) -> Received | None:
        """Return one message by its place in the box."""
        row = self._database.execute("SELECT * FROM messages WHERE seq = ?", [seq]).fetchone()
        return None if row is None else self._received(row)

    def totals(self) -> dict[str, int]:
        """Count different messages and all deliveries."""
        row = self._database.execute("SELECT count(*), coalesce(sum(count), 0) FROM messages").fetchone()
        return {"total": row[0], "deliveries": row[1]}

    def clear(self) -> None:
        """Forget everything."""
        self._database.execute("DELETE FROM messages")
        self._database.execute("UPDATE box SET since = ?", [time.time()])

    def _received(self, row: sqlite3.Row) -> Received:
        return Received(
            row["seq"],
            row["message_id"],
            row["count"],
            row["order_id"],
            self._shown(json.loads(row["content"])),
            datetime.fromtimestamp(row["received"], UTC),
        )
