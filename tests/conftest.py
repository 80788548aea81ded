"""One running Waybill for all tests that need the whole of it; it is stopped when the last of them is done."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Final

import pytest

from .running import Waybill, running, traced
from .shop import Shop, opened
from .tracing import Collector, collecting

SETTINGS: Final = (
    # The simulator finds a payment at once; Stripe's search takes a minute.
    "payment:PAYMENT_PSP_SEARCH_LAG_SECONDS=1",
    # An outage in these tests is shorter than it may be in earnest: what was cut off is tried again sooner.
    "notification:NOTIFICATION_RETRY_SCHEDULE_SECONDS=1,2,5",
)


class Holder:
    """Keeps the system from the first test that needs it to the last."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._system: tuple[Waybill, Collector] | None = None

    async def system(self) -> tuple[Waybill, Collector]:
        if self._system is None:
            collector = self._stack.enter_context(collecting())
            settings = [*SETTINGS, *traced(collector.endpoint)]
            waybill = await self._stack.enter_async_context(running("--scale", "order=2", service_env=settings))
            self._system = waybill, collector
        return self._system

    async def stop(self) -> None:
        stack, self._stack, self._system = self._stack, AsyncExitStack(), None
        await stack.aclose()


@pytest.fixture(scope="session")
async def holder() -> AsyncIterator[Holder]:
    holder = Holder()
    yield holder
    await holder.stop()


@pytest.fixture
async def whole(holder: Holder, request: pytest.FixtureRequest) -> AsyncIterator[tuple[Waybill, Collector]]:
    """Give the running system and its collector of traces; the last test that asks stops it."""
    yield await holder.system()
    users = [item for item in request.session.items if "whole" in getattr(item, "fixturenames", ())]
    if users[-1] is request.node:
        await holder.stop()


@pytest.fixture
async def waybill(whole: tuple[Waybill, Collector]) -> Waybill:
    """Give the running system, with every part ready."""
    system, _ = whole
    await system.ready()
    return system


@pytest.fixture
def collector(whole: tuple[Waybill, Collector]) -> Collector:
    return whole[1]


@pytest.fixture
async def shop(waybill: Waybill) -> AsyncIterator[Shop]:
    async with opened(waybill) as shop:
        yield shop


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is made only when its mark asks for it: it takes minutes, and chaos hurts whatever runs beside it."""
    asked_for = {"chaos", "planted"} - set(re.findall(r"\w+", config.option.markexpr or ""))
    left_out = [item for item in items if any(item.get_closest_marker(mark) for mark in asked_for)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
