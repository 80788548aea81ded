"""Rows as columns: set-based statements take one array per column, whatever the number of rows."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

from sqlmodel import SQLModel

from chassis.database import Transaction


async def earliest(transaction: Transaction, query: str, *values: Any) -> datetime | None:
    """Tell when the next row is due, by a query that names it `due_at`."""
    due: datetime | None = (await transaction.fetch(query, *values))[0]["due_at"]
    return due


class Columns:
    """The columns of a table in a fixed order, with their SQL types, and statements made of them."""

    def __init__(self, table: str, key: Sequence[str], types: Mapping[str, str]) -> None:
        self.names = tuple(types)
        self.listed = ", ".join(self.names)
        self._table = table
        self._key = key
        self._types = tuple(types.values())
        self._pick = itemgetter(*self.names)
        self.insert = f"INSERT INTO {table} ({self.listed}) SELECT * FROM unnest({self.parameters()})"
        self.update = self.update_from(1)

    def parameters(self, first: int = 1) -> str:
        """Write the parameters that take one array per column, numbered from `first`."""
        return ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(self._types, first))

    def update_from(self, first: int) -> str:
        """Write the statement that changes rows, its parameters numbered from `first`."""
        same = " AND ".join(f"t.{name} = n.{name}" for name in self._key)
        changes = ", ".join(f"{name} = n.{name}" for name in self.names if name not in self._key)
        arrays = self.parameters(first)
        return f"UPDATE {self._table} AS t SET {changes} FROM unnest({arrays}) AS n({self.listed}) WHERE {same}"

    def snapshot(self, row: SQLModel) -> tuple[Any, ...]:
        """Take a row's values, to see later whether they changed."""
        values: tuple[Any, ...] = self._pick(row.__dict__)
        return values

    def arrays(self, rows: Iterable[SQLModel]) -> list[list[Any]]:
        """Turn rows into one array per column."""
        columns = [list(column) for column in zip(*(self.snapshot(row) for row in rows), strict=True)]
        return columns or [[] for _ in self.names]
