"""A nudge makes what is put off due now, tells what was told anew, and leaves alone what is under way."""

from datetime import timedelta
from uuid import UUID

import pytest

from chassis.database import Database
from chassis.domain import new_id
from chassis.open_work import LEASE, Work, nudge, owed
from chassis.testing import Hands, cause
from contracts.order import OrderDelivered

pytestmark = pytest.mark.database

WORK = (
    Work(
        "SELECT 'call' AS job, name AS subject, attempts, due_at, NULL AS error FROM errand WHERE key = $1",
        "UPDATE errand SET due_at = $2 WHERE key = $1 AND due_at > $3 RETURNING 'call' AS job",
    ),
    Work(
        """SELECT 'end' AS job, name AS subject, 0 AS attempts, '2100-01-01'::timestamptz AS due_at, NULL AS error
        FROM errand WHERE key = $1"""
    ),
)


async def errands(database: Database, key: UUID) -> None:
    async with database.transaction() as transaction:
        await transaction.fetch("CREATE TABLE errand (key uuid, name text, attempts int, due_at timestamptz)")
        for name, wait in (("put off", 10 * LEASE), ("under way", LEASE / 2)):
            await transaction.fetch("INSERT INTO errand VALUES ($1, $2, 3, $3)", key, name, transaction.now + wait)


async def test_what_is_put_off_is_due_now_and_what_is_under_way_is_left_alone(database: Database) -> None:
    key = new_id()
    await errands(database, key)
    database.workforce = hands = Hands()
    nudged = await nudge(database, str(key), WORK, 7)
    assert (nudged.hastened, hands.woken) == (["call"], ["call"])
    due = {row["subject"]: row["due_at"] for row in await owed(database, str(key), WORK[:1])}
    now = database.clock()
    assert due == {"put off": now.isoformat(), "under way": (now + LEASE / 2).isoformat()}
    assert [row["job"] for row in await owed(database, str(key), WORK)] == ["call", "call", "end", "end"]
    assert await owed(database, "TEA", WORK) == []


async def test_facts_are_told_anew_in_their_order_unless_their_time_is_nearly_over(database: Database) -> None:
    key = new_id()
    async with database.transaction() as transaction:
        for age in (timedelta(days=6, hours=1), timedelta(days=1), timedelta()):
            transaction.emit(OrderDelivered(order_id=key, user_id="ada"), cause(at=transaction.now - age))
    async with database.transaction() as transaction:
        await transaction.fetch("DELETE FROM outbox_unpublished")
    assert (await nudge(database, str(key), (), 7)).told == 2
    assert (await nudge(database, str(key), (), 7)).told == 0, "they are on their way already"
    async with database.transaction() as transaction:
        rows = await transaction.fetch(
            "SELECT sequence, claimed_until < now() AS free FROM outbox_unpublished ORDER BY sequence"
        )
    assert [(row["sequence"], row["free"]) for row in rows] == [(2, True), (3, True)]
