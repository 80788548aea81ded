"""A broker of three nodes: one may be lost while orders are placed; while two are away, orders are accepted and facts wait.

Three nodes are much for a small machine, so it is made when it is asked for: `pytest -m chaos tests/faults`.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from contracts import TOPICS
from tests.running import Waybill, running
from tests.shop import Shop, opened

pytestmark = [pytest.mark.system, pytest.mark.chaos, pytest.mark.timeout(420)]

NODES = ("kafka", "kafka-2", "kafka-3")
RATE = 5.0
AWAY_SECONDS = 8.0
ORDERS_MEANWHILE = 16


@pytest.fixture(scope="module")
async def three() -> AsyncIterator[Waybill]:
    async with running("--brokers", "3") as waybill:
        await waybill.ready()
        yield waybill


@pytest.fixture
async def shop(three: Waybill) -> AsyncIterator[Shop]:
    async with opened(three) as shop:
        yield shop


async def test_every_topic_has_three_copies_of_which_two_must_have_a_record(three: Waybill) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=",".join(three.part(name).address for name in NODES))
    await admin.start()
    try:
        names = [*TOPICS, "__consumer_offsets"]
        described = await admin.describe_topics(names)
        copies = {one["topic"]: {len(part["replicas"]) for part in one["partitions"]} for one in described}
        answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    finally:
        await admin.close()
    safe = {one[3]: {row[0]: row[1] for row in one[4]}["min.insync.replicas"] for answer in answers for one in answer.resources}
    assert copies == {name: {3} for name in names}
    assert safe == dict.fromkeys(names, "2")


async def test_each_node_is_killed_while_orders_are_placed(three: Waybill, shop: Shop) -> None:
    """One after the other: among them are the controller, and who leads each partition and each group."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(shop.trade(RATE, stop))
        try:
            for name in NODES:
                before = three.restarts(name)
                three.kill(name)
                await three.restarted(before)
        finally:
            stop.set()
    assert (await shop.ended_right())["Processing"] > RATE
    await three.reconciled(messages_may_wait=True)


async def test_orders_are_accepted_and_facts_wait_while_two_nodes_are_away(three: Waybill, shop: Shop) -> None:
    held = [three.pid(name) for name in NODES[1:]]
    ends = _ends(three)
    for pid in held:
        os.kill(pid, signal.SIGSTOP)
    try:
        for number in range(ORDERS_MEANWHILE):
            placed = await shop.place()
            assert placed["status"] == "Pending"
            shop.placed[f"meanwhile-{number}"] = placed["order_id"]
            await asyncio.sleep(AWAY_SECONDS / ORDERS_MEANWHILE)  # the pace of the customers
        assert {(await shop.order(one))["status"] for one in shop.placed.values()} == {"Pending"}
    finally:
        for pid in held:
            os.kill(pid, signal.SIGCONT)
    await three.ready()
    assert await shop.ended_right() == {"Processing": ORDERS_MEANWHILE}
    await three.reconciled(messages_may_wait=True)
    assert _ends(three) > ends
    done = await three.command("reconcile", "--topics", "--json")
    assert done.returncode == 0, done.stdout[-2000:]


def _ends(three: Waybill) -> int:
    """Tell how much the first node has stored of the orders' facts."""
    folders = (Path(three.data_dir) / "kafka" / "data").glob("order.events-*")
    return sum(log.stat().st_size for folder in folders for log in folder.glob("*.log"))
