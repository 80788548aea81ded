"""kill -9 in the middle of the trade: whatever was acknowledged ends right, and nothing is done twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest

from tests.running import Waybill
from tests.shop import Shop

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

RATE = 15.0
WARM_UP_SECONDS = 1.5
AFTERWARDS_SECONDS = 1.0


@asynccontextmanager
async def trading(shop: Shop) -> AsyncIterator[None]:
    """Have orders placed at a steady rate before, during and after the block; every one of them is acknowledged."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(shop.trade(RATE, stop))
        try:
            await asyncio.sleep(WARM_UP_SECONDS)  # the length of the trade, not a wait for something
            yield
            await asyncio.sleep(AFTERWARDS_SECONDS)
        finally:
            stop.set()


@pytest.mark.parametrize("service", ["order", "payment", "inventory", "notification"])
async def test_a_service_is_killed_while_orders_are_placed(shop: Shop, waybill: Waybill, service: str) -> None:
    victims = waybill.replicas(service)
    before = waybill.restarts(*victims)
    async with trading(shop):
        waybill.kill(*victims)
        await waybill.restarted(before)
    ends = await shop.ended_right()
    assert ends["Processing"] > 20
    assert set(ends) <= {"Processing", "payment_declined", "customer"}
    await waybill.reconciled()


async def test_the_replica_that_publishes_most_is_killed(shop: Shop, waybill: Waybill) -> None:
    counts = {name: await _published(waybill, name) for name in waybill.replicas("order")}
    async with trading(shop):
        grown = {name: await _published(waybill, name) - count for name, count in counts.items()}
        victim = max(grown, key=lambda name: grown[name])
        assert grown[victim] > 0
        before = waybill.restarts(victim)
        waybill.kill(victim)
        await waybill.restarted(before)
    ends = await shop.ended_right()
    assert ends["Processing"] > 20
    await waybill.reconciled()


async def _published(waybill: Waybill, name: str) -> int:
    """Count the facts that a process has published since it started."""
    async with httpx2.AsyncClient(timeout=10) as client:
        text = (await client.get(f"{waybill.part(name).address}/metrics")).text
    return next(int(float(line.split()[1])) for line in text.splitlines() if line.startswith("relay_published "))
