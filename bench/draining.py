"""A backlog and how it is worked off: orders are accepted while the services that decide them are stopped, which then start.

The account is that of the drain alone: from the moment the services are started, their start included, until everything is at
rest. Meanwhile some customers go on ordering at a steady rate; the latencies that are told are theirs, and the rate is that of
the orders that waited alone. Orders wait for a
decision as long as the order service's deadline lets them (half an hour by default), so a backlog that is older than that ends
as cancelled orders, and the check of the results says so.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Final
from uuid import UUID

from bench.figures import Measured
from bench.generator import Outcome
from bench.loading import Generator
from bench.measuring import Measuring
from bench.scenarios import Scenario
from waybill.errors import WaybillError

STOPPED: Final = ("payment", "inventory", "notification")
POLL_SECONDS: Final = 0.5
LONGEST_SECONDS: Final = 900.0
BEHIND: Final = 1000
"""So few records not handled yet are those of the orders that just come in."""


async def drain(measuring: Measuring, scenario: Scenario, seed: int, tell: Callable[[str], None]) -> Measured:
    """Pile up a backlog, start the services, and measure until it is worked off; raises WaybillError when it is not."""
    for service in STOPPED:
        await measuring.running.halt(service)
    async with Generator(measuring.plan(replace(scenario, rate=0.0), seed)) as generator:
        waiting = await generator.run()
    await _published(measuring)
    accepted = [UUID(sent.order_id) for sent in waiting.sent if sent.order_id]
    if not accepted:
        reasons = "; ".join(waiting.failures) or "none was sent"
        raise WaybillError(f"no order was accepted while services were stopped ({reasons}): see `./waybill logs order`")
    tell(f"{len(accepted)} orders wait: starting {', '.join(STOPPED)}")
    beside = replace(scenario, rate=scenario.beside_per_second, orders=round(scenario.beside_per_second * LONGEST_SECONDS))
    async with Generator(measuring.plan(replace(beside, seconds=LONGEST_SECONDS), seed + 1)) as generator:
        begun = await measuring.begin()
        began_at = time.time()
        coming = asyncio.create_task(generator.run())
        await asyncio.gather(*(measuring.running.resume(service) for service in STOPPED))
        await _drained(measuring, max(accepted))
        await generator.enough()
        meanwhile = await coming
    await measuring.rest()
    both = together(waiting, meanwhile, began_at)
    speed = len(accepted) / (waiting.ended_at - waiting.began_at)
    return await measuring.conclude(scenario, begun, both, meanwhile.sent, accepted_per_second=speed, backlog=len(accepted))


def together(waiting: Outcome, meanwhile: Outcome, began_at: float) -> Outcome:
    """Put the backlog and what came in meanwhile into one outcome, of the drain alone: the backlog was sent before it."""
    failures = dict(Counter(waiting.failures) + Counter(meanwhile.failures))
    return Outcome(began_at, meanwhile.ended_at, [*waiting.sent, *meanwhile.sent], failures, meanwhile.cpu_seconds)


async def _published(measuring: Measuring) -> None:
    """Wait until the backlog lies on its topic."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while unpublished := (await measuring.databases.undone()).get("order unpublished", 0):
        if time.monotonic() > deadline:
            raise WaybillError(f"{unpublished} facts of accepted orders are not published: see `./waybill logs order`")
        await asyncio.sleep(POLL_SECONDS)


async def _drained(measuring: Measuring, last: UUID) -> None:
    """Wait until the orders up to `last` are decided, and nearly all that was told of them is handled."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while True:
        undecided = await measuring.databases.undecided(last)
        behind = BEHIND if undecided else await measuring.lag()
        if behind < BEHIND:
            return
        if time.monotonic() > deadline:
            raise WaybillError(f"{undecided} orders of the backlog are not decided after {LONGEST_SECONDS:.0f} s")
        await asyncio.sleep(POLL_SECONDS)
