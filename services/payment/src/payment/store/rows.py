"""Rows as columns: set-based statements take one array per column, whatever the number of rows."""

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlmodel import SQLModel


class Columns:
    """The columns of a table in a fixed order, with their SQL types, and statements made of them."""

    def __init__(self, table: str, key: Sequence[str], types: Mapping[str, str]) -> None:
        self.names = tuple(types)
        self._pick = itemgetter(*self.names)
        names = ", ".join(self.names)
        arrays = ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(types.values(), 1))
        same = " AND ".join(f"t.{name} = n.{name}" for name in key)
        changes = ", ".join(f"{name} = n.{name}" for name in self.names if name not in key)
        self.insert = f"INSERT INTO {table} ({names}) SELECT * FROM unnest({arrays})"
        self.update = f"UPDATE {table} AS t SET {changes} FROM unnest({arrays}) AS n({names}) WHERE {same}"

    def snapshot(self, row: SQLModel) -> tuple[Any, ...]:
        """Take a row's values, to see later whether they changed."""
        values: tuple[Any, ...] = self._pick(row.__dict__)
        return values

    def arrays(self, rows: Iterable[SQLModel]) -> list[list[Any]]:
        """Turn rows into one array per column."""
        columns = zip(*(self.snapshot(row) for row in rows), strict=True)
        return [list(column) for column in columns]
