"""After all the faults of this folder: every customer was told, and nothing is left over."""

import pytest

from tests.running import Waybill
from tests.shop import Shop, opened

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

LEASE_SECONDS = 100.0
"""A message under way when its process died is tried again when its lease has run out."""


async def test_customers_are_told_of_each_order_once(waybill: Waybill, shop: Shop, customers: list[str]) -> None:
    shop.placed["last"] = (await shop.place(Prefer="wait=5"))["order_id"]
    assert await shop.ended_right() == {"Processing": 1}
    repeats = 0
    for user in customers:
        async with opened(waybill) as other:
            other.customer = other.person(user)
            repeats += await other.told_once(LEASE_SECONDS)
    # Each crash of notification may repeat what its provider had taken and its database did not know yet, no more.
    deaths = sum(waybill.restarts(*waybill.replicas("notification")).values())
    assert repeats <= 10 * deaths
    await waybill.reconciled()
