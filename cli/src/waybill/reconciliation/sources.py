"""What is compared: the addresses of databases, broker, PSP ledger and sinks, and one snapshot of each database."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg

from chassis.schema import first_id_of
from waybill.embedded.postgres import EmbeddedPostgres
from waybill.embedded.system import SERVICES
from waybill.errors import WaybillError
from waybill.options import running_state

Connection = Any

KEPT_SINCE: Final = """
SELECT to_date(right(min(relname::text), 8), 'YYYYMMDD') FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
WHERE inhparent = 'outbox'::regclass AND relname <> 'outbox_default'
"""
"""The first day of an outbox: it drops old ones whole, and what was told since then is all there."""
SETTINGS: Final = {"application_name": "reconcile", "jit": "off", "idle_in_transaction_session_timeout": "0"}
"""A snapshot is kept while the topics are read, which takes minutes where there are many facts."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where to look; what is None is left out. `gateway` is where the simulators show their books and mailboxes."""

    databases: Mapping[str, str]
    kafka: str | None = None
    psp_ledger: str | None = None
    sinks: Mapping[str, str] | None = None
    carrier_ledger: str | None = None

    @classmethod
    def running(cls, data_dir: Path | None) -> "Sources":
        """Find the sources of the running system of a data directory; raises WaybillError when there is none."""
        state = running_state(data_dir)
        postgres = EmbeddedPostgres(Path(state.data_dir) / "postgres")
        gateway = state.parts["gateway"].address
        return cls(
            {service: postgres.url(service, service) for service in SERVICES},
            ",".join(part.address for part in state.parts.values() if part.kind == "broker"),
            f"{gateway}/sim/psp/ledger",
            {"email": f"{gateway}/sim/mail/ledger", "sms": f"{gateway}/sim/sms/ledger"},
            f"{gateway}/sim/carrier/ledger",
        )

    @classmethod
    def named(
        cls, databases: Sequence[str], kafka: str | None, psp_ledger: str | None, carrier_ledger: str | None = None
    ) -> "Sources":
        """Read `SERVICE=URL` for each of the four services; raises WaybillError."""
        urls = dict(item.partition("=")[::2] for item in databases)
        if set(urls) != set(SERVICES) or not all(urls.values()):
            raise WaybillError(f"give the database of each service: --database SERVICE=URL for {', '.join(SERVICES)}")
        return cls(urls, kafka, psp_ledger, carrier_ledger=carrier_ledger)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The four databases as they are at one moment; what changed after `settled_before` may still be under way."""

    databases: Mapping[str, Connection]
    at: datetime
    settled_before: datetime


@asynccontextmanager
async def snapshot(sources: Sources, grace: timedelta) -> AsyncIterator[Snapshot]:
    """Open a read-only snapshot of each database; raises WaybillError when one is away."""
    async with AsyncExitStack() as stack:
        at = datetime.now(UTC)
        opened = await asyncio.gather(*(_open(service, url) for service, url in sources.databases.items()))
        databases = dict(zip(sources.databases, opened, strict=True))
        for connection in opened:
            stack.push_async_callback(connection.close)
            await stack.enter_async_context(connection.transaction(isolation="repeatable_read", readonly=True))
        # A snapshot is taken by the first statement, not by BEGIN: have all four taken together.
        await asyncio.gather(*(connection.execute("SELECT 1") for connection in opened))
        yield Snapshot(databases, at, at - grace)


def kept_from(day: date | None) -> UUID:
    """Name the first fact that an outbox still has for certain; without days it has dropped none."""
    return UUID(int=0) if day is None else first_id_of(day)


async def _open(service: str, url: str) -> Connection:
    try:
        connection = await asyncpg.connect(url, timeout=10, server_settings=SETTINGS)
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise WaybillError(f"the database of {service} cannot be read ({error}): see `./waybill status`") from error
    return connection
