"""The figures of a load: what customers saw, when orders were confirmed, what it cost.

An order counts as confirmed when its OrderConfirmed (or OrderCancelled) is on its topic; latency counts from when it was due,
whenever it could be sent. Throughput ends when the last order is confirmed and its message to the customer queued.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from bench import accounting
from bench.accounting import SERVING, Account
from bench.checking import Check
from bench.databases import Statement
from bench.generator import Outcome, Sent
from bench.topics import Told
from contracts.inventory import StockReserved
from contracts.order import OrderCancelled, OrderConfirmed, OrderPlaced
from contracts.payment import PaymentAuthorized
from waybill.errors import WaybillError

HOPS: Final = (OrderPlaced.type, StockReserved.type, PaymentAuthorized.type, OrderConfirmed.type)
DECIDED: Final = frozenset({OrderConfirmed.type, OrderCancelled.type})


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Milliseconds below which half, 99 of 100 and all of the values lie; None where there are none."""

    p50: float | None
    p99: float | None
    most: float | None

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Percentiles":
        """Take the percentiles of durations in seconds."""
        ordered = sorted(seconds)
        last = len(ordered) - 1

        def at(share: float) -> float | None:
            return round(ordered[round(share * last)] * 1000, 2) if ordered else None

        return cls(at(0.5), at(0.99), at(1.0))


@dataclass(frozen=True, slots=True)
class Measured:
    """The figures of one load. Times in milliseconds, CPU in CPU-milliseconds per order.

    Where there was a `backlog`, `orders_per_second` is how fast that was worked off; orders that came meanwhile do not count.
    """

    scenario: str
    orders: int
    orders_per_second: float
    accepted_per_second: float
    accept: Percentiles
    confirmed: Percentiles
    confirmed_since_order_date: Percentiles
    hops_p50_ms: dict[str, float | None]
    cpu_ms_per_order: float
    cpu_ms_by_part: dict[str, float]
    cpu_ms_of_others: dict[str, float]
    generator_cpu_ms_per_order: float
    foreign_cpu_percent: float
    busy_percent: float
    wal_syncs_per_order: float
    wal_bytes_per_order: float
    messages_per_order: dict[str, float]
    statements_per_order: dict[str, float]
    database_ms_per_order: dict[str, float]
    checks: list[Check]
    statements: list[Statement] = field(default_factory=list)
    wal_bytes_by_service: Mapping[str, float] = field(default_factory=dict)
    """As far as PostgreSQL books WAL to statements: without commits and checkpoints."""
    log_bytes_per_order: Mapping[str, float] = field(default_factory=dict)
    """What each topic grew by in the broker's files."""
    reads: Mapping[str, Percentiles] = field(default_factory=dict)
    """How long reads of each kind took that were asked for meanwhile."""
    backlog: int = 0

    @property
    def passed(self) -> bool:
        """Whether the results are right, so that the figures count."""
        return all(one.passed for one in self.checks)


@dataclass(frozen=True, slots=True)
class Story:
    """When each order was taken up, and when each fact about it was told (seconds since the epoch)."""

    dates: dict[str, float]
    facts: dict[str, dict[str, float]]
    last_notification: float

    @classmethod
    def of(cls, topics: Any, dates: dict[str, float], last_notification: float) -> "Story":
        """Sort facts by order; the first of each type counts."""
        facts: dict[str, dict[str, float]] = defaultdict(dict)
        for told in topics:
            for one in told:
                _note(facts[one.key], one)
        return cls(dates, facts, last_notification)

    def decided(self, order_id: str) -> float | None:
        """Tell when an order was confirmed or cancelled."""
        told = self.facts.get(order_id, {})
        return min((at for kind, at in told.items() if kind in DECIDED), default=None)

    def hops(self) -> dict[str, float | None]:
        """Tell how long each step of the confirmed orders took, from fact to fact (ms, median)."""
        found = {f"accepted → {HOPS[0]}": [told[HOPS[0]] - self.dates[key] for key, told in self._confirmed()]}
        for earlier, later in pairwise(HOPS):
            found[f"→ {later}"] = [told[later] - told[earlier] for _, told in self._confirmed()]
        return {name: Percentiles.of(durations).p50 for name, durations in found.items()}

    def _confirmed(self) -> list[tuple[str, dict[str, float]]]:
        return [(key, told) for key, told in self.facts.items() if key in self.dates and all(hop in told for hop in HOPS)]


def _note(facts: dict[str, float], told: Told) -> None:
    facts[told.type] = min(told.at, facts.get(told.type, told.at))


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen of a load: the account of it, and all orders in that account.

    `watched` are those whose latency counts, `accepted_per_second` is how fast the others came in.
    """

    scenario: str
    outcome: Outcome
    watched: Sequence[Sent]
    accepted_per_second: float
    before: Account
    after: Account
    story: Story
    messages: Mapping[str, int]
    statements: list[Statement]
    checks: list[Check]
    wal_bytes: int
    wal_syncs: int
    reads: Mapping[str, Percentiles]
    log_bytes: Mapping[str, int] = field(default_factory=dict)
    backlog: int = 0
    """How many of the orders had waited before."""


def figures(seen: Observed) -> Measured:
    """Work out the figures; raises WaybillError when no order was accepted."""
    outcome, story = seen.outcome, seen.story
    accepted = [sent for sent in outcome.sent if sent.order_id]
    orders = len(accepted)
    if not orders:
        reasons = "; ".join(outcome.failures) or "none was sent"
        raise WaybillError(f"no order was accepted ({reasons}): see `./waybill logs`")
    watched = [sent for sent in seen.watched if sent.order_id]
    decided = [(sent, at) for sent in watched if (at := story.decided(sent.order_id)) is not None]
    ends = [at for sent in accepted if (at := story.decided(sent.order_id)) is not None]
    last = max([story.last_notification, *ends])
    before, after = seen.before, seen.after
    used = {name: (after.parts[name] - before.parts.get(name, 0.0)) * 1000 / orders for name in after.parts}
    seconds = after.at - before.at
    cores = accounting.cores()
    machine = after.machine - before.machine
    known = sum(used.values()) * orders / 1000 + outcome.cpu_seconds
    by_service: dict[str, list[Statement]] = defaultdict(list)
    for statement in seen.statements:
        by_service[statement.service].append(statement)
    return Measured(
        scenario=seen.scenario,
        orders=orders,
        orders_per_second=round((seen.backlog or orders) / (last - outcome.began_at), 1),
        accepted_per_second=round(seen.accepted_per_second, 1),
        accept=Percentiles.of([sent.latency for sent in watched]),
        confirmed=Percentiles.of([at - sent.due_at for sent, at in decided]),
        confirmed_since_order_date=Percentiles.of(
            [at - story.dates[sent.order_id] for sent, at in decided if sent.order_id in story.dates]
        ),
        hops_p50_ms=story.hops(),
        cpu_ms_per_order=round(sum(used[name] for name in SERVING), 3),
        cpu_ms_by_part={name: round(used[name], 3) for name in SERVING},
        cpu_ms_of_others={name: round(value, 3) for name, value in used.items() if name not in SERVING},
        generator_cpu_ms_per_order=round(outcome.cpu_seconds * 1000 / orders, 3),
        foreign_cpu_percent=round(max(0.0, machine - known) / (seconds * cores) * 100, 1),
        busy_percent=round(machine / (seconds * cores) * 100, 1),
        wal_syncs_per_order=round(seen.wal_syncs / orders, 3),
        wal_bytes_per_order=round(seen.wal_bytes / orders),
        messages_per_order={name: round(count / orders, 3) for name, count in seen.messages.items()},
        statements_per_order={
            name: round(sum(one.calls for one in found) / orders, 3) for name, found in sorted(by_service.items())
        },
        database_ms_per_order={
            name: round(sum(one.milliseconds for one in found) / orders, 3) for name, found in sorted(by_service.items())
        },
        wal_bytes_by_service={
            name: round(sum(one.wal_bytes for one in found) / orders) for name, found in sorted(by_service.items())
        },
        log_bytes_per_order={
            name: round(size / orders, 1) for name, size in sorted(seen.log_bytes.items()) if name in seen.messages
        },
        checks=seen.checks,
        statements=seen.statements,
        reads=seen.reads,
        backlog=seen.backlog,
    )
