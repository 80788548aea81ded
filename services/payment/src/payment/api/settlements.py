"""Settlements of the PSP as CSV files: taken over once, whole or not at all, and what came of them.

Amounts are in minor units, `gross` negative where money went back, and `net` is `gross` less `fee`. Rows are numbered as in the
file, where the header is row 1; a file that cannot be read is refused as a whole, and the refusal names the row.
"""

import csv
import hashlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel

from chassis.auth import Caller, staff
from chassis.commands import Runs
from chassis.domain import Refusal
from payment.handlers import import_settlement
from payment.model import ImportSettlement, SettledRow, SettledType
from payment.store import SettlementView, read_settlement

router = APIRouter(prefix="/api/admin/settlements", tags=["payments"])
Finance = Annotated[Caller, staff("finance")]

MOST_ROWS: Final = 5_000
COLUMNS: Final = ("reference", "type", "gross", "fee", "net", "currency", "settled_at")
EXAMPLE: Final = f"{','.join(COLUMNS)}\npi_1,charge,3000,75,2925,EUR,2026-11-02T06:00:00Z\n"
BODY: Final[dict[str, Any]] = {
    "requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}, "example": EXAMPLE}}}
}
SHAPES: Final[Mapping[str, tuple[str, str]]] = {
    "reference": (r"[A-Za-z0-9_.-]{1,255}", "this is no reference of the PSP"),
    "type": ("|".join(SettledType), f"must be one of {', '.join(SettledType)}"),
    "gross": (r"-?\d{1,15}", "must be an amount in minor units"),
    "fee": (r"\d{1,15}", "must be an amount in minor units, and not negative"),
    "net": (r"-?\d{1,15}", "must be an amount in minor units"),
    "currency": (r"[A-Z]{3}", "must be a currency of three capital letters"),
}


class NotCsvError(Refusal):
    """A settlement is a CSV file."""

    slug = "unsupported-media-type"
    title = "A settlement is sent as text/csv"
    status = 415


class InvalidCsvError(Refusal):
    """The file cannot be read from a row on; nothing of it was taken over."""

    slug = "invalid-csv"
    title = "The file cannot be read"
    status = 422


class SettlementImported(BaseModel):
    """Under which name a settlement was taken over; what came of it is read there."""

    settlement_id: UUID


@router.post("", status_code=201, response_model=SettlementImported, openapi_extra=BODY)
async def create_settlement(run: Runs, _: Finance, request: Request) -> Any:
    """Take over a settlement of at most 5,000 rows; the same file a second time answers the first one."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "text/csv":
        raise NotCsvError("Send the file with Content-Type: text/csv.")
    body = await request.body()
    return await run(import_settlement, ImportSettlement(hashlib.sha256(body).hexdigest(), list(read(body))))


@router.get("/{settlement_id}")
async def read_one(request: Request, _: Annotated[Caller, staff("finance", "auditor")], settlement_id: UUID) -> SettlementView:
    """Read a settlement: its sums, and where it and the books differ."""
    async with request.app.state.database.reading() as session:
        return await read_settlement(session, settlement_id)


def read(body: bytes) -> Iterator[SettledRow]:
    """Read a file row by row; raises InvalidCsvError that names the row where it cannot go on."""
    try:
        reader = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        rows = [(number, [cell.strip() for cell in cells]) for number, cells in enumerate(reader, 1) if cells]
    except (UnicodeDecodeError, csv.Error) as error:
        raise _broken(1, f"this is no CSV file in UTF-8 ({error})") from None
    if not rows or tuple(rows[0][1]) != COLUMNS:
        raise _broken(1, f"the header must be {','.join(COLUMNS)}")
    if not 1 < len(rows) <= MOST_ROWS + 1:
        raise _broken(len(rows), f"there must be 1 to {MOST_ROWS} rows after the header")
    for number, cells in rows[1:]:
        yield _row(number, cells)


def _row(number: int, cells: Sequence[str]) -> SettledRow:
    if len(cells) != len(COLUMNS):
        raise _broken(number, f"{len(cells)} cells where the header has {len(COLUMNS)}")
    named = dict(zip(COLUMNS, cells, strict=True))
    for name, (shape, message) in SHAPES.items():
        if re.fullmatch(shape, named[name], re.ASCII) is None:
            raise _broken(number, message, name)
    try:
        settled_at = datetime.fromisoformat(named["settled_at"])
    except ValueError:
        raise _broken(number, "must be a moment like 2026-11-02T06:00:00Z", "settled_at") from None
    if settled_at.tzinfo is None:
        raise _broken(number, "must say its time zone", "settled_at")
    gross, fee, net = int(named["gross"]), int(named["fee"]), int(named["net"])
    if net != gross - fee:
        raise _broken(number, "must be gross less fee", "net")
    return SettledRow(number, named["reference"], SettledType(named["type"]), gross, fee, net, named["currency"], settled_at)


def _broken(row: int, message: str, column: str | None = None) -> InvalidCsvError:
    where = f"row {row}" if column is None else f"row {row}, {column}"
    return InvalidCsvError(f"{where}: {message}", errors=[{"field": where, "message": message}])
