"""The broker and the databases go away and come back."""

import asyncio
import os
import signal
import time

import pytest

from chassis.testing import eventually
from tests.running import Waybill
from tests.shop import Shop

from .conftest import Trading

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

OUTAGE_SECONDS = 11.0
ORDERS_IN_OUTAGE = 40
RATE = 10.0


async def test_orders_are_accepted_while_kafka_is_away(shop: Shop, waybill: Waybill) -> None:
    old = waybill.pid("kafka")
    waybill.kill("kafka")

    async def started_again() -> bool:
        process = waybill.part("kafka").process
        return process is not None and process.pid != old

    await eventually(started_again, "the supervisor starts Kafka again")
    held = waybill.pid("kafka")
    os.kill(held, signal.SIGSTOP)  # before it listens: nobody answers at its port
    try:
        began = time.monotonic()
        for number in range(ORDERS_IN_OUTAGE):
            placed = await shop.place()
            assert placed["status"] == "Pending"
            shop.placed[str(number)] = placed["order_id"]
            await asyncio.sleep(OUTAGE_SECONDS / ORDERS_IN_OUTAGE)  # the pace of the customers
        assert time.monotonic() - began > OUTAGE_SECONDS
        assert {(await shop.order(one))["status"] for one in shop.placed.values()} == {"Pending"}
    finally:
        os.kill(held, signal.SIGCONT)
    await waybill.ready()
    assert await shop.ended_right() == {"Processing": ORDERS_IN_OUTAGE}
    await waybill.reconciled(messages_may_wait=True)


async def test_postgresql_is_killed_while_orders_are_placed(shop: Shop, waybill: Waybill, trading: Trading) -> None:
    services = {name: pid for name in ("order", "payment", "inventory", "notification") if (pid := waybill.pid(name))}
    before = waybill.restarts("postgres")
    async with trading(RATE):
        waybill.kill("postgres")
        await waybill.restarted(before)
    ends = await shop.ended_right()
    assert ends["Processing"] > 15
    assert set(ends) <= {"Processing", "payment_declined", "customer"}
    assert {name: waybill.pid(name) for name in services} == services, "services outlive their databases"
    await waybill.reconciled(messages_may_wait=True)
