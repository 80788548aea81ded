"""Measures one load: sends it, keeps the account of it until everything is at rest, and has its results checked.

The account runs from the first order until everything is at rest, messages to customers included.
"""

import asyncio
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from bench import accounting
from bench.accounting import Account
from bench.checking import Check, check
from bench.databases import Databases
from bench.figures import Measured, Observed, Percentiles, Story, figures
from bench.generator import Outcome, Plan, Sent
from bench.loading import Generator
from bench.pages import Known
from bench.reading import Reader
from bench.scenarios import Scenario
from bench.shipping import Warehouse
from bench.system import Running
from bench.topics import Offsets, Topics, counted, log_bytes
from contracts.topics import INVENTORY_EVENTS, ORDER_EVENTS, PAYMENT_EVENTS
from waybill.errors import WaybillError

REST_POLL_SECONDS: Final = 0.2
SPARE_SECONDS: Final = 10.0
"""Parcels are at hand for so much longer than the load is to last."""
REST_SECONDS: Final = 180.0


@dataclass(frozen=True, slots=True)
class Begun:
    """Where everything that is counted stood when the account was opened, and whose work is not in it."""

    own: frozenset[int]
    restarts: int
    syncs: int
    written: int
    offsets: Offsets
    account: Account
    log_bytes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class People:
    """Who asks: customers and staff, by their tokens."""

    customers: tuple[str, ...]
    keeper: str
    """Works in a warehouse."""
    manager: str
    """May do everything."""


class Measuring:
    """What is needed to measure loads on a running system."""

    def __init__(self, running: Running, databases: Databases, topics: Topics, people: People, clients: int) -> None:
        self.running = running
        self.databases = databases
        self._topics = topics
        self._people = people
        self._clients = clients

    @property
    def manager(self) -> str:
        """The token of one who may do everything."""
        return self._people.manager

    async def warm_up(self, scenario: Scenario, seed: int) -> Outcome:
        """Load the system without measuring; raises WaybillError when it does not come to rest."""
        async with Generator(self.plan(scenario, seed)) as generator:
            outcome = await generator.run()
        if outcome.failures:
            reason = next(iter(outcome.failures))
            raise WaybillError(f"orders are refused before anything is measured ({reason}): see `./waybill logs`")
        await self.rest()
        return outcome

    async def measure(self, scenario: Scenario, seed: int) -> Measured:
        """Load the system, wait until it is at rest, and tell what it came to."""
        warehouse = await self._warehouse(scenario)
        reader = await self._reader(scenario, seed)
        await reader.warm_up()
        async with Generator(self.plan(scenario, seed)) as generator:
            begun = await self.begin()
            async with warehouse.working(), reader.working():
                outcome = await generator.run()
        await self.rest()
        checks = [warehouse.check] if scenario.parcels_per_second else []
        checks += [reader.check] if scenario.reads_per_second else []
        return await self.conclude(
            scenario, begun, outcome, outcome.sent, checks=checks, reads=reader.took if scenario.reads_per_second else None
        )

    async def begin(self) -> Begun:
        """Open the account."""
        own = await self.databases.processes()
        await self.databases.forget_statements()
        await self.databases.statistics_settle()
        syncs, written = await self.databases.wal_syncs(), await self.databases.wal_bytes()
        offsets = await self._topics.ends()
        account = accounting.read(self.running.processes, own)
        return Begun(own, self.running.restarts, syncs, written, offsets, account, self._log_bytes())

    def _log_bytes(self) -> dict[str, int]:
        return log_bytes(self.running.system.kafka.nodes[0].data)

    async def conclude(
        self,
        scenario: Scenario,
        begun: Begun,
        outcome: Outcome,
        watched: Sequence[Sent],
        *,
        accepted_per_second: float | None = None,
        backlog: int = 0,
        checks: Sequence[Check] = (),
        reads: Mapping[str, Percentiles] | None = None,
    ) -> Measured:
        """Close the account of a system that is at rest, check its results, and tell the figures."""
        after = accounting.read(self.running.processes, begun.own)
        written = await self.databases.wal_bytes() - begun.written
        statements = await self.databases.statements()
        end = await self._topics.ends()
        checked = [*await check(self.databases, outcome), *checks]
        if self.running.restarts != begun.restarts:
            checked.append(Check("no process died", f"{self.running.restarts - begun.restarts} restarts"))
        await self.databases.statistics_settle()
        syncs = await self.databases.wal_syncs() - begun.syncs
        if accepted_per_second is None:
            accepted = sum(1 for sent in outcome.sent if sent.order_id)
            accepted_per_second = accepted / (outcome.ended_at - outcome.began_at)
        return figures(
            Observed(
                scenario=scenario.name,
                outcome=outcome,
                watched=watched,
                accepted_per_second=accepted_per_second,
                before=begun.account,
                after=after,
                story=await self._story(outcome, begun.offsets, end),
                messages=counted(begun.offsets, end),
                log_bytes={name: size - begun.log_bytes.get(name, 0) for name, size in self._log_bytes().items()},
                statements=statements,
                checks=checked,
                wal_bytes=written,
                wal_syncs=syncs,
                reads=reads or {},
                backlog=backlog,
            )
        )

    async def _warehouse(self, scenario: Scenario) -> Warehouse:
        rate = scenario.parcels_per_second
        parcels = await self.databases.parcels(round(rate * (scenario.seconds + SPARE_SECONDS)))
        return Warehouse("127.0.0.1", self.running.system.options.port("gateway"), self._people.keeper, parcels, rate)

    async def _reader(self, scenario: Scenario, seed: int) -> Reader:
        rate, people = scenario.reads_per_second, self._people
        known = await Known.of(self.databases, len(people.customers)) if rate else None
        port = self.running.system.options.port("gateway")
        return Reader("127.0.0.1", port, people.customers, people.manager, known, rate, seed)

    def plan(self, scenario: Scenario, seed: int) -> Plan:
        """Say what a generator is to send."""
        return Plan(
            host="127.0.0.1",
            port=self.running.system.options.port("gateway"),
            tokens=self._people.customers,
            run=uuid.uuid4().hex,
            seed=seed,
            count=scenario.orders,
            seconds=scenario.seconds,
            clients=self._clients,
            rate=scenario.rate,
            variant=scenario.variant,
        )

    async def lag(self) -> int:
        """Count the records that no service has noted as handled."""
        return await self._topics.lag()

    async def rest(self, seconds: float = REST_SECONDS) -> None:
        """Wait until nothing is left to do: rows decided, facts published, records handled."""
        deadline = time.monotonic() + seconds
        left: dict[str, int] = {}
        while time.monotonic() < deadline:
            left = await self.databases.undone()
            if not left:
                behind = await self._topics.lag()
                left = await self.databases.undone() if not behind else {"records not handled": behind}
                if not left:
                    return
            await asyncio.sleep(REST_POLL_SECONDS)
        what = ", ".join(f"{count} {name}" for name, count in left.items())
        raise WaybillError(f"the system is not at rest after {seconds:.0f} s: {what} (see `./waybill logs`)")

    async def _story(self, outcome: Outcome, begin: Offsets, end: Offsets) -> Story:
        accepted = [UUID(sent.order_id) for sent in outcome.sent if sent.order_id]
        names = {topic.name for topic in (ORDER_EVENTS, INVENTORY_EVENTS, PAYMENT_EVENTS)}
        told = await self._topics.read(names, begin, end)
        dates = await self.databases.order_dates(accepted)
        return Story.of(told.values(), dates, await self.databases.last_notification(accepted))
