"""Two thousand lives of twenty orders, in the mind: whatever is lost, comes again or late, and whoever dies, all ends right.

`WAYBILL_SEEDS` says how many lives; `python -m tests.saga.imagined_ends SEED 1 20` lives through one of them again.
"""

import asyncio
import json
import os
import sys
from collections import Counter
from typing import Any, Final

import pytest

from waybill.embedded.places import project_root

from .imagined import imagine
from .imagined_ends import complaints

SEEDS: Final = int(os.environ.get("WAYBILL_SEEDS", "2000"))
FIRST: Final = int(os.environ.get("WAYBILL_FIRST_SEED", "0"))
ORDERS: Final = 20
STEPS: Final = (
    "placed", "cancel", "ship", "dispatch", "deliver", "arrive", "expired", "heard", "heard again", "asked to authorize",
    "asked to void", "asked to capture", "died after the PSP's answer", "frozen", "refused cancel_order",
)  # fmt: skip


@pytest.mark.timeout(120 + SEEDS // 2)
async def test_whatever_happens_every_order_ends_right() -> None:
    hands = min(os.cpu_count() or 1, SEEDS)
    share = -(-SEEDS // hands)
    lives = [(FIRST + number * share, min(share, SEEDS - number * share)) for number in range(hands)]
    found = await asyncio.gather(*(_lived(first, count) for first, count in lives))
    wrong = {seed: what for one in found for seed, what in one["wrong"].items()}
    assert not wrong, "\n".join(f"seed {seed}: {what}" for seed, what in list(wrong.items())[:5])
    done: Counter[str] = Counter()
    for one in found:
        done.update(one["done"])
    assert done["placed"] == SEEDS * ORDERS
    assert [step for step in STEPS if not done[step]] == [], done


async def _lived(first: int, count: int) -> dict[str, Any]:
    """Live through seeds in a process of its own."""
    argv = ["-m", "tests.saga.imagined_ends", str(first), str(count), str(ORDERS)]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, *argv, cwd=project_root(), stdout=pipe, stderr=pipe)
    out, error = await process.communicate()
    assert process.returncode == 0, error.decode()
    answer: dict[str, Any] = json.loads(out)
    return answer


def test_a_life_can_be_lived_again_step_by_step() -> None:
    first, again, other = (imagine(seed, ORDERS) for seed in (FIRST + 7, FIRST + 7, FIRST + 8))
    assert first.trace.digest() == again.trace.digest()
    assert first.done == again.done
    assert [order.order_id for order in first.orders.rows.values()] == list(again.orders.rows)
    assert first.trace.digest() != other.trace.digest()


def test_what_is_wrong_is_found() -> None:
    lives = (imagine(seed, ORDERS) for seed in range(FIRST, FIRST + 20))
    world, order = next((life, one) for life in lives for one in life.orders.rows.values() if one.captured_amount)
    assert list(complaints(world)) == []
    book = next(one for one in world.psp.books.values() if one.order_id == order.order_id)
    book.captured += 1
    world.room.stock[0].reserved += 1
    found = "\n".join(complaints(world))
    assert f"order {order.order_id}: the PSP has taken" in found
    assert "are reserved, orders hold" in found
