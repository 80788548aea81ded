"""A stocktake as a CSV file: what was counted where, and a report of each row.

A file that cannot be read is refused as a whole, and the refusal names the row; a row that says what cannot be is refused
alone. Rows are numbered as in the file, where the header is row 1.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import StringConstraints, TypeAdapter, ValidationError

from chassis.commands import Runs
from chassis.domain import Refusal
from chassis.requests import Clean
from inventory.api.forms import REFUSALS, SKU_PATTERN, WAREHOUSE_PATTERN, Keeper, Reads
from inventory.handlers import take_stock
from inventory.model import MOST_UNITS, CountedRow, TakeStock
from inventory.model.views import StocktakeView

router = APIRouter(prefix="/api/admin/stock/stocktakes", tags=["stock"], responses=REFUSALS)

MOST_ROWS: Final = 5_000
FORM_OF_A_NOTE: Final = TypeAdapter(Annotated[str, StringConstraints(max_length=200), Clean])
COLUMNS: Final = ("product_id", "warehouse_id", "counted")
NOTE: Final = "note"
EXAMPLE: Final = "product_id,warehouse_id,counted,note\nMUG-BLUE,berlin,41,shelf 3\n"
BODY: Final[dict[str, Any]] = {
    "requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}, "example": EXAMPLE}}}
}

DryRun = Annotated[bool, Query(description="Only report what would become of each row; changes nothing.")]


class NotCsvError(Refusal):
    """A stocktake is a CSV file."""

    slug = "unsupported-media-type"
    title = "A stocktake is sent as text/csv"
    status = 415


class InvalidCsvError(Refusal):
    """The file cannot be read from a row on; nothing of it was taken over."""

    slug = "invalid-csv"
    title = "The file cannot be read"
    status = 422


@router.post(
    "",
    response_model=StocktakeView,
    responses={415: {"description": "Not text/csv"}, 422: {"description": "The file cannot be read; `errors` names the row"}},
    openapi_extra=BODY,
)
async def create_stocktake(
    run: Runs, reads: Reads, _: Keeper, request: Request, response: Response, *, dry_run: DryRun = False
) -> Any:
    """Set stock to what was counted, at most 5,000 rows at once; answers what became of each."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "text/csv":
        raise NotCsvError("Send the file with Content-Type: text/csv.")
    wish = TakeStock(list(read(await request.body())))
    if dry_run:
        response.headers["Cache-Control"] = "no-store"
        shelves = await reads.shelves({place.sku for place in wish.places})
        return StocktakeView.of(wish.compare(shelves), dry_run=True)
    return await run(take_stock, wish)


def read(body: bytes) -> Iterator[CountedRow]:
    """Read a file row by row; raises InvalidCsvError that names the row where it cannot go on."""
    rows = _rows(body)
    header = next(rows, (1, []))[1]
    if tuple(header) not in {COLUMNS, (*COLUMNS, NOTE)}:
        raise _broken(1, f"the header must be {','.join(COLUMNS)}, and may end with ,{NOTE}")
    count = 0
    for number, cells in rows:
        if not any(cells):
            continue
        count += 1
        if count > MOST_ROWS:
            raise _broken(number, f"there are more than {MOST_ROWS} rows")
        if len(cells) != len(header):
            raise _broken(number, f"{len(cells)} cells where the header has {len(header)}")
        yield _counted(number, cells)
    if not count:
        raise _broken(1, "no row follows the header")


def _rows(body: bytes) -> Iterator[tuple[int, list[str]]]:
    """Split a file into rows, numbered from 1."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _broken(body.count(b"\n", 0, error.start) + 1, "this is not UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    number = 0
    try:
        for number, cells in enumerate(reader, 1):
            yield number, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise _broken(number + 1, str(error)) from None


def _broken(row: int, message: str) -> InvalidCsvError:
    return InvalidCsvError(f"row {row}: {message}", errors=[{"field": f"row {row}", "message": message}])


def _counted(number: int, cells: Sequence[str]) -> CountedRow:
    """Read a row; one that says what cannot be carries its problem."""
    sku, place, counted = cells[: len(COLUMNS)]
    note = cells[len(COLUMNS)] if len(cells) > len(COLUMNS) else ""
    problem = _problem(sku, place, counted, note)
    return CountedRow(number, sku[:64], place[:32], None if problem else int(counted), note or None, problem)


def _problem(sku: str, place: str, counted: str, note: str) -> str | None:
    if not re.fullmatch(SKU_PATTERN, sku):
        return "product_id: this is no SKU"
    if not re.fullmatch(WAREHOUSE_PATTERN, place):
        return "warehouse_id: this is no warehouse's id"
    if not re.fullmatch(r"[0-9]{1,10}", counted) or int(counted) > MOST_UNITS:
        return f"counted: must be a whole number from 0 to {MOST_UNITS}"
    try:
        FORM_OF_A_NOTE.validate_python(note)
    except ValidationError as error:
        return f"note: {error.errors(include_input=False)[0]['msg'].removeprefix('Value error, ')}"
    return None
