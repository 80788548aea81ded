"""`waybill republish`: every fact that is kept goes out again, after the broker has lost its data."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Final

import asyncpg
import typer

from waybill.embedded.postgres import EmbeddedPostgres
from waybill.embedded.state import State, data_dir_lock
from waybill.embedded.system import SERVICES
from waybill.errors import WaybillError
from waybill.options import DataDir, data_dir_of
from waybill.progress import console
from waybill.reconciliation.sources import Sources

_SESSIONS: Final = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = ANY ($1)"
_LIST: Final = """
INSERT INTO outbox_unpublished (topic, key, sequence, id, claimed_until)
SELECT aggregatetype, aggregateid, sequence, id, now() - interval '1 second' FROM outbox
ON CONFLICT (topic, key, sequence) DO NOTHING
"""


def republish(
    data_dir: DataDir = None,
    database: Annotated[
        list[str] | None, typer.Option(help="SERVICE=URL, four times, for a system that runs elsewhere.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,  # noqa: FBT002
) -> None:
    """List every kept fact as unpublished, so that services publish it when they start; they must be stopped meanwhile."""
    if database:
        counts = asyncio.run(list_all(Sources.named(database, None, None).databases))
    else:
        counts = asyncio.run(_list_here(data_dir_of(data_dir)))
    if as_json:
        typer.echo(json.dumps(counts))
        return
    for service, count in counts.items():
        console().print(f"{service}: {count} facts are published when it starts", highlight=False)


async def _list_here(data_dir: Path) -> dict[str, int]:
    """Do it on the data of a system that is stopped, with PostgreSQL alone; raises WaybillError where it runs."""
    state = State.load(data_dir)
    if state is None:
        raise WaybillError(f"nothing ever ran on {data_dir}: there is nothing to publish")
    if state.running:
        raise WaybillError(f"Waybill runs on {data_dir}: stop it with `./waybill down`, so that facts go out in their order")
    with data_dir_lock(data_dir):
        async with EmbeddedPostgres(data_dir / "postgres", log_file=data_dir / "logs" / "postgres.log") as postgres:
            return await list_all({service: postgres.url(service) for service in SERVICES})


async def list_all(urls: Mapping[str, str]) -> dict[str, int]:
    """List the facts of all services, or of none: a service that runs would put what is new before what is old."""
    async with AsyncExitStack() as stack:
        connections = {}
        for service, url in urls.items():
            try:
                connections[service] = connection = await asyncpg.connect(url, timeout=10)
            except (OSError, TimeoutError, asyncpg.PostgresError) as error:
                raise WaybillError(f"the database of {service} cannot be reached ({error}): see its log") from error
            stack.push_async_callback(connection.close)
            sessions = await connection.fetchval(_SESSIONS, [service, f"{service}-reads"])
            if sessions:
                raise WaybillError(
                    f"{service} still runs ({sessions} sessions): stop all services, so that facts keep their order"
                )
        return {service: int((await one.execute(_LIST)).rpartition(" ")[2]) for service, one in connections.items()}
