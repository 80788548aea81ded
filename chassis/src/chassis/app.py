"""A service process: its database, broker, roles and routes, started in order and stopped in reverse.

The process serves while the broker is away: it connects in the background and keeps trying, and what is committed meanwhile
waits in the outbox. `/livez` tells that the process answers, `/readyz` whether each part does its work, `/metrics` how much.
"""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

import structlog
import uvicorn
from fastapi import APIRouter, FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic_core import to_json

from chassis import clocks, commands, dead_letter_api, facts_api, health_api, migrations, problems, tasks, upkeep
from chassis.auth import Verifier
from chassis.batch import Batcher
from chassis.broker import Broker
from chassis.clocks import Clock
from chassis.commands import Commands
from chassis.database import TRANSIENT, Database
from chassis.deadletters import DeadLetters
from chassis.jobs import Jobs, Waker, Workers
from chassis.limits import BUSY, AtOnce, Doors, Limiter, Streams, TellAllowance
from chassis.open_work import Work
from chassis.reactions import Consumer, Reactions
from chassis.relay import Relay
from chassis.requests import BodyLimit
from chassis.settings import ServiceSettings
from chassis.tail import Tail
from chassis.telemetry import Metrics, configure_logging, configure_tracing
from contracts import Topic

READINESS_SECONDS: Final = 2.0
CONNECT_RETRY_SECONDS: Final = 1.0
WATCH_SECONDS: Final = 2.0
START_SECONDS: Final = 60.0
STEP_SECONDS: Final = 60.0
"""How long a step that needs the broker may take before it is tried anew: aiokafka waits for some answers for ever."""
COLLECTOR_THRESHOLDS: Final = (20_000, 20, 20)

Gateways = Callable[[], AbstractAsyncContextManager[Mapping[type, Any]]]
log = structlog.get_logger()


@asynccontextmanager
async def no_gateways() -> AsyncIterator[Mapping[type, Any]]:
    """Stand for a service that calls nothing outside."""
    yield {}


@dataclass(frozen=True, slots=True)
class Parts:
    """What a service is made of; its `main.py` fills this in."""

    name: str
    title: str
    api: APIRouter
    reactions: Reactions
    jobs: Jobs
    gateways: Gateways = no_gateways
    tail: Topic | None = None
    """The topic that drives `Prefer: wait` and live updates."""
    measure: Callable[[Database, Metrics], Any] | None = None
    """Counts the service's open work for the metrics."""
    work: Sequence[Work] = ()
    """What the service may still owe about a key."""
    gather_ms: int = 0
    """How long the broker may gather records for it: a service that nobody waits for works in fewer, larger batches."""


class Process:
    """The running parts of one service process."""

    def __init__(self, parts: Parts, settings: ServiceSettings, database: Database) -> None:
        self.parts = parts
        self.settings = settings
        self.database = database
        self.metrics = Metrics()
        self.broker = Broker(settings.kafka_bootstrap_servers, client_id=parts.name, instance=settings.instance)
        self.relay = Relay(database, self.broker)
        self.dead_letters = DeadLetters(database, self.broker)
        self.consumer: Consumer | None = None
        self.workers: Workers | None = None
        self.tail: Tail | None = None
        self._connected = False
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, gateways: Mapping[type, Any]) -> None:
        """Start every part that this process has; those that need the broker follow when it answers."""
        await upkeep.prepare(self.database, self.settings.outbox_retention_days)
        await self.relay.start()
        if "workers" in self.settings.roles:
            self.workers = Workers(self.parts.jobs, self.database, Batcher(self.database), gateways)
            await self.workers.start()
        else:
            self.database.workforce = Waker(self.database)
        always = (
            self._connect(),
            upkeep.keep_up(self.database, self.settings.outbox_retention_days),
            upkeep.keep_time(self.database),
        )
        self._tasks = [asyncio.create_task(one) for one in always]

    async def stop(self) -> None:
        """Stop in reverse: no new work, finish what is at hand, publish it, disconnect."""
        await tasks.cancel(self._tasks)
        if self.consumer is not None:
            await self.consumer.stop()
        if self.tail is not None:
            await self.tail.stop()
        if self.workers is not None:
            await self.workers.stop()
        await self.relay.stop()
        if self._connected:
            await self.broker.stop()

    async def _connect(self) -> None:
        """Connect, and keep alive what listens; a consumer that stopped itself waits for a person."""
        await self._in_the_end(self.broker.start)
        self._connected = True
        self.relay.connected()
        if "reactions" in self.settings.roles and self.parts.reactions.functions:
            await self._in_the_end(self._consume)
        if "api" in self.settings.roles and self.parts.tail is not None:
            await self._in_the_end(self._follow)
        log.info("connected")
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if self.consumer is not None and not self.consumer.alive and self.consumer.stopped_because is None:
                log.error("consumer_restarted", died=self.consumer.died_of)
                await self._in_the_end(self._consume)
            if self.tail is not None and not self.tail.alive:
                log.error("tail_restarted")
                await self._in_the_end(self._follow)

    async def _in_the_end(self, step: Callable[[], Awaitable[None]]) -> None:
        """Try a step that needs the broker until it succeeds: whatever it fails of, a process that gives up hears nothing."""
        while True:
            try:
                async with asyncio.timeout(STEP_SECONDS):
                    await step()
            except Exception as error:  # noqa: BLE001 - it is tried again, and readiness says meanwhile what is missing
                log.warning("broker_unavailable", error=type(error).__name__, detail=str(error)[:200])
                await asyncio.sleep(CONNECT_RETRY_SECONDS)
            else:
                return

    async def _consume(self) -> None:
        """Begin to consume, in place of the consumer that there was."""
        before = self.consumer
        self.consumer = Consumer(
            self.parts.reactions,
            self.database,
            self.broker,
            self.dead_letters,
            self.metrics,
            batch_size=self.settings.batch_size,
            dead_letter_limit=self.settings.dead_letter_limit,
            on_assignment=self.relay.note_alone,
            gather_ms=self.parts.gather_ms,
        )
        if before is not None:
            await before.stop()
        await self.consumer.start()

    async def _follow(self) -> None:
        """Follow the topic that callers wait for, in place of the tail that there was."""
        if self.tail is not None:
            await self.tail.stop()
            await self.tail.start()
        elif self.parts.tail is not None:
            tail = Tail(self.broker, self.parts.tail.name)
            await tail.start()
            self.tail = tail  # now, and not before: whoever finds one relies on it

    async def readiness(self) -> dict[str, str]:
        """Tell of each part whether it does its work: `ok`, or what is wrong."""
        consumer_stopped = self.consumer.stopped_because if self.consumer is not None else None
        relay_fails = self.relay.failing_since is not None
        return {
            "database": await _within(self._database_answers()),
            "broker": await _within(self._broker_answers()),
            "relay": "ok" if self.relay.alive and not relay_fails else "cannot publish" if relay_fails else "stopped",
            "consumer": self._state("reactions", self.consumer, consumer_stopped),
            "workers": self._state("workers", self.workers, None),
            "tail": self._state("api", self.tail, None) if self.parts.tail is not None else "ok",
        }

    def _state(self, role: Any, part: Any, reason: str | None) -> str:
        if role not in self.settings.roles:
            return "ok"
        if part is None:
            return "not started"
        return "ok" if part.alive else reason or "stopped"

    async def _database_answers(self) -> None:
        async with self.database.pool.acquire(timeout=READINESS_SECONDS) as connection:
            await connection.fetchval("SELECT 1")

    async def _broker_answers(self) -> None:
        if not self._connected or not await self.broker.ping(READINESS_SECONDS):
            raise ConnectionError("does not answer")

    async def measure(self) -> bytes:
        """Render the metrics, with the gauges read now."""
        async with self.database.transaction() as transaction:
            rows = await transaction.fetch(
                "SELECT count(*) AS n, coalesce(extract(epoch FROM now() - min(created_at)), 0) AS age FROM outbox_unpublished"
            )
        self.metrics.outbox_pending.set(max(0, rows[0]["n"] - self.database.waiting_to_clear))
        self.metrics.outbox_oldest_age.set(float(rows[0]["age"]) if rows[0]["n"] > self.database.waiting_to_clear else 0.0)
        self.metrics.published.set(self.relay.published)
        if self.consumer is not None:
            with contextlib.suppress(TimeoutError):  # while the broker is away nobody knows; the gauges keep what they said
                async with asyncio.timeout(READINESS_SECONDS):
                    lags = await self.consumer.lag()
                self.metrics.consumer_lag.clear()  # of a partition that has moved the new owner tells
                for (topic, partition), lag in lags.items():
                    self.metrics.consumer_lag.labels(topic, str(partition)).set(lag)
        if self.parts.measure is not None:
            await self.parts.measure(self.database, self.metrics)
        return generate_latest(self.metrics.registry)


def spare_the_collector() -> None:
    """Have Python look for reference cycles seldom, and never among what lives as long as the process.

    A batch holds some ten thousand objects, all freed by their reference counts; at Python's default the collector walked
    through them every 700 allocations, which took a quarter of a busy service's processor time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTOR_THRESHOLDS)


async def _within(check: Any) -> str:
    try:
        async with asyncio.timeout(READINESS_SECONDS):
            await check
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
        return f"{type(error).__name__}: {error}"[:200] or type(error).__name__
    return "ok"


def create_app(parts: Parts, settings: ServiceSettings, *, clock: Clock) -> FastAPI:
    """Put a service together; nothing connects before it is served."""
    provider = configure_tracing(parts.name, settings.otlp_endpoint, settings.trace_sample_ratio)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            database = await _open(parts.name, settings, clock)
            stack.push_async_callback(database.close)
            database.remembered[type(settings)] = settings  # a reaction has no other way to them than through its stores
            gateways = await stack.enter_async_context(parts.gateways())
            process = Process(parts, settings, database)
            verifier = Verifier(settings.auth_issuer, settings.auth_audience, settings.auth_jwks_url)
            stack.push_async_callback(verifier.close)
            app.state.process = process
            app.state.database = database
            app.state.commands = Commands(Batcher(database))
            app.state.verifier = verifier
            app.state.limiter = Limiter(settings.requests_per_minute)
            app.state.streams = Streams(settings.streams_per_caller, settings.streams_at_once)
            app.state.settings = settings
            app.state.gateways = gateways
            await process.start(gateways)
            stack.push_async_callback(process.stop)
            spare_the_collector()
            yield
        if provider is not None:
            provider.shutdown()

    tracing = {"tracing": provider is not None, "metrics": False, "logs": False, "operation_spans": False}
    app = FastAPI(title=parts.title, version="1.0.0", lifespan=lifespan, telemetry=tracing)  # type: ignore[arg-type]
    app.add_middleware(BodyLimit)
    app.add_middleware(TellAllowance)
    app.state.doors = Doors(settings.requests_at_once)
    app.add_middleware(AtOnce, doors=app.state.doors, refused=lambda: app.state.process.metrics.refused.labels(BUSY).inc())
    routers = [_health]
    if "api" in settings.roles:
        # The service's own routes first, all in one flat list: a request is matched against one route after the other.
        routers = [
            parts.api,
            _health,
            dead_letter_api.router(parts.name, parts.reactions),
            facts_api.router(parts.name, parts.work),
            health_api.router(parts.name),
        ]
    for router in routers:
        app.router.routes.extend(router.routes)
    problems.install(app)
    app.openapi = _documented(app)  # type: ignore[method-assign]
    return app


def _documented(app: FastAPI) -> Callable[[], dict[str, Any]]:
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            commands.document(generate())
        return generate()

    return openapi


async def _open(name: str, settings: ServiceSettings, clock: Clock) -> Database:
    """Connect to the database, waiting for one that is still starting."""
    deadline = asyncio.get_running_loop().time() + START_SECONDS
    while True:
        try:
            return await Database.open(
                name, settings.database_url.get_secret_value(), pool_size=settings.database_pool_size, clock=clock
            )
        except TRANSIENT as error:
            if asyncio.get_running_loop().time() > deadline:
                raise
            log.warning("database_unavailable", error=type(error).__name__)
            await asyncio.sleep(CONNECT_RETRY_SECONDS)


_health = APIRouter(tags=["operations"])


@_health.get("/livez")
async def livez() -> dict[str, str]:
    """Tell that the process answers."""
    return {"status": "ok"}


@_health.get("/readyz")
async def readyz(request: Request) -> Response:
    """Tell whether every part of the process does its work; 503 names those that do not."""
    process: Process = request.app.state.process
    parts = await process.readiness()
    ready = all(state == "ok" for state in parts.values())
    body = to_json({"status": "ok" if ready else "not ready", "parts": parts})
    return Response(body, 200 if ready else 503, media_type="application/json")


@_health.get("/metrics")
async def metrics(request: Request) -> Response:
    """Tell the measurements in Prometheus' text format."""
    process: Process = request.app.state.process
    return Response(await process.measure(), media_type=CONTENT_TYPE_LATEST)


def main(
    package: ModuleType, arguments: list[str], settings: Callable[[], ServiceSettings], app: Callable[[Any], FastAPI]
) -> None:
    """Run a service's command line: `migrate`, or nothing to serve."""
    if arguments not in ([], ["migrate"]):
        raise SystemExit(f"usage: python -m {package.__name__} [migrate]")
    chosen = settings()
    clocks.mislead()
    configure_logging(package.__name__, chosen.log_level)
    if arguments == ["migrate"]:
        migrations.migrate(package, chosen.database_url.get_secret_value())
        return
    uvicorn.run(
        app(chosen),
        host=chosen.http_host,
        port=chosen.http_port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=5,
        proxy_headers=False,
        server_header=False,
    )
