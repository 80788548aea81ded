"""Statements of our bank account as CSV files: each row that names what an order waits for is heard as a transfer, once.

`remittance` is what the customer wrote: our reference is found in it, wherever it stands. A statement may repeat rows of one
before; a transfer that is known changes nothing, whether it came in a file or was told of by hand. A file whose taking over was
cut off is sent again, and goes on where it was.
"""

import asyncio
import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic_core import from_json

from chassis.auth import Caller, staff
from chassis.domain import Cause, NotFoundError, Refusal
from chassis.problems import InvalidRequestError
from contracts.types import Money
from payment.api.csv_files import broken, csv_of, moment, rows_of
from payment.handlers import keep_statement, receive_transfer
from payment.model.statement import KeepStatement, StatedRow, StatementDifference, StatementKind
from payment.model.transfer import KNOWN_BEFORE, NOTHING_BACK, ReceiveTransfer
from payment.store import StatementView, read_statement, transfers_known, waited_for

router = APIRouter(prefix="/api/admin/transfers/statements", tags=["payments"])

MOST_ROWS: Final = 5_000
AT_ONCE: Final = 100
COLUMNS: Final = ("booked_at", "amount", "currency", "remittance", "bank_reference")
EXAMPLE: Final = f"{','.join(COLUMNS)}\n2026-11-02T06:00:00Z,3000,EUR,Order WB-3F7K9Q2M,2026110200017\n"
BODY: Final[dict[str, Any]] = {
    "requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}, "example": EXAMPLE}}}
}
SHAPES: Final[Mapping[str, tuple[str, str]]] = {
    "amount": (r"-?\d{1,12}", "must be an amount in minor units"),
    "currency": (r"[A-Z]{3}", "must be a currency of three capital letters"),
    "bank_reference": (r"[!-~ ]{1,100}", "must be what the bank calls it, in at most 100 characters"),
}
REFERENCE: Final = re.compile(r"(?<![0-9A-Z])WB-[0-9A-Z]{8}(?![0-9A-Z])")
REFUSALS: Final[Mapping[str, StatementKind]] = {
    KNOWN_BEFORE: StatementKind.KNOWN_OTHERWISE,
    NOTHING_BACK: StatementKind.NOTHING_TO_PAY_BACK,
    InvalidRequestError.slug: StatementKind.OTHER_CURRENCY,
}


@router.post("", status_code=201, openapi_extra=BODY)
async def create_statement(request: Request, who: Annotated[Caller, staff("finance")], response: Response) -> StatementView:
    """Take over a statement of at most 5,000 rows; the same file a second time answers what came of the first."""
    body = await csv_of(request)
    rows, digest = list(read(body)), hashlib.sha256(body).hexdigest()
    database, commands = request.app.state.database, request.app.state.commands
    async with database.reading() as session:
        try:
            found = await read_statement(session, digest=digest)
        except NotFoundError:
            known = await transfers_known(session, {row.bank_reference for row in rows})
            orders = await waited_for(session, {row.reference for row in rows if row.reference is not None})
        else:
            response.status_code = 200
            return found
    cause = Cause(who.actor, database.clock())
    differing: list[StatementDifference] = []
    news, before = 0, 0
    for batch in (rows[first : first + AT_ONCE] for first in range(0, len(rows), AT_ONCE)):
        told = await asyncio.gather(*(_hear(commands, row, orders, cause) for row in batch))
        for row, (difference, accepted) in zip(batch, told, strict=True):
            differing += [] if difference is None else [difference]
            before += accepted and row.bank_reference in known
            news += accepted and row.bank_reference not in known
            known |= {row.bank_reference} if accepted else set()
    reply = await commands.run(keep_statement, KeepStatement(digest, len(rows), news, before, differing), cause, None)
    async with database.reading() as session:
        return await read_statement(session, UUID(from_json(reply.body)["statement_id"]))


@router.get("/{statement_id}")
async def get_statement(
    request: Request, _: Annotated[Caller, staff("finance", "auditor")], statement_id: UUID
) -> StatementView:
    """Read what came of a statement, and where it differs from what orders wait for."""
    async with request.app.state.database.reading() as session:
        return await read_statement(session, statement_id)


def read(body: bytes) -> Iterator[StatedRow]:
    """Read a statement row by row; raises InvalidCsvError that names the row where it cannot go on."""
    for number, named in rows_of(body, COLUMNS, SHAPES, MOST_ROWS):
        amount, found = int(named["amount"]), REFERENCE.search(named["remittance"].upper())
        if not amount:
            raise broken(number, "must be some money", "amount")
        booked_at = moment(number, "booked_at", named["booked_at"])
        reference = None if found is None else found[0]
        yield StatedRow(number, named["bank_reference"], reference, amount, named["currency"], booked_at)


async def _hear(
    commands: Any, row: StatedRow, orders: Mapping[str, UUID], cause: Cause
) -> tuple[StatementDifference | None, bool]:
    """Hear a row as a transfer; answers how it differs from what is waited for, and whether it was accepted."""
    order_id = None if row.reference is None else orders.get(row.reference)
    if row.reference is None or order_id is None:
        return _difference(StatementKind.UNKNOWN_REFERENCE, row), False
    transfer = ReceiveTransfer(order_id, row.reference, row.amount, row.currency, row.booked_at, row.bank_reference)
    try:
        reply = await commands.run(receive_transfer, transfer, cause, None)
    except Refusal as refusal:
        if refusal.slug not in REFUSALS:
            raise
        return _difference(REFUSALS[refusal.slug], row, order_id), False
    account = from_json(reply.body)
    missing, surplus = account["amount"]["amount"] - account["received"]["amount"], account["to_pay_back"]["amount"]
    if surplus:
        return _difference(StatementKind.TO_PAY_BACK, row, order_id, surplus), True
    if account["state"] == "waiting" and missing > 0:
        return _difference(StatementKind.UNDERPAID, row, order_id, missing), True
    return None, True


def _difference(
    kind: StatementKind, row: StatedRow, order_id: UUID | None = None, left: int | None = None
) -> StatementDifference:
    return StatementDifference(
        kind=kind,
        line=row.line,
        bank_reference=row.bank_reference,
        reference=row.reference,
        amount=Money(amount=row.amount, currency=row.currency),
        open=None if left is None else Money(amount=left, currency=row.currency),
        order_id=order_id,
    )
