"""The broker loses all of its data: the outboxes still have every fact, and the topics are made anew from them."""

import json
import shutil
from collections.abc import AsyncIterator

import pytest

from chassis.testing import eventually
from tests.running import Waybill, running
from tests.shop import opened

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

ORDERS = 12
FACTS_OF_AN_ORDER = 6
"""At the least: placed, its contacts, reserved, authorised, confirmed, and that the customer was told."""


@pytest.fixture
async def own() -> AsyncIterator[Waybill]:
    """Give a system that nobody else uses, since it is stopped half-way."""
    async with running() as waybill:
        await waybill.ready()
        yield waybill


async def test_topics_are_made_anew_from_the_outboxes(own: Waybill) -> None:
    async with opened(own) as shop:
        for number in range(ORDERS):
            await shop.buy(f"before-{number}", cancel=number % 4 == 3)
        await shop.ended_right()
        await own.reconciled()
    refused = await own.command("republish")
    assert refused.returncode == 1
    assert "stop it with `./waybill down`" in refused.stderr

    await _asked(own, "down")
    shutil.rmtree(own.data_dir / "kafka" / "data")
    listed = json.loads(await _asked(own, "republish", "--json"))
    assert sum(listed.values()) > ORDERS * FACTS_OF_AN_ORDER
    again = json.loads(await _asked(own, "republish", "--json"))
    assert set(again.values()) == {0}, "what is listed already is not listed twice"
    await _asked(own, "up", "--detach", "--port-base", own.gateway.rpartition(":")[2])
    own.sign_in_anew()

    async with opened(own) as shop:
        for number in range(ORDERS):
            await shop.buy(f"after-{number}")
        assert await shop.ended_right() == {"Processing": ORDERS}
        seen: list[str] = []

        async def sound() -> bool:
            done = await own.command("reconcile", "--topics", "--json")
            document = json.loads(done.stdout)
            seen[:] = [f"{check['name']}: {one}" for check in document["checks"] for one in check["named"]][:5]
            topics = next(check for check in document["checks"] if check["name"] == "topics")
            assert topics["checked"] > 2 * ORDERS
            return bool(document["clean"])

        await eventually(sound, "topics are what the outboxes say", within=60, every=1.0, seen=lambda: seen)


async def _asked(own: Waybill, *arguments: str) -> str:
    done = await own.command(*arguments)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout
