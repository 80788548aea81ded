"""Work on due rows: calls to the outside, and deadlines. The row itself is the job.

A job is declared like a reaction. An `async` function calls the outside with what is due and answers an outcome; the function
that hears this outcome, with stores, writes it and tells its facts in one transaction. A plain function hears what is due
directly: a deadline. What is due is a class whose `claim` takes due rows (`FOR UPDATE SKIP LOCKED`) by moving their due time
past the lease, so a process that dies leaves them due again, and whose outcome sets or clears the next due time. A transaction
that makes a row due at once may write it as claimed, as far as this process's workers have room, and hand it to them. No call
to the outside is ever made inside a transaction; an outcome that is not known leaves the row due, and the next attempt asks.
"""

import asyncio
import inspect
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol, Self, TypeVar, get_type_hints

import structlog

from chassis import tasks
from chassis.batch import Batcher, Function, Item
from chassis.database import TRANSIENT, Database, Transaction, backoff
from chassis.domain import Cause
from chassis.telemetry import continued

CLAIM_SIZE: Final = 200
CALLS_AT_ONCE: Final = 100
HANDED_AT_MOST: Final = 300
"""So many rows may wait here for their call; what is not taken over is due at once, and claimed as soon as there is room."""
HANDED_SECONDS: Final = 3.0
"""So many seconds' worth of calls may wait, at the pace at which calls end: more would outlast PATIENCE_SECONDS."""
PATIENCE_SECONDS: Final = 8.0
"""How long a row that was handed over waits for its call at the most; after that too little of its lease is left, and it waits
for the end of it. Lease, patience and the time-out of a call fit into each other."""
LONGEST_NAP_SECONDS: Final = 5.0
RETRY_SECONDS: Final = 1.0
STOP_SECONDS: Final = 8.0
WRITE_ATTEMPTS: Final = 18
"""Some fifteen seconds: less than the lease of any row whose outcome is to be written."""
DUE_CHANNEL: Final = "waybill_due"

F = TypeVar("F", bound=Callable[..., Any])
log = structlog.get_logger()


class Due(Protocol):
    """A due row, claimed."""

    @property
    def cause(self) -> Cause:
        """Tell why the work is done, and in which trace."""
        ...

    @classmethod
    async def claim(cls, transaction: Transaction, limit: int) -> Sequence[Self]:
        """Claim due rows: move their due time past the lease and count the attempt."""
        ...

    @classmethod
    async def next_due(cls, transaction: Transaction) -> datetime | None:
        """Tell when the next row is due; None when none is waiting."""
        ...


@dataclass(frozen=True, slots=True)
class Job:
    """A job as declared: what it works on, the call it makes (None for a deadline), who hears the outcome."""

    name: str
    due: type[Due]
    call: Callable[..., Awaitable[Any]] | None
    heard_by: Function | None


class Jobs:
    """The jobs of one service."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.jobs: dict[str, Job] = {}
        self.outcomes: dict[type, Function] = {}

    def on(self, due: type[Any]) -> Callable[[F], F]:
        """Declare a job: an async function calls the outside, a plain one is the deadline's reaction itself."""

        def declare(call: F) -> F:
            if inspect.iscoroutinefunction(call):
                self.jobs[call.__name__] = Job(call.__name__, due, call, None)
            else:
                function = self._own(Function.of(call))
                self.jobs[call.__name__] = Job(call.__name__, due, None, function)
            return call

        return declare

    def outcome(self, call: F) -> F:
        """Declare who hears an outcome, by the type of the function's first parameter."""
        function = self._own(Function.of(call))
        self.outcomes[function.hears] = function
        return call

    def _own(self, function: Function) -> Function:
        for told in function.tells:
            if told.topic.publisher != self.service:
                raise TypeError(f"{function.name} tells {told.__name__}, which is {told.topic.publisher}'s to tell")
        return function


class Workers:
    """Runs the jobs of a service in this process."""

    def __init__(self, jobs: Jobs, database: Database, batcher: Batcher, gateways: Mapping[type, Any]) -> None:
        self._database = database
        self._workers = {
            name: _Worker(job, jobs.outcomes, database, batcher, arguments(job, gateways)) for name, job in jobs.jobs.items()
        }
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to work; transactions of this process wake the jobs they name."""
        self._database.workforce = self
        self._listener = asyncio.create_task(self._listen())
        self._tasks = [asyncio.create_task(worker.run()) for worker in self._workers.values()]

    async def stop(self) -> None:
        """Finish the calls under way, for a moment, and stop."""
        for worker in self._workers.values():
            worker.closing = True
            worker.wake.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=10)
            for task in late:
                log.warning("job_cut_short", at=[f"{frame.f_code.co_qualname}:{frame.f_lineno}" for frame in task.get_stack()])
        await tasks.cancel([self._listener, *self._tasks])

    async def _listen(self) -> None:
        """Be woken by processes of this service that have no workers of their own."""
        while True:
            try:
                async with self._database.pool.acquire() as connection:
                    await connection.add_listener(DUE_CHANNEL, self._heard)
                    await connection.execute("SELECT 1")
                    gone = asyncio.Event()
                    connection.add_termination_listener(_setting(gone))
                    try:
                        await gone.wait()
                    finally:
                        if not connection.is_closed():
                            await connection.remove_listener(DUE_CHANNEL, self._heard)
            except Exception as error:  # noqa: BLE001 - the database is away: due rows are found by the regular look meanwhile
                log.warning("listening_failed", error=type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)

    def _heard(self, *call: Any) -> None:
        self.wake(call[3])

    def wake(self, job: str) -> None:
        """Look at the due rows of a job now; a process without workers leaves it to those that have them."""
        if job in self._workers:
            self._workers[job].wake.set()

    def room(self, job: str) -> int:
        """Tell how many rows of a job can be begun at once."""
        return self._workers[job].room

    def begin(self, job: str, due: Sequence[Any]) -> None:
        """Work on rows that were written as claimed."""
        self._workers[job].begin(due)

    @property
    def alive(self) -> bool:
        """Whether every job is being worked on."""
        return not any(task.done() for task in self._tasks)


def arguments(job: Job, gateways: Mapping[type, Any]) -> list[Any]:
    """Find the gateways that a job's call takes; raises TypeError where one was not given."""
    if job.call is None:
        return []
    hints = get_type_hints(job.call)
    names = list(inspect.signature(job.call).parameters)[1:]
    for name in names:
        if hints[name] not in gateways:
            raise TypeError(f"{job.name}: no gateway of type {hints[name]} was given")
    return [gateways[hints[name]] for name in names]


def _setting(event: asyncio.Event) -> Callable[[Any], None]:
    return lambda _: event.set()


class Waker:
    """Wakes the workers of other processes, for a process that has none: a notice of its own, after the commit."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def room(self, _: str) -> int:
        """Tell that nothing can be done here."""
        return 0

    def begin(self, job: str, _: Sequence[Any]) -> None:
        """Refuse: where there is no room nothing is begun."""
        raise RuntimeError(f"{job} was begun in a process without workers")

    def wake(self, job: str) -> None:
        """Have `job` looked at; wishes that come while one is on its way join it."""
        if job not in self._tasks:
            task = self._tasks[job] = asyncio.create_task(self._notify(job))
            task.add_done_callback(lambda _: self._tasks.pop(job, None))

    async def _notify(self, job: str) -> None:
        try:
            async with self._database.pool.acquire() as connection:
                await connection.execute("SELECT pg_notify($1, $2)", DUE_CHANNEL, job)
        except Exception as error:  # noqa: BLE001 - the regular look at due rows is the safety net
            log.warning("waking_failed", job=job, error=type(error).__name__)


class Pace:
    """How many calls end in a second, as of late."""

    def __init__(self, now: float) -> None:
        self._since = now
        self._ended = 0
        self._before = 0.0

    def ended(self, now: float) -> None:
        """Count a call that ended."""
        if now - self._since >= 1.0:
            self._before = self._ended / (now - self._since)
            self._since, self._ended = now, 0
        self._ended += 1

    def a_second(self, now: float) -> float:
        """Tell the pace: of this second, or of the one before while this one is young."""
        elapsed = now - self._since
        return self._ended / elapsed if elapsed >= 1.0 else max(self._before, float(self._ended))


class _Worker:
    """Claims and does the due rows of one job."""

    def __init__(
        self, job: Job, outcomes: Mapping[type, Function], database: Database, batcher: Batcher, arguments: Sequence[Any]
    ) -> None:
        self._job = job
        self._outcomes = outcomes
        self._database = database
        self._batcher = batcher
        self._arguments = arguments
        self._slots = CALLS_AT_ONCE
        self._asked_at = float("-inf")
        self._pace = Pace(asyncio.get_running_loop().time())
        self._running: set[asyncio.Task[None]] = set()
        self._handed: deque[tuple[float, Due]] = deque()
        self.wake = asyncio.Event()
        self.closing = False

    async def run(self) -> None:
        while not self.closing:
            self.wake.clear()
            try:
                more = await self._claim()
                nap = 0.0 if more else await self._until_next()
            except Exception as error:  # noqa: BLE001 - the database is away: the rows stay due, the next round claims them
                log.warning("claim_failed", job=self._job.name, error=type(error).__name__, detail=str(error)[:200])
                nap = RETRY_SECONDS
            if nap > 0:
                await self._nap(nap)
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                while self._running:  # those that were handed over follow those under way
                    await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)

    @property
    def room(self) -> int:
        """How many rows can be taken over from a transaction."""
        if self.closing:
            return 0
        soon = self._slots + int(self._pace.a_second(asyncio.get_running_loop().time()) * HANDED_SECONDS)
        return max(0, min(HANDED_AT_MOST, soon) - len(self._handed))

    def begin(self, due: Iterable[Due]) -> None:
        """Work on claimed rows: at once, or as soon as calls under way end."""
        now = asyncio.get_running_loop().time()
        self._handed.extend((now, one) for one in due)
        self._begin_handed()

    def _begin_handed(self) -> None:
        latest = asyncio.get_running_loop().time() - PATIENCE_SECONDS
        while self._handed and self._slots > 0:
            since, due = self._handed.popleft()
            if since >= latest:
                self._start(due)

    def _start(self, due: Due) -> None:
        self._slots -= 1
        task = asyncio.create_task(self._do(due))
        self._running.add(task)
        task.add_done_callback(self._finished)

    async def _claim(self) -> bool:
        """Claim due rows and begin with them; answers whether there may be more."""
        limit = min(self._slots, CLAIM_SIZE)
        if limit <= 0:  # rows may have been handed over while others were claimed
            await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
            return True
        async with self._database.single_statement() as transaction:
            due = await self._job.due.claim(transaction, limit)
        for one in due:
            self._start(one)
        return len(due) == limit

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._running.discard(task)
        self._slots += 1
        self._pace.ended(asyncio.get_running_loop().time())
        self._begin_handed()

    async def _until_next(self) -> float:
        """Tell how long to nap; rows are asked for their due times once a second at the most, being woken costs no look."""
        now = asyncio.get_running_loop().time()
        if now - self._asked_at < RETRY_SECONDS:
            return RETRY_SECONDS
        self._asked_at = now
        async with self._database.single_statement() as transaction:
            at = await self._job.due.next_due(transaction)
        if at is None:
            return LONGEST_NAP_SECONDS
        return min(LONGEST_NAP_SECONDS, max(0.01, (at - self._database.clock()).total_seconds()))

    async def _nap(self, seconds: float) -> None:
        """Sleep until woken; rows that other processes left are found after LONGEST_NAP_SECONDS at the latest."""
        try:
            async with asyncio.timeout(seconds):
                await self.wake.wait()
        except TimeoutError:
            return

    async def _write(self, item: Item) -> None:
        """Write an outcome; what is known is worth waiting for, as long as the database is away only for a moment."""
        for attempt in range(WRITE_ATTEMPTS):
            try:
                await self._batcher.submit(item)
            except TRANSIENT as error:
                log.warning("outcome_waits", job=self._job.name, error=type(error).__name__)
                await asyncio.sleep(backoff(attempt))
            else:
                return
        await self._batcher.submit(item)

    async def _do(self, due: Due) -> None:
        try:
            with continued(self._job.name, due.cause.traceparent, order_id=due.cause.correlation_id or "") as traceparent:
                outcome = due if self._job.call is None else await self._job.call(due, *self._arguments)
                was = due.cause
                cause = Cause(was.actor, self._database.clock(), was.event_id, was.correlation_id, traceparent)
                function = self._job.heard_by or self._outcomes[type(outcome)]
                await self._write(Item(outcome, function, cause))
        except Exception as error:  # noqa: BLE001 - the row stays due: it is tried again after its lease
            order, kind, detail = due.cause.correlation_id, type(error).__name__, str(error)[:200]
            log.warning("job_failed", job=self._job.name, order_id=order, error=kind, detail=detail)
