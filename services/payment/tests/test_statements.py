"""Bank statements over HTTP: rows are matched by what they name, differences are listed, and nothing is taken over twice."""

from typing import Any

import pytest

from chassis.batch import BusyError
from chassis.domain import new_id

from .test_api import Desk, desk
from .test_transfers_api import post, waits

__all__ = ["desk"]
pytestmark = pytest.mark.database
HEADER = "booked_at,amount,currency,remittance,bank_reference\n"
WHERE = "/api/admin/transfers/statements"
AT = "2026-03-02T06:00:00Z"


def row(amount: int, remittance: str, bank_reference: str | None = None, currency: str = "EUR") -> str:
    return f'{AT},{amount},{currency},"{remittance}",{bank_reference or new_id()}\n'


async def send(desk: Desk, *rows: str, role: str = "finance", **headers: str) -> Any:
    wish = {**desk.issuer.headers("sam", role), "Content-Type": "text/csv", **headers}
    return await desk.client.post(WHERE, content=HEADER + "".join(rows), headers=wish)


async def account(desk: Desk, reference: str) -> dict[str, Any]:
    listed = (await desk.get("/api/admin/transfers")).json()["items"]
    found: dict[str, Any] = next(one for one in listed if one["reference"] == reference)
    return found


async def test_rows_are_matched_by_what_they_name_and_differences_listed(desk: Desk) -> None:
    paid, less, more, dear = [await waits(desk) for _ in range(4)]
    answer = await send(
        desk,
        row(3000, f"my order {paid.lower()}, thanks"),
        row(1000, less),
        row(3200, f"INV/{more}"),
        row(500, "rent"),
        row(3000, "WB-00000000"),
        row(3000, dear, currency="USD"),
        row(-1, paid),
    )
    assert answer.status_code == 201, answer.text
    statement = answer.json()
    assert (statement["rows"], statement["recorded"], statement["known"]) == (7, 3, 0)
    assert [(one["line"], one["kind"], (one["open"] or {}).get("amount")) for one in statement["differences"]] == [
        (3, "underpaid", 2000),
        (4, "to_pay_back", 200),
        (5, "unknown_reference", None),
        (6, "unknown_reference", None),
        (7, "other_currency", None),
        (8, "nothing_to_pay_back", None),
    ]
    assert [(await account(desk, one))["state"] for one in (paid, less, more, dear)] == ["paid", "waiting", "paid", "waiting"]
    assert (await desk.get(f"{WHERE}/{statement['statement_id']}", "auditor")).json() == statement


async def test_nothing_is_taken_over_twice(desk: Desk) -> None:
    reference, other, name = await waits(desk), await waits(desk), str(new_id())
    mine = row(3000, reference, name)
    first, again = await send(desk, mine), await send(desk, mine)
    assert (first.status_code, again.status_code, again.json()) == (201, 200, first.json())
    longer = (await send(desk, mine, row(3000, other))).json()
    assert (longer["recorded"], longer["known"], longer["differences"]) == (1, 1, [])
    changed = (await send(desk, row(2999, reference, name))).json()
    assert [one["kind"] for one in changed["differences"]] == ["known_otherwise"]
    by_hand = await post(desk, reference=reference, bank_reference=name, received_at=AT)
    assert by_hand.status_code == 200
    assert (await account(desk, reference))["received"]["amount"] == 3000


async def test_rows_for_one_order_add_up(desk: Desk) -> None:
    reference = await waits(desk)
    statement = (await send(desk, row(1000, reference), row(2000, reference))).json()
    assert [(one["line"], one["kind"]) for one in statement["differences"]] == [(2, "underpaid")]
    assert (await account(desk, reference))["state"] == "paid"


async def test_a_row_that_there_was_no_time_for_is_no_difference(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = await waits(desk)
    file = row(3000, reference)

    async def busy(*_: object) -> None:
        raise BusyError("more requests are waiting than can be answered soon", retry_after=1)

    with monkeypatch.context() as patched:
        patched.setattr(desk.app.state.commands, "run", busy)
        refused = await send(desk, file)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
    again = await send(desk, file)
    assert (again.status_code, again.json()["recorded"], again.json()["differences"]) == (201, 1, [])


@pytest.mark.parametrize(
    ("bad", "where"),
    [
        ("x,3000,EUR,WB-3F7K9Q2M,b1\n", "row 3, booked_at"),
        ("2026-03-02T06:00:00,3000,EUR,WB-3F7K9Q2M,b1\n", "row 3, booked_at"),
        ("9999-12-31T23:59:59-01:00,3000,EUR,WB-3F7K9Q2M,b1\n", "row 3, booked_at"),
        (f"{AT},30.00,EUR,WB-3F7K9Q2M,b1\n", "row 3, amount"),
        (f"{AT},0,EUR,WB-3F7K9Q2M,b1\n", "row 3, amount"),
        (f"{AT},3000,euro,WB-3F7K9Q2M,b1\n", "row 3, currency"),
        (f"{AT},3000,EUR,WB-3F7K9Q2M,\n", "row 3, bank_reference"),
        (f"{AT},3000,EUR\n", "row 3"),
    ],
)
async def test_a_bad_row_is_named_and_nothing_is_taken_over(desk: Desk, bad: str, where: str) -> None:
    reference = await waits(desk)
    answer = await send(desk, row(3000, reference), bad)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, where)
    assert (await account(desk, reference))["received"]["amount"] == 0


async def test_only_finance_sends_csv(desk: Desk) -> None:
    for role in ("support", "auditor", "customer"):
        assert (await send(desk, row(1, "x"), role=role)).status_code == 403
    assert (await send(desk, row(1, "x"), **{"Content-Type": "application/json"})).status_code == 415
    assert (await desk.get(f"{WHERE}/{new_id()}")).status_code == 404
