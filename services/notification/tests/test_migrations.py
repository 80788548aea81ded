"""The newer tables on an older version's rows: what was there stays, and the older version goes on beside the newer one."""

import asyncio
from typing import Any

import asyncpg
import pytest
from alembic import command
from alembic.config import Config

import notification
from chassis import migrations
from chassis.domain import new_id
from chassis.testing import PostgresServer

pytestmark = pytest.mark.database

QUEUE_AS_BEFORE = """
INSERT INTO delivery (delivery_id, order_id, template, event_id, channel, status, facts, created_at, due_at, attempts)
VALUES ($1, $2, $3, $4, 'email', 'queued', '{}', now(), now(), 0)
ON CONFLICT (order_id, template, event_id, channel) DO NOTHING RETURNING delivery_id
"""


async def _bring(url: str, direction: Any, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations.folder(notification)))
    config.attributes["url"] = url
    await asyncio.to_thread(direction, config, revision)


async def test_an_older_version_lives_with_the_newer_tables_and_they_can_be_taken_back(postgres: PostgresServer) -> None:
    url = await postgres.create_service_database(f"notification_{new_id().hex[-10:]}")
    await _bring(url, command.upgrade, "0001")
    connection = await asyncpg.connect(url)
    order_id, event_id = new_id(), new_id()
    await connection.execute("INSERT INTO contact (order_id) VALUES ($1)", order_id)
    assert await connection.fetchval(QUEUE_AS_BEFORE, new_id(), order_id, "received", event_id) is not None

    await _bring(url, command.upgrade, "head")
    assert await connection.fetchval(QUEUE_AS_BEFORE, new_id(), order_id, "received", event_id) is None  # there already
    assert await connection.fetchval(QUEUE_AS_BEFORE, new_id(), order_id, "delivered", event_id) is not None
    await connection.execute("UPDATE delivery SET status = 'sending'")
    changed = await connection.fetchval(QUEUE_AS_BEFORE, new_id(), order_id, "changed", event_id)
    assert await connection.fetchval(QUEUE_AS_BEFORE, new_id(), order_id, "refunded", event_id) is not None
    await connection.execute("INSERT INTO delivery_retry VALUES ($1, 'support:sue', now(), 1, 'busy')", changed)
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.fetchval(QUEUE_AS_BEFORE, new_id(), order_id, "a template to come", event_id)
    with pytest.raises(asyncpg.CheckViolationError, match="only_known_is_personal"):
        await connection.execute('UPDATE contact SET former_emails = \'{"event": "ada@example.com"}\'')

    await _bring(url, command.downgrade, "0001")
    rows = await connection.fetch("SELECT template, status FROM delivery ORDER BY template")
    assert [tuple(row) for row in rows] == [("delivered", "sending"), ("received", "sending")]
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.fetchval(QUEUE_AS_BEFORE, new_id(), order_id, "changed", event_id)
    await _bring(url, command.upgrade, "head")
    await connection.close()
