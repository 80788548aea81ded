"""Reconciliation of reviews: one that waits with its money held is right, and each fault of it is named."""

from datetime import UTC, datetime, timedelta

import pytest

from waybill.reconciliation.findings import Invariant

from .test_reconcile_money_and_stock import EARLIER, ORDER, PAYMENT, World, world

__all__ = ["world"]
pytestmark = pytest.mark.database
SOON = datetime.now(UTC) + timedelta(hours=4)
AUTHORIZED = "UPDATE payment SET status = 'authorized', captured_amount = 0"
IN_REVIEW = "UPDATE orders SET order_state = 'pending', hold_reason = 'in_review'"
DECIDED = "UPDATE review SET state = 'approved', due_at = NULL, decided_at = now() - interval '1 hour'"


async def begin(world: World, deadline: datetime = SOON) -> None:
    """Have a person look at the order."""
    await world.run("payment", AUTHORIZED)
    await world.run("order", IN_REVIEW)
    await world.run(
        "payment",
        """INSERT INTO review (order_id, payment_id, user_id, score, facts, state, opened_at, deadline_at, due_at)
        VALUES ($1, $2, 'ada', 60, '{}', 'pending', $3, $4, $4)""",
        *(ORDER, PAYMENT, EARLIER, deadline),
    )


async def says(world: World) -> list[str]:
    return [each.says for each in (await world.look()).of[Invariant.REVIEWS].violations]


async def test_a_review_that_waits_and_one_that_was_decided_are_clean(world: World) -> None:
    await begin(world)
    assert await says(world) == []
    await world.run("payment", f"{DECIDED}, decided_by = 'rita', reason = 'known'")
    await world.run("order", "UPDATE orders SET hold_reason = NULL")
    assert await says(world) == []
    assert (await world.look()).of[Invariant.REVIEWS].checked == 1


FAULTS: list[tuple[str, str, str]] = [
    ("payment", "UPDATE payment SET status = 'captured', captured_amount = 1000", "is in review, and its payment is captured"),
    (
        "payment",
        "UPDATE payment SET status = 'voided', released_amount = 1000",
        "is in review, and its payment is not authorised",
    ),
    ("order", "UPDATE orders SET hold_reason = NULL", "is in review, and the order is pending (not held)"),
    (
        "order",
        "UPDATE orders SET order_state = 'confirmed', hold_reason = NULL",
        "is in review, and the order is confirmed (not held)",
    ),
    ("payment", f"{DECIDED}, reason = ''", "its review was approved, and nobody knows by whom or why"),
    ("payment", f"{DECIDED}, decided_by = 'rita', reason = 'x'", "its review was approved, and the order still waits for it"),
    ("payment", "DELETE FROM review", "waits for a review, and there is none"),
    (
        "payment",
        "UPDATE review SET deadline_at = now() - interval '2 minutes'",
        "is in review past its deadline",
    ),
]


async def test_each_fault_is_named(world: World) -> None:
    unseen = []
    for service, plant, expected in FAULTS:
        await world.run("payment", "DELETE FROM review")
        await world.run("payment", f"{AUTHORIZED}, released_amount = 0")
        await begin(world)
        await world.run(service, plant)
        found = await says(world)
        if not any(one.startswith(expected) for one in found):
            unseen.append((expected, found))
    assert unseen == []
