"""The service as a process of its own: it dies between the provider's OK and the commit, and says nothing personal."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from aiosmtpd.smtp import SMTP

from chassis.database import Database
from chassis.domain import new_id
from chassis.testing import PostgresServer, SettableClock, eventually, told
from contracts.notification import NotificationFailed
from contracts.order import ChangeKind
from notification.handlers import note_contact, notify_changed, notify_received, notify_shipped, notify_tracking
from waybill.simulators.launching import launched

pytestmark = pytest.mark.database


class Service:
    """How the tests run `python -m notification` on a database: nobody at the broker, SMTP where they say."""

    def __init__(self, url: str, log: Path, smtp_port: int) -> None:
        self.log = log
        self._environment = {
            **os.environ,
            "NOTIFICATION_DATABASE_URL": url,
            "NOTIFICATION_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
            "NOTIFICATION_AUTH_ISSUER": "https://issuer.test",
            "NOTIFICATION_AUTH_JWKS_URL": "https://issuer.test/jwks",
            "NOTIFICATION_SMTP_PORT": str(smtp_port),
            "NOTIFICATION_SMTP_SENDER": "Waybill <orders@shop.example>",
            "NOTIFICATION_LOG_LEVEL": "DEBUG",
            "NOTIFICATION_PUBLIC_URL": "https://shop.example",
            "NOTIFICATION_LINK_SECRET": "a canary of a secret",
        }

    @asynccontextmanager
    async def running(self, *arguments: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
        with self.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "notification",
                *arguments,
                env={**self._environment, **environment},
                stdout=log,
                stderr=log,
            )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.terminate()
                async with asyncio.timeout(30):
                    await process.wait()

    async def migrate(self) -> None:
        async with self.running("migrate") as process, asyncio.timeout(60):
            assert await process.wait() == 0, self.log.read_text()


async def _status(database: Database) -> str:
    async with database.transaction() as transaction:
        rows = await transaction.fetch("SELECT status FROM delivery")
    return ",".join(row["status"] for row in rows)


async def test_a_crash_after_the_providers_ok_repeats_the_mail_under_the_same_id(
    postgres: PostgresServer, tmp_path: Path, story: Any, desk_of: Any
) -> None:
    url = await postgres.create_service_database(f"notification_{new_id().hex[-10:]}")
    with launched("smtp", "--port", "0", "--http-port", "0") as simulator:
        service = Service(url, tmp_path / "log", int(simulator.addresses["smtp"].rpartition(":")[2]))
        await service.migrate()
        database = await Database.open("notification", url)
        desk = desk_of(database, SettableClock(), None)
        await desk.hear((note_contact, story.contacts), (notify_received, story.placed))

        async def messages() -> Any:
            async with httpx2.AsyncClient() as client:
                return (await client.get(f"{simulator.addresses['http']}/sim/mail/messages")).json()["items"]

        async with service.running(WAYBILL_FAILPOINTS="after_smtp_250") as process, asyncio.timeout(60):
            assert await process.wait() == -signal.SIGKILL, service.log.read_text()
        [mail] = await messages()
        assert (mail["count"], await _status(database)) == (1, "sending")

        async with database.transaction() as transaction:  # the lease runs out
            await transaction.fetch("UPDATE delivery SET due_at = now()")
        async with service.running():
            await eventually(lambda: _is(database, "sent"), "the mail is sent", within=60, seen=service.log.read_text)
        [mail] = await messages()
        [row] = await desk.rows()
        assert (mail["count"], mail["message_id"]) == (2, f"<{row['delivery_id']}@shop.example>")
        assert (mail["order_id"], mail["to"]) == (str(story.order_id), [story.email])
        assert len(await told(database, story.order_id)) == 1
        await database.close()


async def _is(database: Database, status: str) -> bool:
    return await _status(database) == status


class Gossip:
    """A mail server that repeats whatever it knows of the recipient in its refusals."""

    async def handle_RCPT(self, _: Any, __: Any, ___: Any, address: str, ____: Any) -> str:  # noqa: N802 - named by aiosmtpd
        return f"550 5.1.1 <{address}>: Recipient address rejected: User {address.partition('@')[0]} unknown, Ada Canary"


async def test_no_personal_data_in_logs_events_or_stored_errors(clean: Any, tmp_path: Path, story: Any, desk: Any) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Gossip(), hostname="mx.example", loop=loop), "127.0.0.1", 0)
    url, database = clean
    service = Service(url, tmp_path / "log", server.sockets[0].getsockname()[1])
    await desk.hear(
        (note_contact, story.contacts),
        (notify_received, story.placed),
        (notify_shipped, story.dispatched),
        (notify_changed, story.changed_to(ChangeKind.ADDRESS)),
        (notify_tracking, story.out_for_delivery),
    )
    async with service.running():
        failed = ",".join(["failed"] * 7)  # four mails, and three SMS that have no provider
        await eventually(lambda: _is(database, failed), "all are given up", within=60, seen=service.log.read_text)
    events = await told(database, story.order_id)
    rows = await desk.rows()
    server.close()
    assert {type(event) for event in events} == {NotificationFailed}
    assert "550 5.1.1 there is no such mailbox" in {row["last_error"].partition("answered ")[2] for row in rows}
    seen = service.log.read_text() + repr(events) + repr([dict(row) for row in rows])
    assert "connected" in seen or "broker_unavailable" in seen  # the log was written
    for canary in ("canary", story.phone, "5112345678", "tok_ok", "/track/"):
        assert canary not in seen.lower()
