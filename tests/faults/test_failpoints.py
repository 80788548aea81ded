"""Services die at the places where losing a process hurts most: between a call, its commit, its publication and its offset."""

from typing import Final

import pytest

from chassis import failpoints
from chassis.testing import eventually
from tests.running import Waybill
from tests.shop import Shop

from .conftest import Trading

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

RATE = 8.0
DEATH_SECONDS = 30.0
ROUNDS: Final = (
    {
        "order": "before_commit",
        "inventory": "before_offset_commit",
        "payment": "after_psp_ok",
        "notification": "after_smtp_250",
    },
    {"order": "after_commit", "inventory": "before_commit", "payment": "after_publish", "notification": "before_commit"},
    {"order": "after_publish", "inventory": "after_commit", "payment": "before_commit", "notification": "after_publish"},
    {"order": "before_offset_commit", "inventory": "after_publish", "payment": "after_commit", "notification": "after_commit"},
    {"payment": "before_offset_commit", "notification": "before_offset_commit"},
)
"""In each round every service dies once, at the named place, and all of them at about the same time."""


def test_every_service_dies_at_every_place_it_passes() -> None:
    passed = {name: {one[name] for one in ROUNDS if name in one} for name in ROUNDS[0]}
    everywhere = set(failpoints.NAMES) - {"after_psp_ok", "after_smtp_250"}
    assert passed == {
        "order": everywhere,
        "inventory": everywhere,
        "payment": everywhere | {"after_psp_ok"},
        "notification": everywhere | {"after_smtp_250"},
    }


async def test_services_are_killed_at_each_failpoint(shop: Shop, waybill: Waybill, trading: Trading) -> None:
    async with trading(RATE):
        for places in ROUNDS:
            before = {name: sum(waybill.restarts(*waybill.replicas(name)).values()) for name in places}
            for count, (service, place) in enumerate(places.items(), 2):
                await _dies(waybill, service, place, count)
            for name, count in before.items():
                await _started_again(waybill, name, count)
            await waybill.ready()
    ends = await shop.ended_right()
    assert ends["Processing"] > 50
    assert set(ends) <= {"Processing", "payment_declined", "customer"}
    await waybill.reconciled(messages_may_wait=True)


async def _dies(waybill: Waybill, service: str, place: str, count: int) -> None:
    died = waybill.arm(service, place, count)

    async def probe() -> bool:
        return died()

    await eventually(probe, f"{service} dies at {place}", within=DEATH_SECONDS, every=0.05)


async def _started_again(waybill: Waybill, service: str, before: int) -> None:
    async def probe() -> bool:
        return sum(waybill.restarts(*waybill.replicas(service)).values()) == before + 1

    await eventually(probe, f"one process of {service} is started again, once", every=0.1)
