"""Anything may happen to any order at any moment, and facts come late, again and out of order: all services agree in the end.

`WAYBILL_COMMANDS` says how many commands a run is made of; the long run is 10,000.
"""

import os
import random
from datetime import timedelta
from typing import Final

import pytest

from .agreement import disagreements
from .carrying import Saga
from .conftest import MakeSaga
from .trading import COMMANDS, Trade

pytestmark = pytest.mark.database

COMMANDS_IN_A_RUN: Final = int(os.environ.get("WAYBILL_COMMANDS", "400"))
UNTIL_REST: Final = 20
"""After so many commands everybody waits until nothing is under way, and all books are compared."""

SELDOM: Final = 2
"""So many kinds of commands may have been refused whenever they came; more, and the run is not about what it says."""


@pytest.mark.timeout(120 + COMMANDS_IN_A_RUN // 2)
async def test_whatever_is_done_all_services_agree(make_empty_saga: MakeSaga) -> None:
    saga = await make_empty_saga()
    saga.mixed_versions = True
    chance = random.Random(COMMANDS_IN_A_RUN)  # noqa: S311 - the point is that it can be repeated
    trade = Trade(saga, chance)
    await trade.open()
    lately: list[str] = []
    while (done := trade.done.total() + trade.refused.total()) < COMMANDS_IN_A_RUN:
        lately.append(await trade.act())
        for _ in range(chance.choice((0, 1, 3, 8))):
            await saga.stagger(chance)
        if len(lately) >= UNTIL_REST:
            await come_to_rest(saga, chance)
            found = await disagreements(saga)
            assert not found, "\n".join([f"after {done} commands, lately {[one for one in lately if one]}:", *found])
            lately = []
    never = set(COMMANDS) - set(trade.done)
    assert len(never) <= SELDOM, f"never done: {never}; refused: {trade.refused}"


async def come_to_rest(saga: Saga, chance: random.Random) -> None:
    """Deliver and do everything, and let so much time pass that every question is answered."""
    saga.carriers.recover()
    for wait in (timedelta(), timedelta(minutes=3), timedelta(minutes=31), timedelta(minutes=11), timedelta(minutes=11)):
        saga.clock.forward(seconds=wait.total_seconds())
        await saga.stumble(chance)
