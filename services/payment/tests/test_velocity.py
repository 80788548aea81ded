"""What assessing an order reads does not grow with what was assessed before."""

from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import pytest
from pydantic_core import from_json

import payment
from chassis.database import Database
from chassis.domain import new_id
from chassis.testing import MORNING, PostgresServer, SettableClock, service_database
from payment.store.payments import _FIND_INSTRUMENTS

pytestmark = pytest.mark.database

BEFORE: Final = 20_000
ORDERS: Final = 100
ASKED_FOR: Final = 20 + 10 + 5 + 5 + 30
"""What the rules that a shop begins with count at the most, all together."""
_MARKS: Final = "md5('user')::uuid, md5('ip')::uuid, md5('device')::uuid, md5('email')::uuid, md5('card')::uuid"
_ASSESSED: Final = f"""
INSERT INTO assessment (order_id, at, version, verdict, score, spoken, shadow, declined, amount, most_units, abroad,
    user_mark, ip_mark, device_mark, email_mark, card_mark)
SELECT gen_random_uuid(), $1::timestamptz - n * interval '0.02 s', 1, 'reject', 100, '{{}}', false, true, 1000, 1, false,
    {_MARKS}
FROM generate_series(1, $2::int) n
"""
_NOTED: Final = """
INSERT INTO instrument (order_id, method, token, facts, created_at)
SELECT id, 'card', 'tok_ok', jsonb_build_object('user', md5('user')::uuid, 'ip', md5('ip')::uuid,
    'device', md5('device')::uuid, 'email', md5('email')::uuid, 'card', md5('card')::uuid, 'abroad', false), $2
FROM unnest($1::uuid[]) AS id
"""


@pytest.fixture
async def database(postgres: PostgresServer) -> AsyncIterator[Database]:
    """Open a database in which the same hands were turned away many times within the hour."""
    async with service_database(postgres, payment, SettableClock()) as database:
        async with database.transaction() as transaction:
            await transaction.fetch(_ASSESSED, MORNING, BEFORE)
        async with database.pool.acquire() as connection:
            await connection.execute("VACUUM ANALYZE assessment")
        yield database


def _read_of_assessments(plan: dict[str, Any]) -> Iterator[float]:
    if plan.get("Relation Name") == "assessment":
        yield (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    for part in plan.get("Plans", ()):
        yield from _read_of_assessments(part)


@pytest.mark.parametrize("orders", [1, ORDERS])
async def test_no_more_is_read_than_the_rules_ask_for(database: Database, orders: int) -> None:
    async with database.transaction() as transaction:
        ids = [new_id() for _ in range(orders)]
        await transaction.fetch(_NOTED, ids, MORNING)
        rows = await transaction.fetch(_FIND_INSTRUMENTS, ids, MORNING, 0)
        explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {_FIND_INSTRUMENTS}"
        [explained] = await transaction.fetch(explain, ids, MORNING, 0)
    assert {(sum(row["seen"]), row["known"]) for row in rows} == {(ASKED_FOR, False)}
    plan = explained["QUERY PLAN"]
    [root] = from_json(plan) if isinstance(plan, str) else plan
    assert sum(_read_of_assessments(root["Plan"])) <= orders * (ASKED_FOR + 1)
