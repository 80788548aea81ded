"""Files of rows that others make, as CSV: read whole or refused whole, and the refusal names the row.

Rows are numbered as in the file, where the header is row 1.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from fastapi import Request

from chassis.domain import Refusal
from payment.api.moments import EARLIEST, LATEST

Shapes = Mapping[str, tuple[str, str]]
"""For each column a pattern of its cells, and what to say where one does not fit."""


class NotCsvError(Refusal):
    """The file is to be CSV."""

    slug = "unsupported-media-type"
    title = "The file is sent as text/csv"
    status = 415


class InvalidCsvError(Refusal):
    """The file cannot be read from a row on; nothing of it was taken over."""

    slug = "invalid-csv"
    title = "The file cannot be read"
    status = 422


async def csv_of(request: Request) -> bytes:
    """Read the body of a request; raises NotCsvError."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "text/csv":
        raise NotCsvError("Send the file with Content-Type: text/csv.")
    return await request.body()


def rows_of(body: bytes, columns: Sequence[str], shapes: Shapes, most: int) -> Iterator[tuple[int, dict[str, str]]]:
    """Read a file row by row; raises InvalidCsvError that names the row where it cannot go on."""
    try:
        reader = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        rows = [(number, [cell.strip() for cell in cells]) for number, cells in enumerate(reader, 1) if cells]
    except (UnicodeDecodeError, csv.Error) as error:
        raise broken(1, f"this is no CSV file in UTF-8 ({error})") from None
    if not rows or tuple(rows[0][1]) != tuple(columns):
        raise broken(1, f"the header must be {','.join(columns)}")
    if not 1 < len(rows) <= most + 1:
        raise broken(len(rows), f"there must be 1 to {most} rows after the header")
    for number, cells in rows[1:]:
        if len(cells) != len(columns):
            raise broken(number, f"{len(cells)} cells where the header has {len(columns)}")
        named = dict(zip(columns, cells, strict=True))
        for name, (shape, message) in shapes.items():
            if re.fullmatch(shape, named[name], re.ASCII) is None:
                raise broken(number, message, name)
        yield number, named


def moment(number: int, column: str, cell: str) -> datetime:
    """Read a moment, in UTC; raises InvalidCsvError."""
    try:
        found = datetime.fromisoformat(cell)
    except ValueError:
        raise broken(number, "must be a moment like 2026-11-02T06:00:00Z", column) from None
    if found.tzinfo is None:
        raise broken(number, "must say its time zone", column)
    if not EARLIEST <= found < LATEST:
        raise broken(number, f"must be of a year from {EARLIEST.year} to {LATEST.year - 1}", column)
    return found.astimezone(UTC)


def broken(row: int, message: str, column: str | None = None) -> InvalidCsvError:
    """Refuse a file for one of its rows."""
    where = f"row {row}" if column is None else f"row {row}, {column}"
    return InvalidCsvError(f"{where}: {message}", errors=[{"field": where, "message": message}])
