"""Two thousand lives of twenty orders, in the mind: whatever is lost, comes again or late, and whoever dies, all ends right.

`WAYBILL_SEEDS` says how many lives; `python -m tests.saga.imagined_ends SEED 1 20` lives through one of them again.
"""

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
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
    assert not wrong, told(wrong)
    done: Counter[str] = Counter()
    for one in found:
        done.update(one["done"])
    assert done["placed"] == SEEDS * ORDERS
    assert [step for step in STEPS if not done[step]] == [], done


def told(wrong: Mapping[str, Sequence[str]]) -> str:
    """Say which lives went wrong, and how to live each of them again."""
    return "\n".join(f"{command(int(seed), 1)}: {'; '.join(what)}" for seed, what in list(wrong.items())[:5])


def command(first: int, count: int) -> str:
    """Name the command that lives through seeds, from the folder of the project."""
    return f"python -m tests.saga.imagined_ends {first} {count} {ORDERS}"


async def _said(line: str, **env: str) -> bytes:
    """Run a command in a process of its own, with this Python."""
    _, *argv = line.split()
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, *argv, cwd=project_root(), stdout=pipe, stderr=pipe, env={**os.environ, **env}
    )
    out, error = await process.communicate()
    assert process.returncode == 0, error.decode()
    return out


async def _lived(first: int, count: int) -> dict[str, Any]:
    """Live through seeds in a process of its own."""
    answer: dict[str, Any] = json.loads(await _said(command(first, count)))
    return answer


def test_a_life_can_be_lived_again_step_by_step() -> None:
    first, again, other = (imagine(seed, ORDERS) for seed in (FIRST + 7, FIRST + 7, FIRST + 8))
    assert first.trace.digest() == again.trace.digest()
    assert first.done == again.done
    assert [order.order_id for order in first.orders.rows.values()] == list(again.orders.rows)
    assert first.trace.digest() != other.trace.digest()


async def test_the_command_that_is_printed_lives_a_life_again_byte_for_byte() -> None:
    """In other processes, whose sets and dictionaries are in another order."""
    seed = FIRST + 7
    says = told({str(seed): ["an order is pending"]})
    assert says == f"python -m tests.saga.imagined_ends {seed} 1 {ORDERS}: an order is pending"
    line = says.partition(":")[0]
    one, another = await asyncio.gather(_said(line, PYTHONHASHSEED="1"), _said(line, PYTHONHASHSEED="2"))
    assert one == another
    assert json.loads(one)["trace"] == imagine(seed, ORDERS).trace.hexdigest()


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
