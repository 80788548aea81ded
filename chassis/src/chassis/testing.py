"""What tests of every service share: real servers, a settable clock, probes with a deadline.

`pytest_plugins = ["chassis.testing"]` brings the fixtures. PostgreSQL and Kafka come from containers where a Docker daemon
answers, and from the embedded servers otherwise: the same tests, these fixtures decide.
"""

import asyncio
import functools
import itertools
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import asyncpg
import httpcore2
import httpx2
import pytest
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import ECKey

from chassis import batch, migrations, topics
from chassis.auth import Verifier
from chassis.batch import Function, Item
from chassis.database import Database
from chassis.domain import Cause, Clock, new_id, utc_now
from chassis.jobs import CLAIM_SIZE, Jobs, arguments
from contracts import Event, decode

MORNING: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


THOROUGHLY: Final = int(os.environ.get("WAYBILL_THOROUGHLY", "1"))
"""By how much more than usual the long tests try at random: every run tries other things, so the usual is little."""

FORGETFUL: Final = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_wal_size": "'1GB'",
    "min_wal_size": "'32MB'",
    "autovacuum": "off",  # a test's database is gone before there is anything to clean up
}
"""A server for tests loses nothing that anybody misses when the machine stops."""

IN_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - every user's own folder is made in it, as in /tmp
ROOM_IN_MEMORY: Final = 3 * 1024**3
"""Servers of tests stay far below this, all together; and a supervisor refuses to start with less than 1 GiB."""

_sequence = itertools.count(1)


class SettableClock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self, now: datetime = MORNING) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """Tell the time."""
        return self.now

    def forward(self, **duration: float) -> None:
        """Let time pass, as `timedelta` takes it."""
        self.now += timedelta(**duration)


class Hands:
    """Stands for the workers of a process: notes what it is woken for and handed, and does nothing."""

    def __init__(self, room: int = 0) -> None:
        self.free = room
        self.woken: list[str] = []
        self.begun: dict[str, list[Any]] = {}

    def wake(self, job: str) -> None:
        """Note the wish."""
        self.woken.append(job)

    def room(self, _: str) -> int:
        """Tell how many rows may be handed over."""
        return self.free

    def begin(self, job: str, due: Sequence[Any]) -> None:
        """Note what was handed over."""
        self.begun.setdefault(job, []).extend(due)


async def eventually(
    probe: Callable[[], Awaitable[Any]],
    what: str,
    *,
    within: float = 10.0,
    every: float = 0.02,
    seen: Callable[[], Any] | None = None,
) -> Any:
    """Wait until `probe` answers something true and answer it; fails saying what was awaited and what was last seen."""
    deadline = time.monotonic() + within
    last: Any = None
    while time.monotonic() < deadline:
        last = await probe()
        if last:
            return last
        await asyncio.sleep(every)
    detail = seen() if seen is not None else last
    pytest.fail(f"not within {within} s: {what}; last seen: {detail!r}")


def quick_folder() -> str | None:
    """Name where temporary folders for servers are best made: in memory where there is room, else wherever they always are.

    A database for each test is some three hundred files, which a disk takes five times as long to make.
    """
    try:
        roomy = shutil.disk_usage(IN_MEMORY).free >= ROOM_IN_MEMORY and os.access(IN_MEMORY, os.W_OK)
    except OSError:
        return None
    return str(IN_MEMORY) if roomy else None


class PostgresServer(Protocol):
    """A PostgreSQL that a test session owns."""

    async def create_service_database(self, name: str, template: str | None = None) -> str:
        """Make a database and its owner, as a copy of `template` if one is named; answers its URL."""
        ...

    async def drop_database(self, name: str) -> None:
        """Remove a database and its owner; who is connected is cut off."""
        ...

    def url(self) -> str:
        """Answer the URL of the server's superuser."""
        ...


class KafkaServer(Protocol):
    """A Kafka broker that a test session owns."""

    @property
    def bootstrap_servers(self) -> str:
        """Where it listens."""
        ...


def docker_answers() -> bool:
    """Tell whether a Docker daemon is there to run containers."""
    if os.environ.get("WAYBILL_TEST_SERVERS") == "embedded":
        return False
    try:
        subprocess.run(["docker", "info"], check=True, capture_output=True, timeout=10)  # noqa: S607 - the user's docker
    except (OSError, subprocess.SubprocessError):
        return False
    return True


class _ContainerPostgres:
    def __init__(self, container: Any) -> None:
        self._container = container

    def url(self) -> str:
        host, port = self._container.get_container_host_ip(), self._container.get_exposed_port(5432)
        return f"postgresql://test:test@{host}:{port}/test"

    async def create_service_database(self, name: str, template: str | None = None) -> str:
        owner = await asyncpg.connect(self.url())
        try:
            await owner.execute(f"CREATE ROLE \"{name}\" LOGIN PASSWORD 'test'")
            await owner.execute(f'CREATE DATABASE "{name}" OWNER "{name}" TEMPLATE "{template or "template1"}"')
        finally:
            await owner.close()
        return self.url().replace("test:test@", f"{name}:test@").removesuffix("/test") + f"/{name}"

    async def drop_database(self, name: str) -> None:
        owner = await asyncpg.connect(self.url())
        try:
            await owner.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            await owner.execute(f'DROP ROLE IF EXISTS "{name}"')
        finally:
            await owner.close()


class _ContainerKafka:
    def __init__(self, bootstrap_servers: str) -> None:
        self.bootstrap_servers = bootstrap_servers


@pytest.fixture(scope="session")
async def postgres() -> AsyncIterator[PostgresServer]:
    """Start a real PostgreSQL for the session."""
    if docker_answers():
        from testcontainers.community.postgres import PostgresContainer  # noqa: PLC0415 - only where Docker is

        with PostgresContainer("postgres:18") as container:
            yield _ContainerPostgres(container)
        return
    from waybill.embedded import EmbeddedPostgres  # noqa: PLC0415 - the CLI's package is there for tests only

    with tempfile.TemporaryDirectory(prefix="wb-", dir=quick_folder()) as folder:
        async with EmbeddedPostgres(Path(folder) / "pg", settings=FORGETFUL) as server:
            yield server


@pytest.fixture(scope="session")
async def kafka() -> AsyncIterator[KafkaServer]:
    """Start a real Kafka broker with all topics, for the session."""
    if docker_answers():
        from testcontainers.community.kafka import KafkaContainer  # noqa: PLC0415 - only where Docker is

        with KafkaContainer().with_kraft() as container:
            servers = container.get_bootstrap_server()
            await topics.create(servers, topics.plan(4, 1))
            yield _ContainerKafka(servers)
        return
    from waybill.embedded import EmbeddedKafka  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="wb-", dir=quick_folder()) as folder:
        async with EmbeddedKafka(Path(folder) / "kafka") as server:
            await server.create_topics()
            yield server


@pytest.fixture(scope="session", autouse=True)
def _certificates_are_read_once() -> Iterator[None]:
    """Have all HTTP clients of the session share the machine's certificates: to read them takes each of them 50 ms."""
    patch = pytest.MonkeyPatch()
    patch.setattr(httpcore2, "default_ssl_context", functools.cache(httpcore2.default_ssl_context))
    yield
    patch.undo()


_templates: dict[tuple[int, str], str] = {}


@asynccontextmanager
async def service_database(
    server: PostgresServer, package: ModuleType, clock: Clock = utc_now, *, kept: bool = False
) -> AsyncIterator[Database]:
    """Make a fresh database of a service at the newest version: a copy of one that was migrated once for the session.

    It is removed afterwards, unless it is to be kept: thousands of them would fill the disk, and slow down every further one.
    """
    place = (id(server), package.__name__)
    if place not in _templates:
        template = await server.create_service_database(f"{package.__name__}_template_{new_id().hex[-8:]}")
        await asyncio.to_thread(migrations.migrate, package, template)
        await _keep(server, template)
        _templates[place] = template
    url = await _copy(server, _templates[place])
    database = await Database.open(package.__name__, url, clock=clock)
    try:
        yield database
    finally:
        await database.close()
        if not kept:
            await server.drop_database(urlsplit(url).path.lstrip("/"))


async def _keep(server: PostgresServer, template_url: str) -> None:
    """Give a template to the superuser: what its owner has is handed on to the owner of each copy, databases too."""
    owner = await asyncpg.connect(server.url())
    try:
        await owner.execute(f'ALTER DATABASE "{urlsplit(template_url).path.lstrip("/")}" OWNER TO CURRENT_USER')
    finally:
        await owner.close()


async def _copy(server: PostgresServer, template_url: str) -> str:
    """Copy a service's database, with an owner of its own; answers the URL of the copy."""
    template = urlsplit(template_url)
    name = f"copy_{new_id().hex[-12:]}"
    url = await server.create_service_database(name, template.path.lstrip("/"))
    inside = await asyncpg.connect(urlsplit(server.url())._replace(path=f"/{name}").geturl())
    try:
        await inside.execute(f'REASSIGN OWNED BY "{template.username}" TO "{name}"')
    finally:
        await inside.close()
    return url


def cause(actor: str = "test", at: datetime = MORNING, **facts: Any) -> Cause:
    """Make a cause for a model's method."""
    return Cause(actor=actor, at=at, **facts)


async def perform(database: Database, function: Callable[..., Any], *messages: Any, actor: str = "test") -> list[Any]:
    """Run a reaction, command or outcome on messages in one batch, as the chassis does; answers their results.

    Raises the first refusal. Events get an id of their own, so hearing the same object twice is a new event; use `hear_again`
    to repeat one.
    """
    items = [_item(database, function, message, actor) for message in messages]
    await batch.run(database, items)
    for item in items:
        if item.refusal is not None:
            raise item.refusal
    return [item.result for item in items]


def _item(database: Database, function: Callable[..., Any], message: Any, actor: str) -> Item:
    event_id = new_id() if isinstance(message, Event) else None
    correlation = message.key if isinstance(message, Event) else None
    why = Cause(actor, database.clock(), event_id, correlation, sequence=next(_sequence))
    kind = message.type if isinstance(message, Event) else ""
    return Item(message, Function.of(function), why, event_id=event_id, event_type=kind)


async def hear_again(database: Database, function: Callable[..., Any], message: Event, times: int = 2) -> list[int]:
    """Handle the same event `times` times; answers how many were new each time."""
    item = _item(database, function, message, "test")
    return [await batch.run(database, [item]) for _ in range(times)]


async def told(database: Database, key: object = None) -> Sequence[Event]:
    """Answer the facts told so far, about `key` or all, in the order they were told."""
    async with database.transaction() as transaction:
        rows = await transaction.fetch(
            """SELECT type, payload FROM outbox WHERE payload IS NOT NULL AND ($1::text IS NULL OR aggregateid = $1)
            ORDER BY aggregatetype, aggregateid, sequence""",
            None if key is None else str(key),
        )
    return [decode(row["type"], row["payload"].encode()) for row in rows]


async def work(database: Database, jobs: Jobs, gateways: Mapping[type, Any], *only: str) -> int:
    """Do what is due now, of all jobs or those named, as the workers do, until nothing is; answers how many rows were done."""
    done = 0
    while True:
        before = done
        for name, job in jobs.jobs.items():
            if only and name not in only:
                continue
            async with database.transaction() as transaction:
                claimed = await job.due.claim(transaction, CLAIM_SIZE)
            outcomes = claimed if job.call is None else [await job.call(due, *arguments(job, gateways)) for due in claimed]
            items = [
                Item(outcome, job.heard_by or jobs.outcomes[type(outcome)], replace(due.cause, at=database.clock()))
                for due, outcome in zip(claimed, outcomes, strict=True)
            ]
            await batch.run(database, items)
            done += len(items)
        if done == before:
            return done


class Issuer:
    """An OpenID provider of the test's own: it signs tokens and shows the keys to check them with."""

    url = "https://issuer.test"

    def __init__(self, audience: str = "waybill") -> None:
        self._audience = audience
        self._key = ECKey.generate_key("P-256", {"kid": "test", "use": "sig", "alg": "ES256"})

    def token(self, user: str, *roles: str, **claims: Any) -> str:
        """Sign a token for `user` with `roles`, valid for an hour; `claims` overrule."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": [self._audience],
            "sub": user,
            "roles": roles,
            "iat": now,
            "exp": now + 3600,
            **claims,
        }
        return jwt.encode({"alg": "ES256", "kid": "test"}, claims, self._key)

    def headers(self, user: str, *roles: str, **claims: Any) -> dict[str, str]:
        """Make the Authorization header of a request by `user` with `roles`."""
        return {"Authorization": f"Bearer {self.token(user, *roles, **claims)}"}

    def jwks(self) -> dict[str, Any]:
        """Show the public keys."""
        return {"keys": [self._key.as_dict(private=False)]}

    def verifier(self) -> Verifier:
        """Make a verifier that trusts this issuer, without a network."""
        transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json=self.jwks()))
        return Verifier(self.url, self._audience, f"{self.url}/jwks", httpx2.AsyncClient(transport=transport))


@asynccontextmanager
async def serving(app: FastAPI, issuer: Issuer) -> AsyncIterator[httpx2.AsyncClient]:
    """Start a service's app in this process, trusting `issuer`; gives a client of it."""
    async with app.router.lifespan_context(app):
        await app.state.verifier.close()
        app.state.verifier = issuer.verifier()
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://service.test") as client:
            yield client
