"""Books in a SQLite file: what is committed survives the kill of the simulator that keeps them."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path


class Books:
    """Opens and changes a ledger. Calls are synchronous and short: one process, one thread, no lock to wait for."""

    def __init__(self, path: Path, schema: str) -> None:
        self._path = path
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.row_factory = sqlite3.Row
        self._database.execute("PRAGMA journal_mode = WAL")
        # A kill of the process loses nothing in WAL mode; only a power cut could, and then the whole of Waybill starts anew.
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.executescript(schema)

    def add_column(self, table: str, column: str, kind: str) -> None:
        """Give books of an earlier version a column that they lack."""
        known = {row["name"] for row in self._database.execute(f"PRAGMA table_info({table})")}
        if column not in known:
            self._database.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit everything done inside, or nothing."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def snapshot(self) -> sqlite3.Connection:
        """Open a second, read-only view of the books that stands still, for reports in another thread."""
        view = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)
        view.row_factory = sqlite3.Row
        view.execute("BEGIN")
        return view
