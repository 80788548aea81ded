"""Measures loads on a peer: the same generator, the same account and the same figures as for Waybill.

An order counts as confirmed when its row says so, a moment before its transaction commits; Waybill's counts when the fact is on
its topic, after the commit. So what is in a peer's favour stays there.
"""

import asyncio
import time
import uuid
from typing import Final
from uuid import UUID

from bench import accounting
from bench.databases import Databases
from bench.figures import Measured, Observed, figures
from bench.generator import Outcome, Plan
from bench.loading import Generator
from bench.peers import rows
from bench.peers.system import Serving
from bench.scenarios import Scenario
from waybill.errors import WaybillError

REST_POLL_SECONDS: Final = 0.2
REST_SECONDS: Final = 300.0


class PeerMeasuring:
    """What is needed to measure loads on a peer."""

    def __init__(self, serving: Serving, databases: Databases, tokens: tuple[str, ...], clients: int) -> None:
        self._serving = serving
        self._databases = databases
        self._tokens = tokens
        self._clients = clients

    async def warm_up(self, scenario: Scenario, seed: int) -> None:
        """Load the peer without measuring; raises WaybillError when it refuses orders or does not come to rest."""
        async with Generator(self._plan(scenario, seed)) as generator:
            outcome = await generator.run()
        if outcome.failures:
            raise WaybillError(f"{self._serving.peer.name} refuses orders: {next(iter(outcome.failures))}")
        await self._rest()

    async def measure(self, scenario: Scenario, seed: int) -> Measured:
        """Load the peer, wait until it is at rest, and tell what it came to."""
        own = await self._databases.processes()
        async with Generator(self._plan(scenario, seed)) as generator:
            await self._databases.statistics_settle()
            syncs, written = await self._databases.wal_syncs(), await self._databases.wal_bytes()
            before = accounting.read(self._serving.processes, own)
            outcome = await generator.run()
        await self._rest()
        after = accounting.read(self._serving.processes, own)
        written = await self._databases.wal_bytes() - written
        self._serving.check_alive()
        await self._databases.statistics_settle()
        syncs = await self._databases.wal_syncs() - syncs
        checks = await rows.check(self._databases, self._serving.peer, outcome)
        accepted = _accepted(outcome)
        return figures(
            Observed(
                scenario=scenario.name,
                outcome=outcome,
                watched=outcome.sent,
                accepted_per_second=len(accepted) / (outcome.ended_at - outcome.began_at),
                before=before,
                after=after,
                story=await rows.story(self._databases, accepted),
                messages={},
                statements=[],
                checks=checks,
                wal_bytes=written,
                wal_syncs=syncs,
                reads={},
            )
        )

    def _plan(self, scenario: Scenario, seed: int) -> Plan:
        return Plan(
            host="127.0.0.1",
            port=self._serving.port,
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
        """Wait until nothing is left to do."""
        deadline = time.monotonic() + REST_SECONDS
        left: dict[str, int] = {}
        while time.monotonic() < deadline:
            left = await rows.undone(self._databases, self._serving.peer)
            if not left:
                return
            self._serving.check_alive()
            await asyncio.sleep(REST_POLL_SECONDS)
        what = ", ".join(f"{count} {name}" for name, count in left.items())
        raise WaybillError(f"{self._serving.peer.name} is not at rest after {REST_SECONDS:.0f} s: {what}")


def _accepted(outcome: Outcome) -> list[UUID]:
    return [UUID(sent.order_id) for sent in outcome.sent if sent.order_id]
