"""Settlements: taken over once, matched with what moved, their fees booked, and what differs is listed."""

from datetime import timedelta
from typing import Any

import httpx2
import pytest

from chassis.domain import new_id
from chassis.testing import MORNING, perform
from contracts.order import RefundReason, RefundRequested, ShipmentDispatched
from contracts.types import Money
from payment import handlers
from payment.api.csv_files import InvalidCsvError
from payment.api.settlements import read
from payment.model import Difference, DifferenceKind, ImportSettlement, Moved, SettledRow, SettledType, differences
from payment.store import audit

from .test_api import Desk, desk

__all__ = ["desk"]
HEADER = "reference,type,gross,fee,net,currency,settled_at"
LATER = MORNING + timedelta(days=9)


def row(reference: str, gross: int, fee: int = 0, kind: str = "charge", currency: str = "EUR") -> str:
    return f"{reference},{kind},{gross},{fee},{gross - fee},{currency},{LATER.isoformat()}"


def file(*rows: str) -> bytes:
    return "\n".join([HEADER, *rows]).encode()


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (b"", "row 1: the header"),
        (HEADER.encode(), "row 1: there must be 1 to 5000 rows"),
        (file(*(row("pi_1", 1) for _ in range(5001))), "there must be 1 to 5000 rows"),
        (b"\xff\xfe", "no CSV file in UTF-8"),
        (file("pi_1,charge"), "row 2: 2 cells"),
        (file(row("pi 1", 1)), "row 2, reference"),
        (file(row("pi_1", 1), row("pi_1", 1, kind="gift")), "row 3, type"),
        (file(row("pi_1", 1, fee=-1)), "row 2, fee"),
        (file(row("pi_1", 1, currency="euro")), "row 2, currency"),
        (file("pi_1,charge,1,0,2,EUR,2026-11-02T06:00:00Z"), "row 2, net: must be gross less fee"),
        (file("pi_1,charge,1,0,1,EUR,yesterday"), "row 2, settled_at"),
        (file("pi_1,charge,1,0,1,EUR,2026-11-02T06:00:00"), "row 2, settled_at: must say its time zone"),
        (file("pi_1,charge,1,0,1,EUR,0001-01-02T00:00:00Z"), "row 2, settled_at: must be of a year from 2000 to 8999"),
        (file("pi_1,charge,1,0,1,EUR,9999-12-31T23:59:59-01:00"), "row 2, settled_at: must be of a year"),
        (file("pi_1,charge,1.5,0,1,EUR,2026-11-02T06:00:00Z"), "row 2, gross"),
    ],
)
def test_a_file_that_cannot_be_read_names_the_row(body: bytes, names: str) -> None:
    with pytest.raises(InvalidCsvError, match=names):
        list(read(body))


CHARGE = SettledType.CHARGE


@pytest.mark.parametrize(
    ("said", "moved", "old", "settled", "kinds"),
    [
        ([3000], 3000, 3000, 0, []),
        ([1000, 2000], 3000, 3000, 0, []),
        ([1000], 3000, 1000, 0, []),
        ([2000], 3000, 3000, 1000, []),
        ([1000], 3000, 3000, 0, ["other_amount"]),
        ([3001], 3000, 0, 0, ["other_amount"]),
        ([1000], 3000, 3000, 3000, ["other_amount"]),
        ([-1000], 3000, 0, 0, ["other_amount"]),
        ([], 3000, 3000, 0, ["missing_there"]),
        ([], 3000, 0, 0, []),
        ([], 3000, 3000, 3000, []),
    ],
)
def test_what_is_settled_is_what_moved(said: list[int], moved: int, old: int, settled: int, kinds: list[str]) -> None:
    rows = [SettledRow(number, "pi_1", CHARGE, gross, 0, gross, "EUR", LATER) for number, gross in enumerate(said, 2)]
    here = Moved(new_id(), new_id(), "pi_1", CHARGE, "EUR", moved, old, settled)
    assert [one.kind for one in differences(ImportSettlement("d", rows), [here])] == kinds


def test_a_payment_that_is_not_ours_is_missing_here() -> None:
    rows = [SettledRow(2, "pi_2", CHARGE, 10, 0, 10, "EUR", LATER)]
    said = Money(amount=10, currency="EUR")
    found = differences(ImportSettlement("d", rows), [])
    assert found == [Difference(kind=DifferenceKind.MISSING_HERE, line=2, reference="pi_2", type=CHARGE, there=said)]


async def _send(desk: Desk, body: bytes, role: str = "finance", kind: str = "text/csv", **headers: str) -> httpx2.Response:
    headers = {**desk.issuer.headers("sam", role), "Content-Type": kind, **headers}
    return await desk.client.post("/api/admin/settlements", content=body, headers=headers)


async def _captured(desk: Desk) -> tuple[str, Any]:
    """Have an order paid; answers the PSP's reference of it and the order."""
    order_id = await desk.paid()
    total = Money(amount=3000, currency="EUR")
    parcel = ShipmentDispatched(
        order_id=order_id, user_id="alice", shipment_id=new_id(), warehouse_id="north", lines=[], amount=total
    )
    await perform(desk.app.state.database, handlers.capture_payment, parcel)
    await desk.works()
    return str((await desk.main(order_id))["psp_reference"]), order_id


@pytest.mark.database
async def test_a_settlement_is_matched_and_its_fees_are_booked(desk: Desk) -> None:
    (right, order_id), (wrong, _), (forgotten, _) = [await _captured(desk) for _ in range(3)]
    amount = Money(amount=1000, currency="EUR")
    refund = RefundRequested(order_id=order_id, user_id="alice", refund_id=new_id(), amount=amount, reason=RefundReason.RETURN)
    await perform(desk.app.state.database, handlers.request_refund, refund)
    await desk.works()
    body = file(row(right, 3000, 75), row(right, -1000, kind="refund"), row(wrong, 2900, 70), row("pi_alien", 100, 5))
    made = await _send(desk, body)
    assert made.status_code == 201
    where = made.headers["Location"]
    shown = (await desk.get(where)).json()
    assert shown["sums"] == [{"currency": "EUR", "rows": 4, "matched": 3, "gross": 5000, "fee": 150, "net": 4850}]
    assert {(one["kind"], one["reference"], one["line"]) for one in shown["differences"]} >= {
        ("other_amount", wrong, 4),
        ("missing_here", "pi_alien", 5),
        ("missing_there", forgotten, None),
    }
    assert right not in {one["reference"] for one in shown["differences"]}
    entries = (await desk.get(f"/api/admin/payments/{order_id}")).json()["ledger"]
    [fee] = [one for one in entries if one["entry"] == "fee"]
    assert (fee["debit"], fee["credit"], fee["amount"]["amount"]) == ("fees", "psp_receivable", 75)
    async with desk.app.state.database.reading() as session:
        books = await audit(session)
    assert books.violations == []
    again = await _send(desk, body)
    assert (again.status_code, again.headers["Location"]) == (200, where)
    after = (await desk.get(f"/api/admin/payments/{order_id}")).json()["ledger"]
    assert len(after) == len(entries), "a file is taken over once"


@pytest.mark.database
async def test_of_what_a_file_does_not_name_only_what_it_should_have_named_is_read(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    (settled, _), (forgotten, _), (other, _) = [await _captured(desk) for _ in range(3)]
    assert (await _send(desk, file(row(settled, 3000)))).status_code == 201
    read: list[Moved] = []

    def compares(command: ImportSettlement, moved: list[Moved]) -> list[Difference]:
        read.extend(moved)
        return differences(command, moved)

    monkeypatch.setattr("payment.store.settlements.differences", compares)
    assert (await _send(desk, file(row(other, 3000)))).status_code == 201
    assert {one.reference for one in read} >= {forgotten, other}
    assert settled not in {one.reference for one in read}, "it is right, and there may be a week of such payments"
    assert [one.type for one in read if one.reference == forgotten] == [CHARGE]


@pytest.mark.database
async def test_the_same_request_is_answered_the_same(desk: Desk) -> None:
    reference, _ = await _captured(desk)
    body = file(row(reference, 3000, 1))
    first, second = [await _send(desk, body, **{"Idempotency-Key": "settle-1"}) for _ in range(2)]
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert second.headers["Idempotency-Replayed"] == "true"


@pytest.mark.database
async def test_a_bad_file_is_refused_whole(desk: Desk) -> None:
    reference, _ = await _captured(desk)
    body = file(row(reference, 3000), row("pi_1", 1, currency="euro"))
    refused = await _send(desk, body)
    assert refused.status_code == 422
    assert refused.json()["errors"] == [{"field": "row 3, currency", "message": "must be a currency of three capital letters"}]
    assert (await _send(desk, file(row(reference, 3000)), kind="application/json")).status_code == 415
    async with desk.app.state.database.transaction() as transaction:
        rows = await transaction.fetch("SELECT 1 FROM settlement_row WHERE reference = $1", reference)
    assert rows == []


@pytest.mark.database
@pytest.mark.parametrize("role", ["support", "warehouse", "customer"])
async def test_others_may_not(desk: Desk, role: str) -> None:
    assert (await _send(desk, file(row("pi_1", 1)), role)).status_code == 403


@pytest.mark.database
async def test_a_settlement_that_is_none_is_not_found(desk: Desk) -> None:
    assert (await desk.get(f"/api/admin/settlements/{new_id()}")).status_code == 404
