"""A stocktake: what was counted, row by row, against what the books say.

A row that cannot be taken over stops no other; the report says of each what became of it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from chassis.domain import Cause, Refusal
from inventory.model.shelves import Shelves
from inventory.model.stock import StockPlace


class Outcome(StrEnum):
    """What became of a row."""

    COUNTED = "counted"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class CountedRow:
    """A row of the list; `row` is its number there, `problem` says why it cannot be read (then `counted` is None)."""

    row: int
    sku: str
    warehouse_id: str
    counted: int | None
    note: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class RowReport:
    """What became of a row; `before` is what the books said."""

    row: CountedRow
    outcome: Outcome
    before: int | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class TakeStock:
    """The wish to set stock to what was counted."""

    rows: Sequence[CountedRow]

    @property
    def places(self) -> Sequence[StockPlace]:
        """Where units are to come in or to leave."""
        return [StockPlace(row.sku, row.warehouse_id) for row in self.rows if row.problem is None]

    @property
    def filled(self) -> Sequence[StockPlace]:
        """Where units may come in."""
        return [StockPlace(row.sku, row.warehouse_id) for row in self.rows if row.counted]

    def compare(self, shelves: Shelves) -> list[RowReport]:
        """Tell what would become of each row, changing nothing."""
        return list(self._reports(shelves))

    def carry_out(self, shelves: Shelves, note: str, cause: Cause) -> list[RowReport]:
        """Set stock to what was counted; `note` is the reason for rows that give none."""
        reports = list(self._reports(shelves))
        for report in reports:
            row, counted = report.row, report.row.counted
            if report.outcome is Outcome.COUNTED and counted is not None:
                shelves.count(row.sku, row.warehouse_id, counted, row.note or note, cause)
        return reports

    def _reports(self, shelves: Shelves) -> Iterable[RowReport]:
        seen: dict[StockPlace, int] = {}
        for row in self.rows:
            if row.counted is None:
                yield RowReport(row, Outcome.REFUSED, problem=row.problem)
                continue
            first = seen.setdefault(StockPlace(row.sku, row.warehouse_id), row.row)
            if first != row.row:
                yield RowReport(row, Outcome.REFUSED, problem=f"row {first} counts the same product in the same warehouse")
            else:
                yield _report(row, row.counted, shelves)


def _report(row: CountedRow, counted: int, shelves: Shelves) -> RowReport:
    try:
        before = shelves.on_hand(row.sku, row.warehouse_id)
    except Refusal as refusal:
        return RowReport(row, Outcome.REFUSED, problem=refusal.detail)
    reserved = shelves.reserved(row.sku, row.warehouse_id)
    if counted < reserved:
        return RowReport(row, Outcome.REFUSED, before, f"{reserved} are reserved for orders")
    return RowReport(row, Outcome.UNCHANGED if counted == before else Outcome.COUNTED, before)
