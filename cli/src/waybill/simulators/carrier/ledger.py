"""The carriers' books: labels sold and taken back, where parcels were seen, and what is still to be told, in a SQLite file.

One transaction holds a change and the webhooks that tell of it. A committed transaction survives the kill of the process, so no
label is ever forgotten; a shipment has one label at most, but nothing keeps a client from making two shipments under one
reference: finding that out is what the ledger is read for.
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
CREATE TABLE IF NOT EXISTS shipments (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, reference TEXT, wanted TEXT NOT NULL, rates TEXT NOT NULL,
    messages TEXT NOT NULL, created REAL NOT NULL, updated REAL NOT NULL, selected_rate TEXT, carrier TEXT, service TEXT,
    cost INTEGER, currency TEXT, tracking_code TEXT UNIQUE, tracker_id TEXT UNIQUE, label TEXT UNIQUE, expected REAL,
    bought REAL, voided REAL, handed_over REAL, next_step REAL,
    CHECK ((bought IS NULL) = (tracking_code IS NULL) AND (bought IS NULL) = (cost IS NULL)),
    CHECK (voided IS NULL OR (bought IS NOT NULL AND handed_over IS NULL))
);
CREATE INDEX IF NOT EXISTS shipments_by_reference ON shipments (reference);
CREATE INDEX IF NOT EXISTS shipments_by_next_step ON shipments (next_step) WHERE next_step IS NOT NULL;
CREATE TABLE IF NOT EXISTS scans (
    seq INTEGER PRIMARY KEY, shipment_id TEXT NOT NULL, status TEXT NOT NULL, status_detail TEXT NOT NULL,
    message TEXT NOT NULL, occurred REAL NOT NULL, city TEXT, region TEXT, country TEXT
);
CREATE INDEX IF NOT EXISTS scans_by_shipment ON scans (shipment_id);
CREATE TABLE IF NOT EXISTS webhooks (
    seq INTEGER PRIMARY KEY, tracking_code TEXT NOT NULL, payload TEXT NOT NULL, kind TEXT NOT NULL, due REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS webhooks_by_due ON webhooks (due);
"""


@dataclass
class Shipment:
    """A shipment, with its label once that is bought. ``cost`` in minor units."""

    id: str
    reference: str | None
    wanted: dict[str, Any]
    rates: list[dict[str, Any]]
    messages: list[dict[str, Any]]
    created: float = field(default_factory=time.time)
    updated: float = field(default_factory=time.time)
    selected_rate: dict[str, Any] | None = None
    carrier: str | None = None
    service: str | None = None
    cost: int | None = None
    currency: str | None = None
    tracking_code: str | None = None
    tracker_id: str | None = None
    label: str | None = None
    expected: float | None = None
    bought: float | None = None
    voided: float | None = None
    handed_over: float | None = None
    next_step: float | None = None


@dataclass(frozen=True)
class Scan:
    """Where a parcel was seen, and what happened to it there."""

    status: str
    status_detail: str
    message: str
    occurred: float
    city: str | None = None
    region: str | None = None
    country: str | None = None


@dataclass(frozen=True)
class DueWebhook:
    """A notice that has not been delivered; ``kind`` is genuine, forged or stale."""

    seq: int
    tracking_code: str
    payload: str
    kind: str
    attempts: int


_COLUMNS = tuple(Shipment.__dataclass_fields__)
_DOCUMENTS = frozenset({"wanted", "rates", "messages", "selected_rate"})
_SCAN_COLUMNS = tuple(Scan.__dataclass_fields__)


class Ledger(Books):
    """Reads and writes the books."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, _SCHEMA)

    # Shipments

    def insert(self, shipment: Shipment) -> None:
        """Enter a new shipment."""
        marks = ", ".join("?" * len(_COLUMNS))
        self._database.execute(f"INSERT INTO shipments ({', '.join(_COLUMNS)}) VALUES ({marks})", _values(shipment))

    def update(self, shipment: Shipment) -> None:
        """Write a shipment as it is now."""
        shipment.updated = time.time()
        assignments = ", ".join(f"{name} = ?" for name in _COLUMNS)
        self._database.execute(f"UPDATE shipments SET {assignments} WHERE id = ?", [*_values(shipment), shipment.id])

    def shipments(self, condition: str, values: Sequence[Any], limit: int) -> list[Shipment]:
        """Return the newest shipments that meet an SQL condition."""
        query = f"SELECT * FROM shipments WHERE {condition} ORDER BY seq DESC LIMIT ?"
        return [_shipment(row) for row in self._database.execute(query, [*values, limit])]

    def shipment(self, condition: str, *values: Any) -> Shipment | None:
        """Return the newest shipment that meets an SQL condition."""
        return next(iter(self.shipments(condition, values, 1)), None)

    def walking(self, now: float) -> list[Shipment]:
        """Return the parcels whose next step is due."""
        return self.shipments("next_step <= ?", [now], 100)

    def next_step(self) -> float | None:
        """Return when the next parcel moves by itself."""
        due: float | None = self._database.execute("SELECT min(next_step) FROM shipments").fetchone()[0]
        return due

    # Scans

    def insert_scan(self, shipment: Shipment, scan: Scan) -> None:
        """Enter what happened to a parcel."""
        values = [shipment.id, *(getattr(scan, name) for name in _SCAN_COLUMNS)]
        marks = ", ".join("?" * len(values))
        self._database.execute(f"INSERT INTO scans (shipment_id, {', '.join(_SCAN_COLUMNS)}) VALUES ({marks})", values)

    def scans(self, shipment: Shipment) -> list[Scan]:
        """Return all that happened to a parcel, in the order of its happening."""
        query = f"SELECT {', '.join(_SCAN_COLUMNS)} FROM scans WHERE shipment_id = ? ORDER BY occurred, seq"
        return [Scan(*row) for row in self._database.execute(query, [shipment.id])]

    # Webhooks

    def enqueue_webhook(self, tracking_code: str, payload: str, due: float, kind: str = "genuine") -> None:
        """Keep a notice until it is delivered."""
        query = "INSERT INTO webhooks (tracking_code, payload, kind, due) VALUES (?, ?, ?, ?)"
        self._database.execute(query, [tracking_code, payload, kind, due])

    def due_webhooks(self, now: float, limit: int) -> list[DueWebhook]:
        """Return what is to be sent now, oldest first."""
        query = "SELECT seq, tracking_code, payload, kind, attempts FROM webhooks WHERE due <= ? ORDER BY due, seq LIMIT ?"
        return [DueWebhook(*row) for row in self._database.execute(query, [now, limit])]

    def next_webhook_due(self) -> float | None:
        """Return when the next notice is to leave."""
        due: float | None = self._database.execute("SELECT min(due) FROM webhooks").fetchone()[0]
        return due

    def webhook_done(self, seq: int) -> None:
        """Drop a notice that was delivered or is given up."""
        self._database.execute("DELETE FROM webhooks WHERE seq = ?", [seq])

    def webhook_again(self, seq: int, due: float) -> None:
        """Try a notice once more later."""
        self._database.execute("UPDATE webhooks SET attempts = attempts + 1, due = ? WHERE seq = ?", [due, seq])


def _values(shipment: Shipment) -> list[Any]:
    found = ((name, getattr(shipment, name)) for name in _COLUMNS)
    return [json.dumps(value) if name in _DOCUMENTS and value is not None else value for name, value in found]


def _shipment(row: sqlite3.Row) -> Shipment:
    found = ((name, row[name]) for name in _COLUMNS)
    return Shipment(**{name: json.loads(value) if name in _DOCUMENTS and value is not None else value for name, value in found})
