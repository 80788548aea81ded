"""Old and new versions side by side: a fact that a later version tells is heard as one that this version tells.

Two systems hear every example of what their services hear, one as it is, the other with a field more in every object; what each
service does with it, its real reaction on a real database, must be the same. New events are covered by their examples. That a
whole life of orders bears it is shown by `test_trade`, where every second fact is one of a later version.
"""

import asyncio
import json
from collections.abc import Iterator
from typing import Any, Final

import asyncpg
import pytest
from alembic import command
from alembic.config import Config

from chassis import migrations
from chassis.domain import new_id
from chassis.testing import PostgresServer
from contracts import REGISTRY, decode
from waybill.chaos.later import with_more
from waybill.embedded.places import project_root

from .carrying import PACKAGES, REACTIONS, Letter, Saga
from .conftest import MakeSaga

pytestmark = pytest.mark.database

EXAMPLES: Final = project_root() / "contracts" / "examples"


def examples(service: str) -> Iterator[tuple[Letter, Letter]]:
    """Give every example of what a service hears, as it is and as a later version tells it."""
    for name in sorted(event.type for event in REACTIONS[service].functions):
        for path in sorted((EXAMPLES / name).glob("*.json")):
            written: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            value = json.dumps(written["value"]).encode()
            later = json.dumps(with_more(decode(name, value))).encode()
            headers = [(header, text.encode()) for header, text in written["headers"].items()]
            yield tuple(
                Letter(REGISTRY[name].topic.name, written["key"].encode(), one, headers, name) for one in (value, later)
            )  # type: ignore[misc]


async def outcome(saga: Saga, service: str, letter: Letter) -> str:
    """Say what became of a fact: handled, or refused with what reason."""
    try:
        new = await saga.deliver(service, [letter])
    except Exception as error:  # noqa: BLE001 - a reaction may know nothing of that order: what counts is that both say so
        return f"{type(error).__name__}: {error}"
    return "handled" if new else "known"


@pytest.mark.parametrize("service", REACTIONS)
async def test_a_fact_of_a_later_version_does_what_one_of_this_version_does(service: str, make_empty_saga: MakeSaga) -> None:
    ours, theirs = await make_empty_saga(), await make_empty_saga()
    heard: dict[str, set[str]] = {}
    for now, later in examples(service):
        assert now.value != later.value
        did = await outcome(ours, service, now)
        assert await outcome(theirs, service, later) == did, later.type
        heard.setdefault(now.type, set()).add(did)
    assert set(heard) == {event.type for event in REACTIONS[service].functions}
    assert "handled" in set().union(*heard.values())
    told = "SELECT aggregatetype, aggregateid, type, sequence FROM outbox ORDER BY 1, 2, 4"
    assert await ours.rows(service, told) == await theirs.rows(service, told)


@pytest.mark.parametrize("service", PACKAGES)
async def test_old_replies_are_found_in_their_order_in_the_database_of_an_older_version_too(
    service: str, postgres: PostgresServer
) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations.folder(PACKAGES[service])))
    config.attributes["url"] = url = await postgres.create_service_database(f"{service}_{new_id().hex[-10:]}")
    connection = await asyncpg.connect(url)
    kinds = []
    for step, revision in ((command.upgrade, "head"), (command.downgrade, "0001"), (command.upgrade, "head")):
        await asyncio.to_thread(step, config, revision)
        kinds.append(await connection.fetchval("SELECT pg_get_indexdef('idempotency_by_age'::regclass)"))
    await connection.close()
    assert [kind.partition("USING ")[2] for kind in kinds] == ["btree (created_at)", "brin (created_at)", "btree (created_at)"]
