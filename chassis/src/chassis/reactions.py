"""Events in: one function per reaction, handled in batches, at least once and effective once.

A reaction's signature is its row in the saga: the first parameter is the event it hears, the return type the events it may
tell. Offsets are committed after their batches' transactions, so a crash at any line only repeats records, and the inbox drops
the repeats. A passing failure (database away, deadlock) is waited out, nothing is skipped. A record that cannot be handled
goes to the dead-letter topic and the work goes on; a run of them stops the consumer, because then it is we who are wrong. What
precedes the record that stopped it is done: who starts again goes on with that record.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, TypeVar

import structlog
from pydantic import ValidationError

from chassis import batch, failpoints, tasks
from chassis.batch import Function, Item
from chassis.broker import Broker
from chassis.database import TRANSIENT, Database, backoff
from chassis.deadletters import DeadLetter, DeadLetters
from chassis.domain import Cause
from chassis.records import Record
from chassis.telemetry import Metrics, continued
from contracts import REGISTRY, TOPICS, Envelope, EnvelopeError, Event, UnknownTypeError, decode

F = TypeVar("F", bound=Callable[..., Any])

POLL_SECONDS: Final = 5.0
REST: Final = batch.Rest(busy=16, shortest=0.05, longest=0.25, share=3.0)
"""Of consumers: a batch costs some 4 ms of processor time however few records it has. A lone event is never kept waiting."""
STALLED_AFTER_SECONDS: Final = 60.0
DRAIN_SECONDS: Final = 10.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Erased:
    """A tombstone on a compacted topic: what was told about `key` is to be forgotten."""

    topic: str
    key: str


class Reactions:
    """The reactions of one service, by the event they hear."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.functions: dict[type[Event], Function] = {}
        self.erasures: dict[str, Function] = {}

    def on(self, event: type[Event]) -> Callable[[F], F]:
        """Declare a reaction to `event`; raises TypeError where its signature says otherwise, or it tells another's facts."""

        def declare(call: F) -> F:
            function = Function.of(call)
            if function.hears is not event:
                raise TypeError(f"{function.name} is declared for {event.__name__} and hears {function.hears.__name__}")
            if event in self.functions:
                raise TypeError(f"{event.__name__} is heard by {self.functions[event].name} already")
            for told in function.tells:
                if told.topic.publisher != self.service:
                    raise TypeError(f"{function.name} tells {told.__name__}, which is {told.topic.publisher}'s to tell")
            self.functions[event] = function
            return call

        return declare

    def on_erasure(self, event: type[Event]) -> Callable[[F], F]:
        """Declare what happens when a key of the compacted topic of `event` is erased; the function hears `Erased`."""

        def declare(call: F) -> F:
            self.erasures[event.topic.name] = Function.of(call)
            return call

        return declare

    @property
    def topics(self) -> list[str]:
        """The topics this service listens to."""
        return sorted({event.topic.name for event in self.functions})


class UnreadableError(Exception):
    """A record that is no event we can read; `reason` says why in a word."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def read(record: Record, reactions: Reactions, now: datetime) -> Item | None:
    """Make a batch item of a record; None where this service does not hear its type. Raises UnreadableError."""
    if record.value is None and record.key is not None and TOPICS[record.topic].compacted:
        erase = reactions.erasures.get(record.topic)
        return None if erase is None else _erasure(record.topic, record.key, erase, now)
    try:
        for name, text in record.headers:  # the most frequent case, a type that is not heard here, costs no more than this
            if name == "ce_type":
                known = REGISTRY.get(text.decode())
                if known is not None and known not in reactions.functions:
                    return None
                break
        envelope = Envelope.read(record.headers)
        event = decode(envelope.type, record.value or b"")
    except (KeyError, AttributeError, UnicodeDecodeError, EnvelopeError) as error:
        raise UnreadableError("bad-header", f"{type(error).__name__}: {error}") from error
    except UnknownTypeError as error:
        raise UnreadableError("unknown-type", str(error)) from error
    except ValidationError as error:
        # The message names fields and rules and leaves out the values, which may be confidential.
        detail = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_input=False))
        raise UnreadableError("bad-value", detail) from error
    if record.key is None or record.key.decode(errors="replace") != event.key:
        raise UnreadableError("bad-key", "the record's key is not the event's")
    cause = Cause(envelope.source, now, envelope.event_id, envelope.correlation_id, envelope.traceparent, envelope.sequence)
    return Item(event, reactions.functions[type(event)], cause, event_id=envelope.event_id, event_type=envelope.type)


def _erasure(topic: str, key: bytes, function: Function, now: datetime) -> Item:
    name = key.decode(errors="replace")
    return Item(Erased(topic, name), function, Cause(TOPICS[topic].publisher, now, correlation_id=name), event_type="erased")


class Consumer:
    """Consumes a service's topics and has the reactions handle what they hear."""

    def __init__(
        self,
        reactions: Reactions,
        database: Database,
        broker: Broker,
        dead_letters: DeadLetters,
        metrics: Metrics,
        *,
        batch_size: int = 500,
        dead_letter_limit: int = 50,
        on_assignment: Callable[[bool], None] | None = None,
        gather_ms: int = 0,
    ) -> None:
        self.reactions = reactions
        self._database = database
        self._broker = broker
        self._dead_letters = dead_letters
        self._metrics = metrics
        self._batch_size = batch_size
        self._limit = dead_letter_limit
        self._on_assignment = on_assignment
        self._gather_ms = gather_ms
        self._task: asyncio.Task[None] | None = None
        self._in_a_row = 0
        self.stopped_because: str | None = None
        self._stopped_at: Record | None = None
        self.polled_at = time.monotonic()

    async def start(self) -> None:
        """Join the service's consumer group and begin."""
        self._source = await self._broker.subscribe(
            self.reactions.topics,
            group=self.reactions.service,
            on_assignment=self._on_assignment,
            gather_ms=self._gather_ms,
        )
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Finish the batch at hand and leave the group."""
        if self._task is None or self._source.closing:
            return
        self._source.closing = True
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS), self._source.handling:
                await tasks.cancel([self._task])  # between batches: it only waits for records
                await self._source.commit()
        await tasks.cancel([self._task])
        await self._source.close()

    @property
    def alive(self) -> bool:
        """Whether the consumer runs and has polled lately."""
        running = self._task is not None and not self._task.done() and self.stopped_because is None
        return running and time.monotonic() - self.polled_at < STALLED_AFTER_SECONDS

    @property
    def died_of(self) -> str | None:
        """Name the error that ended the consumer, if one did."""
        if self._task is None or not self._task.done() or self._task.cancelled():
            return None
        return repr(self._task.exception())

    async def lag(self) -> dict[tuple[str, int], int]:
        """Count the records not yet handled, by topic and partition."""
        return {} if self._task is None else await self._source.lag()

    async def _run(self) -> None:
        while self.stopped_because is None and not self._source.closing:
            records = await self._source.poll(POLL_SECONDS, self._batch_size)
            began_at = self.polled_at = time.monotonic()
            if records:
                async with self._source.handling:
                    await self._handle_all(records)
                    self._source.done(records if self._stopped_at is None else records[: records.index(self._stopped_at)])
            if self._source.commit_is_due or self.stopped_because is not None:
                failpoints.reach("before_offset_commit")
                await self._source.commit()
            if rest := REST.after(len(records), self._batch_size, time.monotonic() - began_at):
                await asyncio.sleep(rest)

    async def _handle_all(self, records: Sequence[Record]) -> None:
        """See a batch through in its order: handled, or put aside, however long the database is away."""
        items: list[tuple[Record, Item]] = []
        for record in records:
            try:
                item = read(record, self.reactions, self._database.clock())
            except UnreadableError as error:
                await self._handle(items)  # what precedes it comes first: it may be what ends a row of dead letters
                items = []
                if self.stopped_because is None:
                    await self._put_aside(record, error.reason, str(error))
                continue
            if item is None:
                self._metrics.skipped.inc()
            else:
                items.append((record, item))
        await self._handle(items)

    async def _handle(self, items: Sequence[tuple[Record, Item]]) -> None:
        if not items or self.stopped_because is not None:
            return
        error = await self._try([item for _, item in items])
        if error is None:
            self._in_a_row = 0
        elif len(items) > 1:  # halves, so that one bad event among many costs a few transactions, and order stays
            await self._handle(items[: len(items) // 2])
            await self._handle(items[len(items) // 2 :])
        else:
            record, _ = items[0]
            log.error("reaction_failed", exc_info=error, type=items[0][1].event_type, order_id=items[0][1].cause.correlation_id)
            await self._put_aside(record, "failed", type(error).__name__)

    async def _try(self, items: list[Item]) -> Exception | None:
        """Run a batch, waiting out what passes; answers the error that does not."""
        attempt = 0
        while True:
            started = time.perf_counter()
            try:
                with ExitStack() as spans:
                    for item in items:
                        if item.cause.traceparent is not None:
                            _continue_trace(item, spans)
                    new = await batch.run(self._database, items)
            except TRANSIENT as error:
                log.warning("database_unavailable", error=type(error).__name__, retry_in=backoff(attempt))
                self.polled_at = time.monotonic()
                await asyncio.sleep(backoff(attempt))
                attempt += 1
                continue
            except Exception as error:  # noqa: BLE001 - handed on: the caller splits the batch or puts the record aside
                return error
            self._count(items, new, time.perf_counter() - started)
            return None

    def _count(self, items: list[Item], new: int, seconds: float) -> None:
        self._metrics.batch_seconds.observe(seconds)
        self._metrics.duplicates.inc(len(items) - new)
        for event_type, count in Counter(item.event_type for item in items).items():
            self._metrics.handled.labels(event_type).inc(count)

    async def _put_aside(self, record: Record, reason: str, detail: str) -> None:
        self._in_a_row += 1
        if self._in_a_row > self._limit:
            self._stopped_at = record
            self.stopped_because = f"{self._in_a_row} records in a row could not be handled; the last: {reason}: {detail[:200]}"
            log.error("consumer_stopped", reason=self.stopped_because)
            return
        self._metrics.dead_letters.labels(reason).inc()
        letter = DeadLetter.of(record, reason, detail, self._database.clock())
        await self._dead_letters.put_aside(letter)


def _continue_trace(item: Item, spans: ExitStack) -> None:
    """Hang the facts that an event leads to below its reaction's span, where its trace is recorded."""
    cause = item.cause
    traceparent = spans.enter_context(continued(item.function.name, cause.traceparent, order_id=cause.correlation_id or ""))
    if traceparent != cause.traceparent:
        item.cause = replace(cause, traceparent=traceparent)
