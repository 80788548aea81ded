"""Orders placed at a steady rate while parts of the system die."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

import pytest

from tests.running import Waybill
from tests.shop import Shop, opened

WARM_UP_SECONDS: Final = 1.0
AFTERWARDS_SECONDS: Final = 1.0

Trading = Callable[[float], AbstractAsyncContextManager[None]]

_customers: Final[list[str]] = []


@pytest.fixture
async def shop(waybill: Waybill) -> AsyncIterator[Shop]:
    async with opened(waybill) as shop:
        _customers.append(shop.customer.user)
        yield shop


@pytest.fixture
def customers() -> list[str]:
    """Name the customers of all tests so far: what they were told is looked at last, since a mail may wait for its lease."""
    return _customers


@pytest.fixture
def trading(shop: Shop) -> Trading:
    """Have orders placed at a rate before, during and after a block; every one of them is acknowledged in the end."""

    @asynccontextmanager
    async def trade(rate: float) -> AsyncIterator[None]:
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(shop.trade(rate, stop))
            try:
                await asyncio.sleep(WARM_UP_SECONDS)  # how long the trade lasts, not a wait for something
                yield
                await asyncio.sleep(AFTERWARDS_SECONDS)
            finally:
                stop.set()

    return trade
