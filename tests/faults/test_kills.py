"""kill -9 in the middle of the trade: whatever was acknowledged ends right, and nothing is done twice."""

import httpx2
import pytest

from tests.running import Waybill
from tests.shop import Shop

from .conftest import Trading

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

RATE = 15.0


# Who died last in the tests before comes last: a part that dies again within moments is in the end given up.
@pytest.mark.parametrize("service", ["order", "inventory", "payment", "notification"])
async def test_a_service_is_killed_while_orders_are_placed(
    shop: Shop, waybill: Waybill, trading: Trading, service: str
) -> None:
    victims = waybill.replicas(service)
    await waybill.settled(*victims)
    before = waybill.restarts(*victims)
    async with trading(RATE):
        waybill.kill(*victims)
        await waybill.restarted(before)
    ends = await shop.ended_right()
    assert ends["Processing"] > 20
    assert set(ends) <= {"Processing", "payment_declined", "customer"}
    await waybill.reconciled(messages_may_wait=True)


async def test_the_replica_that_publishes_most_is_killed(shop: Shop, waybill: Waybill, trading: Trading) -> None:
    await waybill.settled(*waybill.replicas("order"))
    counts = {name: await _published(waybill, name) for name in waybill.replicas("order")}
    async with trading(RATE):
        grown = {name: await _published(waybill, name) - count for name, count in counts.items()}
        victim = max(grown, key=lambda name: grown[name])
        assert grown[victim] > 0
        before = waybill.restarts(victim)
        waybill.kill(victim)
        await waybill.restarted(before)
    ends = await shop.ended_right()
    assert ends["Processing"] > 20
    assert set(ends) <= {"Processing", "payment_declined", "customer"}
    await waybill.reconciled(messages_may_wait=True)


async def _published(waybill: Waybill, name: str) -> int:
    """Count the facts that a process has published since it started."""
    async with httpx2.AsyncClient(timeout=10) as client:
        text = (await client.get(f"{waybill.part(name).address}/metrics")).text
    return next(int(float(line.split()[1])) for line in text.splitlines() if line.startswith("relay_published "))
