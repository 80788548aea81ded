"""Stocktakes: the file is read or refused as a whole, each row is taken over or refused alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.database import Database
from chassis.testing import cause, perform, told
from contracts.inventory import StockBack
from inventory.api.stocktakes import MOST_ROWS, InvalidCsvError, read
from inventory.handlers import take_stock
from inventory.model import CountedRow, Reservation, RowReport, TakeStock

from .books import assert_books_agree, offered, opened
from .facts import placed
from .stockroom import counters, shelves

HEADER = "product_id,warehouse_id,counted"


def rows(*lines: str, header: str = HEADER) -> TakeStock:
    return TakeStock(list(read("\r\n".join([header, *lines]).encode())))


def outcomes(reports: list[RowReport]) -> list[tuple[int, str, int | None, str | None]]:
    return [(report.row.row, report.outcome, report.before, report.problem) for report in reports]


class TestTaking:
    def test_sets_stock_to_what_was_counted(self) -> None:
        there = shelves(("tea", "berlin", 5), ("tea", "lyon", 2), ("cup", "berlin", 1))
        wish = rows("tea,berlin,3", "tea,lyon,2", "cup,berlin,4")
        assert outcomes(wish.carry_out(there, "stocktake", cause())) == [
            (2, "counted", 5, None),
            (3, "unchanged", 2, None),
            (4, "counted", 1, None),
        ]
        assert (counters(there, "tea"), counters(there, "cup")) == ({"berlin": (3, 0), "lyon": (2, 0)}, {"berlin": (4, 0)})
        assert [(one.kind, one.on_hand_delta, one.reason) for one in there.movements] == [
            ("counted", -2, "stocktake"),
            ("counted", 3, "stocktake"),
        ]

    def test_a_note_is_the_reason(self) -> None:
        there = shelves(("tea", "berlin", 5))
        rows("tea,berlin,3,two broken", header=f"{HEADER},note").carry_out(there, "stocktake", cause())
        assert [one.reason for one in there.movements] == ["two broken"]

    def test_a_bad_row_stops_no_other(self) -> None:
        there = shelves(("tea", "berlin", 5), ("cup", "berlin", 1), bundles={"set": {"tea": 1}})
        Reservation.place(placed(("tea", 3)), there, cause())
        wish = rows(
            "salt,berlin,1",
            "tea,atlantis,1",
            "tea,berlin,2",
            "set,berlin,1",
            "tea,berlin,-1",
            "tea,berlin,4.0",
            "tea,berlin,",
            "te a,berlin,1",
            "tea,ber/lin,1",
            "cup,berlin,0",
            "cup,berlin,0",
        )
        reports = wish.carry_out(there, "stocktake", cause())
        assert [report.outcome for report in reports] == [*["refused"] * 9, "counted", "refused"]
        problems = [report.problem or "" for report in reports]
        assert problems[0] == "There is no product salt."
        assert problems[1] == "There is no warehouse atlantis."
        assert problems[2] == "3 are reserved for orders"
        assert problems[3] == "set is a bundle."
        assert [problem.partition(":")[0] for problem in problems[4:9]] == [*["counted"] * 3, "product_id", "warehouse_id"]
        assert problems[10] == "row 11 counts the same product in the same warehouse"
        assert (counters(there, "tea"), counters(there, "cup")) == ({"berlin": (5, 3)}, {"berlin": (0, 0)})

    def test_only_comparing_changes_nothing(self) -> None:
        there = shelves(("tea", "berlin", 5))
        assert outcomes(rows("tea,berlin,3", "tea,porto,2").compare(there)) == [
            (2, "counted", 5, None),
            (3, "counted", 0, None),
        ]
        assert (there.movements, counters(there, "tea")) == ([], {"berlin": (5, 0)})

    @given(counted=st.lists(st.tuples(st.sampled_from(["tea", "cup"]), st.integers(0, 9)), max_size=6))
    def test_comparing_tells_what_carrying_out_does(self, counted: list[tuple[str, int]]) -> None:
        there = shelves(("tea", "berlin", 5), ("cup", "berlin", 1))
        Reservation.place(placed(("tea", 3)), there, cause())
        wish = TakeStock(list(read("\n".join([HEADER, "tea,lyon,x", *(f"{sku},berlin,{n}" for sku, n in counted)]).encode())))
        expected = wish.compare(there)
        assert wish.carry_out(there, "stocktake", cause()) == expected
        for sku in ("tea", "cup"):
            (row,) = there.of(sku)
            posted = sum(one.on_hand_delta for one in there.movements if one.sku == sku)
            assert row.on_hand == {"tea": 5, "cup": 1}[sku] + posted


class TestReading:
    @pytest.mark.parametrize(
        ("body", "row"),
        [
            (b"", 1),
            (b"sku,warehouse,count\ntea,berlin,1\n", 1),
            (b"product_id;warehouse_id;counted\ntea;berlin;1\n", 1),
            (HEADER.encode(), 1),
            (f"{HEADER}\n\n\n".encode(), 1),
            (f"{HEADER}\ntea,berlin,1\ntea,berlin\n".encode(), 3),
            (f"{HEADER}\ntea,berlin,1,2\n".encode(), 2),
            (f'{HEADER}\ntea,berlin,1\n"tea,berlin,1\n'.encode(), 3),
            (f'{HEADER}\n"tea"x,berlin,1\n'.encode(), 2),
            (f"{HEADER}\ntea,berlin,1\nte\xe4,berlin,1\n".encode("latin-1"), 3),
            (b"\x00" + HEADER.encode(), 1),
            (HEADER.encode() + b"\ntea,berlin,1" * (MOST_ROWS + 1), MOST_ROWS + 2),
        ],
    )
    def test_refuses_what_cannot_be_read_and_names_the_row(self, body: bytes, row: int) -> None:
        with pytest.raises(InvalidCsvError) as refused:
            list(read(body))
        assert [error["field"] for error in refused.value.facts["errors"]] == [f"row {row}"]

    def test_reads_what_spreadsheets_write(self) -> None:
        body = (
            '\ufeffproduct_id,warehouse_id,counted,note\r\n tea , berlin ,07,"from, say, shelf 3"\r\n,,,\r\n\r\ncup,lyon,1,\r\n'
        )
        first, second = read(body.encode())
        assert (first.row, first.sku, first.warehouse_id, first.counted, first.note) == (
            2,
            "tea",
            "berlin",
            7,
            "from, say, shelf 3",
        )
        assert (second.row, second.sku, second.note) == (5, "cup", None)

    def test_reads_as_many_rows_as_are_allowed(self) -> None:
        assert len(list(read(HEADER.encode() + b"\ntea,berlin,1" * MOST_ROWS))) == MOST_ROWS

    @pytest.mark.parametrize("note", ["x" * 201, "bell \x07", "paid by 4242 4242 4242 4242"])
    def test_refuses_a_bad_note_alone(self, note: str) -> None:
        (row,) = read(f"{HEADER},note\ntea,berlin,1,{note}\n".encode())
        assert row.problem is not None
        assert row.problem.startswith("note: ")
        assert "4242" not in row.problem


@pytest.mark.database
async def test_five_thousand_rows_cost_the_statements_of_one(database: Database) -> None:
    await opened(database, "berlin", "lyon")
    await offered(database, "one")
    async with database.transaction() as transaction:
        await transaction.fetch(
            """INSERT INTO product (sku, name, description, price_amount, currency, active, version, created_at, updated_at)
            SELECT 'many-' || n, 'many', '', 100, 'EUR', true, 1, now(), now() FROM generate_series(1, 2500) AS n"""
        )
    many = [CountedRow(2 * n, f"many-{n}", place, n) for n in range(1, 2501) for place in ("berlin", "lyon")]
    spent = []
    for rows in ([CountedRow(2, "one", "berlin", 1)], many):
        before = database.statements
        await perform(database, take_stock, TakeStock(rows))
        spent.append(database.statements - before)
    assert spent[1] == spent[0] <= 6, "begin, make room, lock, write, tell, commit"
    assert len([event for event in await told(database) if isinstance(event, StockBack)]) == 2501
    await assert_books_agree(database)
