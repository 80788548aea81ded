"""The goals of performance, each with what was measured of it.

A goal is what the project wants, a must is what it would not ship without, a limit is what was worked out to be the most that
the design can give on two cores. What was not measured says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

ABSENT: Final = "not measured"
FEW: Final = 10.0
"""Below that, a figure is told with two decimals."""

Results = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Value:
    """A measured value, its goal and its must; `more` where more is better."""

    measured: float | None
    must: float
    goal: float
    more: bool = False

    @property
    def reached(self) -> str:
        """Tell which of both is reached."""
        if self.measured is None:
            return ABSENT
        if self._as_good_as(self.goal):
            return "goal"
        return "must" if self._as_good_as(self.must) else "neither"

    def _as_good_as(self, wanted: float) -> bool:
        found = self.measured or 0.0
        return found >= wanted if self.more else found <= wanted


@dataclass(frozen=True, slots=True)
class Goal:
    """A row of the table of goals: what is measured, in which unit, the limit with its reason, the command that measures it."""

    figure: str
    values: Sequence[Value]
    unit: str
    limit: str
    command: str

    def row(self) -> str:
        """Render it."""
        worst = max((value.reached for value in self.values), key=("goal", "must", "neither", ABSENT).index)
        reached = {"goal": "**goal**", ABSENT: ABSENT}.get(worst, worst)
        known = any(value.measured is not None for value in self.values)
        whole_row = all(value.measured is not None for value in self.values)
        each, last = ("", self.unit) if whole_row else (self.unit, "")
        measured = " / ".join(ABSENT if value.measured is None else f"{number(value.measured)}{each}" for value in self.values)
        cells = [
            self.figure,
            self._told([value.must for value in self.values]),
            self._told([value.goal for value in self.values]),
            f"{measured}{last}" if known else ABSENT,
            reached if known else "",
            self.limit,
        ]
        return f"| {' | '.join(cells)} |"

    def _told(self, values: Sequence[float]) -> str:
        return " / ".join(whole(value) for value in values) + self.unit


def goals(results: Results) -> list[Goal]:
    """List the goals with what was measured of each."""
    at = Reader(results)
    most = at.run("max", "orders_per_second")
    hot = at.run("hot", "orders_per_second")
    history = at.growth("cpu_ms_per_order")
    largest = at.largest_history()
    whole_ones = largest.get("whole", 10**7)
    past = f" ({whole_ones:,} of them whole)" if whole_ones < 10**7 else ""
    run = "./waybill bench --repeat 5 --record"
    return [
        Goal(
            "orders per second, end to end",
            [Value(most, 600, 1500, more=True)],
            "",
            "5,000 (0.4 CPU-ms an order, the floor of CPython with a slim gateway)",
            f"{run} --scenario max",
        ),
        Goal(
            "CPU per order at the maximum",
            [Value(at.run("max", "cpu_ms_per_order"), 3.0, 1.2)],
            " ms",
            "0.4 ms",
            f"{run} --scenario max",
        ),
        Goal(
            "CPU per order at 50 orders a second",
            [Value(at.run("low", "cpu_ms_per_order"), 20, 10)],
            " ms",
            "8 ms (each order alone in its batches: round trips, publishes, fetches, commits)",
            f"{run} --scenario low",
        ),
        Goal(
            "placed → confirmed at 50 a second, p50 / p99",
            [Value(at.run("low", "confirmed.p50"), 50, 8), Value(at.run("low", "confirmed.p99"), 250, 20)],
            " ms",
            "6.5 / 18 ms (a prototype without gateway and idempotency)",
            f"{run} --scenario low",
        ),
        Goal(
            "placed → confirmed at 70 % of the maximum, p99",
            [Value(at.run("busy", "confirmed.p99"), 800, 200)],
            " ms",
            "200 ms (five hops, each half a rest of 50 ms and a batch of 15 ms)",
            f"{run} --scenario max --scenario busy",
        ),
        Goal(
            "accepting at 300 a second, p50 / p99",
            [Value(at.run("accept", "accept.p50"), 15, 5), Value(at.run("accept", "accept.p99"), 100, 25)],
            " ms",
            "10 / 29 ms (as at 50 a second, where nobody waits for others)",
            f"{run} --scenario accept",
        ),
        Goal(
            "WAL syncs per order at the maximum",
            [Value(at.run("max", "wal_syncs_per_order"), 2, 0.3)],
            "",
            "0.05 (five commits shared by a hundred orders)",
            f"{run} --scenario max",
        ),
        Goal(
            "a backlog of 100,000 worked off per second, without what comes meanwhile; accepting meanwhile, p99 ms",
            [
                Value(at.run("drain", "orders_per_second"), 600, 1500, more=True),
                Value(at.run("drain", "accept.p99"), 250, 100),
            ],
            "",
            "2,250 a second (a prototype without gateway)",
            "./waybill bench --record --scenario drain",
        ),
        Goal(
            "rate with one hot product, against the usual",
            [Value(hot / most if hot and most else None, 0.3, 0.8, more=True)],
            "x",
            "1x (the row is taken once for a batch)",
            f"{run} --scenario max --scenario hot",
        ),
        Goal(
            f"from 10^4 to 10^7 past orders{past}: cost of placing",
            [Value(history, 2, 1.2)],
            "x",
            "1x and the depth of an index",
            "./waybill bench --record --history N --scenario max --scenario read --data-dir DIR",
        ),
        Goal(
            f"own list p99, any admin page p99, with 10^7 past orders{past}",
            [Value(largest.get("own_list_p99_ms"), 50, 10), Value(largest.get("admin_page_p99_ms"), 100, 15)],
            " ms",
            "one index and a page of rows that lie in memory",
            "./waybill bench --record --history N --scenario max --scenario read --data-dir DIR",
        ),
        Goal(
            "CPU per order with 4 replicas for 1; with 12 partitions for 1",
            [Value(at.scaled("replicas", 4), 1.4, 1.1), Value(at.scaled("partitions", 12), 1.4, 1.1)],
            "x",
            "1x, as long as batches stay large",
            "./waybill bench --repeat 5 --record --scenario max --replicas R --partitions P",
        ),
        Goal(
            "start of the whole system; of one service",
            [Value(at.start("system_seconds"), 60, 15), Value(at.start("service_seconds"), 5, 2)],
            " s",
            "the broker's own start; the imports of a service",
            "./waybill bench --start --repeat 5 --record",
        ),
        Goal(
            "memory of one service after its load",
            [Value(at.start("service_mb"), 200, 100)],
            " MB",
            "100 MB (interpreter and libraries, before the first order)",
            f"{run} --scenario max",
        ),
    ]


class Reader:
    """Looks figures up in results; None where they were not measured."""

    def __init__(self, results: Results) -> None:
        self._results = results

    def run(self, scenario: str, path: str) -> float | None:
        """Return a figure of a scenario."""
        return figure(self._results.get("runs", {}).get(scenario), path)

    def start(self, name: str) -> float | None:
        """Return a figure of a start."""
        return figure(self._results.get("start"), name)

    def history(self) -> list[dict[str, Any]]:
        """List what was measured over histories, the smallest first."""
        return sorted(self._results.get("history", []), key=lambda one: float(one["orders"]))

    def growth(self, name: str) -> float | None:
        """Tell how many times a figure grows from 10^4 to 10^7 orders."""
        known = {one["orders"]: one.get(name) for one in self.history()}
        first, last = known.get(10**4), known.get(10**7)
        return last / first if first and last else None

    def largest_history(self) -> dict[str, Any]:
        """Return what was measured over 10^7 orders."""
        return next((one for one in self.history() if one["orders"] == 10**7), {})

    def scaled(self, axis: str, many: int) -> float | None:
        """Tell how many times the CPU of an order grows from one to many of an axis, all else being equal."""
        other = "partitions" if axis == "replicas" else "replicas"
        rows = self._results.get("scaled", [])
        found = [
            wide["cpu_ms_per_order"] / narrow["cpu_ms_per_order"]
            for wide in rows
            for narrow in rows
            if wide[axis] == many and narrow[axis] == 1 and wide[other] == narrow[other]
        ]
        return max(found, default=None)


def figure(one: Any, path: str) -> float | None:
    """Look a figure up by its path."""
    for name in path.split("."):
        one = one.get(name) if one is not None else None
    return None if one is None else float(one)


def number(value: float | None) -> str:
    """Write a measured value."""
    if value is None:
        return ABSENT
    return f"{value:,.2f}" if abs(value) < FEW else f"{value:,.0f}"


def whole(value: float) -> str:
    """Write a value without the decimals that it does not have."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:g}"
