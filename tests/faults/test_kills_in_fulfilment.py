"""kill -9 while orders are cut, labelled, sent, tracked and sent back: each comes to its end, money, stock and labels too."""

import asyncio

import pytest

from tests.errands import Errand
from tests.running import Waybill
from tests.shop import PRICE, Shop

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

ERRANDS = 8
PATIENCE_SECONDS = 110.0
"""A label whose buyer died is bought by another when its lease of a minute ends."""


# Who died last in the tests before comes last, as in `test_kills`.
@pytest.mark.parametrize("service", ["inventory", "payment", "notification", "order"])
async def test_a_service_is_killed_while_orders_are_fulfilled(shop: Shop, waybill: Waybill, service: str) -> None:
    second = f"{shop.sku}-2"
    await shop.offer(second, "lyon", 1000)
    victims = waybill.replicas(service)
    await waybill.settled(*victims)
    before = waybill.restarts(*victims)
    errands = [Errand(shop, second, f"{shop.customer.user}-{number}", PATIENCE_SECONDS) for number in range(ERRANDS)]
    async with asyncio.TaskGroup() as tasks:
        for place, errand in enumerate(errands):
            tasks.create_task(_later(errand, place * 0.25))
        await asyncio.sleep(ERRANDS * 0.125)  # when some are half-way: the moment of the kill, not a wait for something
        waybill.kill(*victims)
        await waybill.restarted(before)
    for errand in errands:
        await errand.ended_right(refunded=PRICE)
    orders = await shop.at_rest()
    assert {one["status"] for one in orders} == {"Delivered"}
    assert len(orders) == ERRANDS
    left = shop.stocked - 2 * ERRANDS
    assert await shop.stock() == {"on_hand": left, "reserved": 0, "available": left}
    await waybill.reconciled(messages_may_wait=True)


async def _later(errand: Errand, seconds: float) -> None:
    await asyncio.sleep(seconds)  # so that errands are at different steps when the service dies
    await errand.run()
    await errand.send_back()
