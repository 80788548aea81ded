"""The PSP's books: what was authorised, captured, refunded and answered, in a SQLite file.

One transaction holds a change of money, the answer stored for its idempotency key and the webhooks that tell of it. A committed
transaction survives the kill of the process, so the PSP never forgets; CHECK constraints refuse a capture above the
authorisation and a refund above the capture even if the code above were wrong.
"""

import json
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from waybill.simulators.books import Books

_SCHEMA = """
CREATE TABLE IF NOT EXISTS intents (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, order_id TEXT, amount INTEGER NOT NULL, currency TEXT NOT NULL,
    payment_method TEXT NOT NULL, capture_method TEXT NOT NULL, status TEXT NOT NULL, charge_id TEXT NOT NULL UNIQUE,
    authorised INTEGER NOT NULL, capturable INTEGER NOT NULL, captured INTEGER NOT NULL, refunded INTEGER NOT NULL,
    metadata TEXT NOT NULL, description TEXT, idempotency_key TEXT, decline_code TEXT,
    created REAL NOT NULL, canceled REAL, cancellation_reason TEXT,
    CHECK (amount > 0 AND authorised IN (0, amount) AND capturable >= 0 AND captured >= 0),
    CHECK (captured + capturable <= authorised),
    CHECK (refunded BETWEEN 0 AND captured)
);
CREATE INDEX IF NOT EXISTS intents_by_order ON intents (order_id);
CREATE TABLE IF NOT EXISTS captures (
    id TEXT PRIMARY KEY, intent_id TEXT NOT NULL, amount INTEGER NOT NULL CHECK (amount > 0),
    idempotency_key TEXT, created REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS captures_by_intent ON captures (intent_id);
CREATE TABLE IF NOT EXISTS refunds (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, intent_id TEXT NOT NULL, amount INTEGER NOT NULL CHECK (amount > 0),
    reason TEXT, metadata TEXT NOT NULL, idempotency_key TEXT, created REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS refunds_by_intent ON refunds (intent_id);
CREATE TABLE IF NOT EXISTS disputes (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, intent_id TEXT NOT NULL, amount INTEGER NOT NULL CHECK (amount > 0),
    reason TEXT NOT NULL, status TEXT NOT NULL, created REAL NOT NULL, respond_by REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS disputes_by_intent ON disputes (intent_id);
CREATE TABLE IF NOT EXISTS answers (
    idempotency_key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL,
    request_id TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS webhooks (
    seq INTEGER PRIMARY KEY, payload TEXT NOT NULL, forged INTEGER NOT NULL, due REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS webhooks_by_due ON webhooks (due);
"""
_HELD = "CREATE INDEX IF NOT EXISTS intents_held ON intents (expires) WHERE status = 'requires_capture'"


@dataclass
class Intent:
    """A payment intent and its one charge. Amounts in minor units of ``currency`` (lower case, as at Stripe)."""

    id: str
    order_id: str | None
    amount: int
    currency: str
    payment_method: str
    capture_method: str
    status: str
    charge_id: str
    authorised: int = 0
    capturable: int = 0
    captured: int = 0
    refunded: int = 0
    metadata: dict[str, str] = field(default_factory=dict)
    description: str | None = None
    idempotency_key: str | None = None
    decline_code: str | None = None
    created: float = field(default_factory=time.time)
    canceled: float | None = None
    cancellation_reason: str | None = None
    expires: float | None = None
    """When what is held lapses."""


@dataclass
class Refund:
    """Money given back on one intent, in minor units."""

    id: str
    intent_id: str
    amount: int
    reason: str | None
    metadata: dict[str, str]
    idempotency_key: str | None
    created: float
    failure_reason: str | None = None
    """Why it came back from the cardholder's bank; None: it did not."""


@dataclass
class Dispute:
    """Captured money that the cardholder's bank wants back, in minor units."""

    id: str
    intent_id: str
    amount: int
    reason: str
    status: str
    created: float
    respond_by: float


@dataclass(frozen=True)
class Answer:
    """What was answered to a request; stored under its idempotency key."""

    status: int
    body: dict[str, Any]
    request_id: str


@dataclass(frozen=True)
class DueWebhook:
    """A notification that has not been delivered."""

    seq: int
    payload: str
    forged: bool
    attempts: int


_INTENT_COLUMNS = tuple(Intent.__dataclass_fields__)
_CHANGING_COLUMNS = (
    "status", "authorised", "capturable", "captured", "refunded", "metadata", "decline_code", "canceled", "cancellation_reason",
    "expires",
)  # fmt: skip
_REFUND_COLUMNS = tuple(Refund.__dataclass_fields__)
_DISPUTE_COLUMNS = tuple(Dispute.__dataclass_fields__)


class Ledger(Books):
    """Reads and writes the books."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, _SCHEMA)
        self.add_column("intents", "expires", "REAL")
        self.add_column("refunds", "failure_reason", "TEXT")
        self._database.execute(_HELD)

    # Payment intents

    def insert_intent(self, intent: Intent) -> None:
        """Enter a new intent."""
        marks = ", ".join("?" * len(_INTENT_COLUMNS))
        values = [_stored(getattr(intent, name)) for name in _INTENT_COLUMNS]
        self._database.execute(f"INSERT INTO intents ({', '.join(_INTENT_COLUMNS)}) VALUES ({marks})", values)

    def update_intent(self, intent: Intent) -> None:
        """Write what can change in an intent."""
        assignments = ", ".join(f"{name} = ?" for name in _CHANGING_COLUMNS)
        values = [_stored(getattr(intent, name)) for name in _CHANGING_COLUMNS]
        self._database.execute(f"UPDATE intents SET {assignments} WHERE id = ?", [*values, intent.id])

    def intent(self, identifier: str, *, column: str = "id") -> Intent | None:
        """Return one intent by ``id`` or ``charge_id``."""
        row = self._database.execute(f"SELECT * FROM intents WHERE {column} = ?", [identifier]).fetchone()
        return None if row is None else _intent(row)

    def intents(self, condition: str, values: Sequence[Any], limit: int) -> list[Intent]:
        """Return the newest intents that meet an SQL condition."""
        query = f"SELECT * FROM intents WHERE {condition} ORDER BY seq DESC LIMIT ?"
        return [_intent(row) for row in self._database.execute(query, [*values, limit])]

    def lapsed(self, now: float, limit: int) -> list[str]:
        """Name intents that are held longer than their time."""
        query = "SELECT id FROM intents WHERE status = 'requires_capture' AND expires <= ? ORDER BY expires LIMIT ?"
        return [row[0] for row in self._database.execute(query, [now, limit])]

    def place(self, intent: Intent) -> int:
        """Return where an intent stands in the order of making."""
        place: int = self._database.execute("SELECT seq FROM intents WHERE id = ?", [intent.id]).fetchone()[0]
        return place

    # Captures and refunds

    def insert_capture(self, identifier: str, intent: Intent, amount: int, key: str | None) -> None:
        """Enter one capture."""
        self._database.execute("INSERT INTO captures VALUES (?, ?, ?, ?, ?)", [identifier, intent.id, amount, key, time.time()])

    def insert_refund(self, refund: Refund) -> None:
        """Enter one refund."""
        marks = ", ".join("?" * len(_REFUND_COLUMNS))
        values = [_stored(getattr(refund, name)) for name in _REFUND_COLUMNS]
        self._database.execute(f"INSERT INTO refunds ({', '.join(_REFUND_COLUMNS)}) VALUES ({marks})", values)

    def update_refund(self, refund: Refund) -> None:
        """Write what can change in a refund."""
        self._database.execute("UPDATE refunds SET failure_reason = ? WHERE id = ?", [refund.failure_reason, refund.id])

    def refunds(self, condition: str, values: Sequence[Any], limit: int) -> list[Refund]:
        """Return the newest refunds that meet an SQL condition."""
        query = f"SELECT * FROM refunds WHERE {condition} ORDER BY seq DESC LIMIT ?"
        return [_refund(row) for row in self._database.execute(query, [*values, limit])]

    # Disputes

    def insert_dispute(self, dispute: Dispute) -> None:
        """Enter one dispute."""
        marks = ", ".join("?" * len(_DISPUTE_COLUMNS))
        values = [getattr(dispute, name) for name in _DISPUTE_COLUMNS]
        self._database.execute(f"INSERT INTO disputes ({', '.join(_DISPUTE_COLUMNS)}) VALUES ({marks})", values)

    def update_dispute(self, dispute: Dispute) -> None:
        """Write what can change in a dispute."""
        self._database.execute("UPDATE disputes SET status = ? WHERE id = ?", [dispute.status, dispute.id])

    def dispute(self, identifier: str) -> Dispute | None:
        """Return one dispute."""
        row = self._database.execute("SELECT * FROM disputes WHERE id = ?", [identifier]).fetchone()
        return None if row is None else Dispute(**{name: row[name] for name in _DISPUTE_COLUMNS})

    def disputed(self, intent_id: str) -> int:
        """Return how much of an intent the cardholder's bank has."""
        query = "SELECT coalesce(sum(amount), 0) FROM disputes WHERE intent_id = ? AND status <> 'won'"
        amount: int = self._database.execute(query, [intent_id]).fetchone()[0]
        return amount

    # Idempotency

    def remembered(self, key: str) -> tuple[str, Answer] | None:
        """Return the fingerprint and answer of an earlier request with this key."""
        row = self._database.execute("SELECT * FROM answers WHERE idempotency_key = ?", [key]).fetchone()
        if row is None:
            return None
        return row["fingerprint"], Answer(row["status"], json.loads(row["body"]), row["request_id"])

    def remember(self, key: str, fingerprint: str, answer: Answer) -> None:
        """Store an answer for ever."""
        values = [key, fingerprint, answer.status, json.dumps(answer.body), answer.request_id]
        self._database.execute("INSERT INTO answers VALUES (?, ?, ?, ?, ?)", values)

    # Webhooks

    def enqueue_webhook(self, payload: str, due: float, *, forged: bool = False) -> None:
        """Keep a notification until it is delivered."""
        self._database.execute("INSERT INTO webhooks (payload, forged, due) VALUES (?, ?, ?)", [payload, forged, due])

    def due_webhooks(self, now: float, limit: int) -> list[DueWebhook]:
        """Return what is to be sent now, oldest first."""
        query = "SELECT seq, payload, forged, attempts FROM webhooks WHERE due <= ? ORDER BY due, seq LIMIT ?"
        return [DueWebhook(row[0], row[1], bool(row[2]), row[3]) for row in self._database.execute(query, [now, limit])]

    def next_webhook_due(self) -> float | None:
        """Return when the next notification is to leave."""
        due: float | None = self._database.execute("SELECT min(due) FROM webhooks").fetchone()[0]
        return due

    def webhook_done(self, seq: int) -> None:
        """Drop a notification that was delivered or is given up."""
        self._database.execute("DELETE FROM webhooks WHERE seq = ?", [seq])

    def webhook_again(self, seq: int, due: float) -> None:
        """Try a notification once more later."""
        self._database.execute("UPDATE webhooks SET attempts = attempts + 1, due = ? WHERE seq = ?", [due, seq])


def _stored(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict) else value


def _intent(row: sqlite3.Row) -> Intent:
    fields = {name: row[name] for name in _INTENT_COLUMNS}
    return Intent(**{**fields, "metadata": json.loads(fields["metadata"])})


def _refund(row: sqlite3.Row) -> Refund:
    fields = {name: row[name] for name in _REFUND_COLUMNS}
    return Refund(**{**fields, "metadata": json.loads(fields["metadata"])})
