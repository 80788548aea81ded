"""Measures one load: what customers saw, when orders were confirmed, what it cost.

The account runs from the first order until everything is at rest, messages to customers included. An order counts as confirmed
when its OrderConfirmed (or OrderCancelled) is on its topic; latency counts from the moment the order was due, whenever it could
be sent. Throughput ends when the last order is confirmed and its message to the customer queued.
"""

import asyncio
import time
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final
from uuid import UUID

from bench import accounting
from bench.accounting import SERVING, Account
from bench.checking import Check, check
from bench.databases import Databases, Statement
from bench.generator import Outcome, Plan
from bench.loading import Generator
from bench.scenarios import Scenario
from bench.shipping import Warehouse
from bench.system import Running
from bench.topics import Offsets, Told, Topics, counted
from contracts.inventory import StockReserved
from contracts.order import OrderCancelled, OrderConfirmed, OrderPlaced
from contracts.payment import PaymentAuthorized
from contracts.topics import INVENTORY_EVENTS, ORDER_EVENTS, PAYMENT_EVENTS
from waybill.errors import WaybillError

REST_POLL_SECONDS: Final = 0.2
SPARE_SECONDS: Final = 10.0
"""Parcels are at hand for so much longer than the load is to last."""
REST_SECONDS: Final = 180.0
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
    """The figures of one load. Times in milliseconds, CPU in CPU-milliseconds per order."""

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

    @property
    def passed(self) -> bool:
        """Whether the results are right, so that the figures count."""
        return all(one.passed for one in self.checks)


class Measuring:
    """What is needed to measure loads on a running system."""

    def __init__(
        self,
        running: Running,
        databases: Databases,
        topics: Topics,
        tokens: tuple[str, ...],
        keeper: str,
        clients: int,
    ) -> None:
        self._running = running
        self._keeper = keeper
        self._databases = databases
        self._topics = topics
        self._tokens = tokens
        self._clients = clients

    async def warm_up(self, scenario: Scenario, seed: int) -> None:
        """Load the system without measuring; raises WaybillError when it does not come to rest."""
        async with Generator(self._plan(scenario, seed)) as generator:
            outcome = await generator.run()
        if outcome.failures:
            reason = next(iter(outcome.failures))
            raise WaybillError(f"orders are refused before anything is measured ({reason}): see `./waybill logs`")
        await self._rest()

    async def measure(self, scenario: Scenario, seed: int) -> Measured:
        """Load the system, wait until it is at rest, and tell what it came to."""
        own = await self._databases.processes()
        restarts = self._running.restarts
        warehouse = await self._warehouse(scenario)
        async with Generator(self._plan(scenario, seed)) as generator:
            await self._databases.forget_statements()
            await self._databases.statistics_settle()
            syncs, written = await self._databases.wal_syncs(), await self._databases.wal_bytes()
            begin = await self._topics.ends()
            before = accounting.read(self._running.processes, own)
            async with warehouse.working():
                outcome = await generator.run()
        await self._rest()
        after = accounting.read(self._running.processes, own)
        written = await self._databases.wal_bytes() - written
        statements = await self._databases.statements()
        end = await self._topics.ends()
        checks = await check(self._databases, outcome)
        if scenario.parcels_per_second:
            checks.append(warehouse.check)
        if self._running.restarts != restarts:
            checks.append(Check("no process died", f"{self._running.restarts - restarts} restarts"))
        await self._databases.statistics_settle()
        syncs = await self._databases.wal_syncs() - syncs
        story = await self._story(outcome, begin, end)
        return _figures(scenario, outcome, before, after, story, counted(begin, end), statements, checks, written, syncs)

    async def _warehouse(self, scenario: Scenario) -> Warehouse:
        rate = scenario.parcels_per_second
        parcels = await self._databases.parcels(round(rate * (scenario.seconds + SPARE_SECONDS)))
        return Warehouse("127.0.0.1", self._running.system.options.port("gateway"), self._keeper, parcels, rate)

    def _plan(self, scenario: Scenario, seed: int) -> Plan:
        return Plan(
            host="127.0.0.1",
            port=self._running.system.options.port("gateway"),
            tokens=self._tokens,
            run=uuid.uuid4().hex,
            seed=seed,
            count=scenario.orders,
            seconds=scenario.seconds,
            clients=self._clients,
            rate=scenario.rate,
            variant=scenario.variant,
        )

    async def _rest(self) -> None:
        """Wait until nothing is left to do: rows decided, facts published, records handled."""
        deadline = time.monotonic() + REST_SECONDS
        left: dict[str, int] = {}
        while time.monotonic() < deadline:
            left = await self._databases.undone()
            if not left:
                behind = await self._topics.lag()
                left = await self._databases.undone() if not behind else {"records not handled": behind}
                if not left:
                    return
            await asyncio.sleep(REST_POLL_SECONDS)
        what = ", ".join(f"{count} {name}" for name, count in left.items())
        raise WaybillError(f"the system is not at rest after {REST_SECONDS:.0f} s: {what} (see `./waybill logs`)")

    async def _story(self, outcome: Outcome, begin: Offsets, end: Offsets) -> "Story":
        accepted = [UUID(sent.order_id) for sent in outcome.sent if sent.order_id]
        names = {topic.name for topic in (ORDER_EVENTS, INVENTORY_EVENTS, PAYMENT_EVENTS)}
        told = await self._topics.read(names, begin, end)
        dates = await self._databases.order_dates(accepted)
        return Story.of(told.values(), dates, await self._databases.last_notification(accepted))


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


def _figures(
    scenario: Scenario,
    outcome: Outcome,
    before: Account,
    after: Account,
    story: Story,
    messages: dict[str, int],
    statements: list[Statement],
    checks: list[Check],
    written: int,
    syncs: int,
) -> Measured:
    accepted = [sent for sent in outcome.sent if sent.order_id]
    orders = len(accepted)
    if not orders:
        reasons = "; ".join(outcome.failures) or "none was sent"
        raise WaybillError(f"no order was accepted ({reasons}): see `./waybill logs`")
    decided = [(sent, at) for sent in accepted if (at := story.decided(sent.order_id)) is not None]
    last = max([story.last_notification, *(at for _, at in decided)])
    used = {name: (after.parts[name] - before.parts.get(name, 0.0)) * 1000 / orders for name in after.parts}
    seconds = after.at - before.at
    cores = accounting.cores()
    machine = after.machine - before.machine
    known = sum(used.values()) * orders / 1000 + outcome.cpu_seconds
    by_service: dict[str, list[Statement]] = defaultdict(list)
    for statement in statements:
        by_service[statement.service].append(statement)
    return Measured(
        scenario=scenario.name,
        orders=orders,
        orders_per_second=round(orders / (last - outcome.began_at), 1),
        accepted_per_second=round(orders / (outcome.ended_at - outcome.began_at), 1),
        accept=Percentiles.of([sent.latency for sent in accepted]),
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
        wal_syncs_per_order=round(syncs / orders, 3),
        wal_bytes_per_order=round(written / orders),
        messages_per_order={name: round(count / orders, 3) for name, count in messages.items()},
        statements_per_order={
            name: round(sum(one.calls for one in found) / orders, 3) for name, found in sorted(by_service.items())
        },
        database_ms_per_order={
            name: round(sum(one.milliseconds for one in found) / orders, 3) for name, found in sorted(by_service.items())
        },
        checks=checks,
        statements=statements,
    )
