"""Settlements of the PSP as CSV files: taken over once, whole or not at all, and what came of them.

Amounts are in minor units, `gross` negative where money went back, and `net` is `gross` less `fee`.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel

from chassis.auth import Caller, staff
from chassis.commands import Runs
from payment.api.csv_files import broken, csv_of, moment, rows_of
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


class SettlementImported(BaseModel):
    """Under which name a settlement was taken over; what came of it is read there."""

    settlement_id: UUID


@router.post("", status_code=201, response_model=SettlementImported, openapi_extra=BODY)
async def create_settlement(run: Runs, _: Finance, request: Request) -> Any:
    """Take over a settlement of at most 5,000 rows; the same file a second time answers the first one."""
    body = await csv_of(request)
    return await run(import_settlement, ImportSettlement(hashlib.sha256(body).hexdigest(), list(read(body))))


@router.get("/{settlement_id}")
async def read_one(request: Request, _: Annotated[Caller, staff("finance", "auditor")], settlement_id: UUID) -> SettlementView:
    """Read a settlement: its sums, and where it and the books differ."""
    async with request.app.state.database.reading() as session:
        return await read_settlement(session, settlement_id)


def read(body: bytes) -> Iterator[SettledRow]:
    """Read a file row by row; raises InvalidCsvError that names the row where it cannot go on."""
    for number, named in rows_of(body, COLUMNS, SHAPES, MOST_ROWS):
        settled_at = moment(number, "settled_at", named["settled_at"])
        gross, fee, net = int(named["gross"]), int(named["fee"]), int(named["net"])
        if net != gross - fee:
            raise broken(number, "must be gross less fee", "net")
        kind, currency = SettledType(named["type"]), named["currency"]
        yield SettledRow(number, named["reference"], kind, gross, fee, net, currency, settled_at)
