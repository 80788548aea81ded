"""Work in batches: many messages, one transaction, a handful of set-based statements.

A batch is handled as: stores fetch (and lock, in key order) the rows of all messages at once; each message's function runs on
them in memory; stores write all changes; facts go to the outbox; one commit. Messages of one key keep their order. A message
whose function refuses (`Refusal`) gets its refusal and leaves nothing behind, since a model checks before it changes. Any other
error undoes the batch, and its messages are tried one by one, so that a bad one takes no other with it; so does a refusal that
came after a change.
"""

import asyncio
import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from types import NoneType, UnionType
from typing import Any, ClassVar, Final, Generic, Protocol, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import asyncpg
import structlog

from chassis.database import TRANSIENT, Database, Transaction
from chassis.domain import Cause, Refusal
from chassis.idempotency import KeyReusedError, Replies, Reply, Request
from chassis.problems import PROBLEM_JSON, refusal_body
from contracts import Event

E_co = TypeVar("E_co", bound=Event, covariant=True)

log = structlog.get_logger()

CONFLICT_ATTEMPTS: Final = 3
AT_A_STRETCH: Final = 50
"""After so many messages of a batch, some 10 ms, others have their turn: a backlog keeps no caller waiting for its batches."""
HELD_UP_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Rest:
    """How long to rest after a batch so that the next one gathers: `share` of what it took, within bounds (seconds).

    The more the machine is at its limit, the longer batches take, so the larger they get and the less each message costs.
    A batch of fewer than `busy` messages is followed by no rest.
    """

    busy: int
    shortest: float
    longest: float
    share: float

    def after(self, found: int, most: int, took: float) -> float:
        """Tell for how long: not at all after a few messages, nor where more than `most` wait already."""
        if not self.busy <= found < most:
            return 0.0
        return min(self.longest, max(self.shortest, self.share * took))


REST: Final = Rest(busy=16, shortest=0.01, longest=0.05, share=1.0)
"""Of commands: callers in a crowd wait no longer, since each costs less."""


class Store(Protocol):
    """What a service keeps of one kind, for the length of one transaction.

    `lock_rank` orders stores that lock rows, the same in every transaction, so that two of them never wait for each other. One
    that can tell how often the row that a message names was changed has a `version_of(message)`, too.
    """

    lock_rank: ClassVar[int]

    def __init__(self, transaction: Transaction) -> None: ...

    async def fetch(self, messages: Sequence[Any]) -> None:
        """Load, and lock in key order, every row that the functions of these messages will ask for."""
        ...

    async def flush(self) -> None:
        """Write all changes, one statement per table."""
        ...


@dataclass(frozen=True, slots=True)
class Answer(Generic[E_co]):
    """What a command tells the world (`events`) and its caller: JSON `body`, `status`, `headers`."""

    body: bytes
    events: Sequence[E_co] = ()
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Later(Generic[E_co]):
    """A fact that is known in full only when the stores have written, like a document's number: made then, told last."""

    make: Callable[[], E_co]


@dataclass(frozen=True, slots=True)
class Function:
    """A reaction, command or outcome, as its signature declares it: what it hears, the stores it takes, what it may tell."""

    call: Callable[..., Any]
    hears: type
    tells: tuple[type[Event], ...]
    stores: tuple[type[Store], ...]
    parameters: tuple[type, ...]
    versioned: tuple[type[Any], ...] = ()
    """Those of its stores that tell when a row was changed."""

    @classmethod
    def of(cls, call: Callable[..., Any]) -> "Function":
        """Read a function's signature; raises TypeError where a parameter is neither a store nor the cause."""
        hints = get_type_hints(call)
        names = list(inspect.signature(call).parameters)
        if not names or "return" not in hints:
            raise TypeError(f"{call.__qualname__} must say what it hears (first parameter) and what it tells (return type)")
        parameters = tuple(hints[name] for name in names[1:])
        for name, parameter in zip(names[1:], parameters, strict=True):
            if parameter is not Cause and not hasattr(parameter, "lock_rank"):
                raise TypeError(f"{call.__qualname__}: parameter {name} must be a store or Cause")
        stores = tuple(parameter for parameter in parameters if parameter is not Cause)
        return cls(
            call=call,
            hears=hints[names[0]],
            tells=tuple(_events_in(hints["return"])),
            stores=stores,
            parameters=parameters,
            versioned=tuple(store for store in stores if hasattr(store, "version_of")),
        )

    @property
    def name(self) -> str:
        """The function's name, which the saga's pages show."""
        return self.call.__name__

    @property
    def purpose(self) -> str:
        """The first line of its docstring."""
        return (inspect.getdoc(self.call) or "").partition("\n")[0]


def _events_in(annotation: Any) -> Iterable[type[Event]]:
    if annotation is None or annotation is NoneType:
        return
    if isinstance(annotation, type) and not get_args(annotation):
        if issubclass(annotation, Event):
            yield annotation
            return
        raise TypeError(f"{annotation.__name__} is not an event")
    if get_origin(annotation) in {Union, UnionType, list, tuple, Sequence, Answer} or hasattr(annotation, "__args__"):
        for part in get_args(annotation):
            if part is not Ellipsis:
                yield from _events_in(part)


@dataclass(slots=True)
class Item:
    """A message with the function that handles it; `event_id` set: an event, which the inbox lets through once only."""

    message: Any
    function: Function
    cause: Cause
    event_id: UUID | None = None
    event_type: str = ""
    request: Request | None = None
    """The idempotent request a command came with; its reply is stored, or found."""
    result: Any = None
    refusal: Refusal | None = None
    future: "asyncio.Future[Any] | None" = None


_REMEMBER = """
INSERT INTO inbox (event_id, type) SELECT id, type FROM unnest($1::uuid[], $2::text[]) AS e(id, type)
ON CONFLICT (event_id) DO NOTHING RETURNING event_id
"""


async def run(database: Database, items: Sequence[Item]) -> int:
    """Handle `items` in one transaction; answers how many were new. Refusals stay with their items, other errors are raised."""
    async with database.transaction() as transaction:
        fresh = await _let_through_once(transaction, items)
        if fresh:
            await _handle(transaction, fresh)
    return len(fresh)


async def _let_through_once(transaction: Transaction, items: Sequence[Item]) -> Sequence[Item]:
    events = {item.event_id: item.event_type for item in items if item.event_id is not None}
    if not events:
        return items
    rows = await transaction.fetch(_REMEMBER, list(events), list(events.values()))
    new = {row["event_id"] for row in rows}
    fresh = []
    for item in items:
        if item.event_id is None:
            fresh.append(item)
        elif item.event_id in new:
            new.discard(item.event_id)  # the same event may stand twice in one batch
            fresh.append(item)
    return fresh


async def _handle(transaction: Transaction, items: Sequence[Item]) -> None:
    asked: dict[type[Store], list[Any]] = {}
    for item in items:
        for kind in item.function.stores:
            asked.setdefault(kind, []).append(item.message)
    replies = Replies(transaction)
    requests = [item.request for item in items if item.request is not None]
    if requests:
        await replies.fetch(requests)
    stores: dict[type, Any] = {}
    for kind in sorted(asked, key=lambda kind: kind.lock_rank):
        stores[kind] = kind(transaction)
        await stores[kind].fetch(asked[kind])
    later: list[tuple[Later[Any], Cause]] = []
    for number, item in enumerate(items, 1):
        later += _apply(transaction, item, stores, replies)
        if number % AT_A_STRETCH == 0:
            await asyncio.sleep(0)
    if any(item.refusal is None for item in items):  # of those who are all refused nothing is written
        for store in stores.values():
            await store.flush()
    for fact, cause in later:
        transaction.emit(fact.make(), cause)
    await replies.flush()


def _apply(
    transaction: Transaction, item: Item, stores: dict[type, Any], replies: Replies
) -> Sequence[tuple[Later[Any], Cause]]:
    """Run an item's function and tell its facts; answers those that are told when the stores have written."""
    arguments = [item.cause if parameter is Cause else stores[parameter] for parameter in item.function.parameters]
    versions = _versions(item, stores) if item.event_id is None else []
    try:
        if item.request is not None:
            item.result = replies.find(item.request)
            if item.result is not None:
                return ()
        item.result = item.function.call(item.message, *arguments)
    except KeyReusedError as refusal:
        item.refusal = refusal
        return ()
    except Refusal as refusal:
        if item.event_id is not None:
            raise  # a fact has happened: refusing it is a fault of ours, and the inbox must not remember it as handled
        if _versions(item, stores) != versions:
            raise RefusedLateError(refusal) from refusal
        _refuse(item, refusal, replies)
        return ()
    later = []
    for event in _told(item.result):
        if isinstance(event, Later):
            later.append((event, item.cause))
        else:
            transaction.emit(event, item.cause)
    if item.request is not None:
        answer = item.result
        replies.keep(item.request, Reply(answer.status, answer.body, answer.headers))
    return later


def _refuse(item: Item, refusal: Refusal, replies: Replies) -> None:
    item.refusal = refusal
    if item.request is not None:
        replies.keep(item.request, Reply(refusal.status, refusal_body(refusal), {"Content-Type": PROBLEM_JSON}))


def _versions(item: Item, stores: dict[type, Any]) -> list[Any]:
    return [stores[kind].version_of(item.message) for kind in item.function.versioned]


def _told(result: Any) -> Sequence[Event | Later[Any]]:
    if result is None:
        return ()
    if isinstance(result, Event | Later):
        return (result,)
    events: Sequence[Event | Later[Any]] = result.events if isinstance(result, Answer) else result
    return events


class Batcher:
    """Lets concurrent callers share a transaction: while one batch commits, the next one gathers.

    `submit` answers after the commit, so an answer always tells of something durable. `limit` bounds what waits; past it
    callers are told to come back, which keeps memory bounded under a slow database. One batch runs at a time, unless it is
    held up (by a lock, by the disk): then those who come later go past it in another lane.
    """

    def __init__(self, database: Database, *, size: int = 200, limit: int = 2000, lanes: int = 3) -> None:
        self._database = database
        self._size = size
        self._limit = limit
        self._waiting: list[Item] = []
        self._free = self._lanes = lanes
        self._began_at = 0.0
        self._look_again: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.batches = 0

    async def submit(self, item: Item) -> Any:
        """Handle `item` with its neighbours; answers the function's result, or raises its refusal or error."""
        if len(self._waiting) >= self._limit:
            raise BusyError("more requests are waiting than can be answered soon", retry_after=1)
        item.future = asyncio.get_running_loop().create_future()
        self._waiting.append(item)
        self._start()
        return await item.future

    def _start(self) -> None:
        if not self._free or not self._waiting:
            return
        loop = asyncio.get_running_loop()
        if self._free < self._lanes and loop.time() - self._began_at < HELD_UP_SECONDS:
            if self._look_again is None:
                self._look_again = loop.call_later(HELD_UP_SECONDS, self._start_another)
        else:
            self._free -= 1
            self._began_at = loop.time()
            task = asyncio.create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _start_another(self) -> None:
        """See whether those who wait are held up."""
        self._look_again = None
        self._start()

    async def _work(self) -> None:
        """Run batches until nothing waits; a lane is free again afterwards."""
        try:
            await asyncio.sleep(0)  # let callers that are ready now join: one turn of the loop, no waiting
            while self._waiting:
                self._began_at = asyncio.get_running_loop().time()
                batch, self._waiting = self._waiting[: self._size], self._waiting[self._size :]
                await self._settle(batch)
                if rest := REST.after(len(batch), self._size, asyncio.get_running_loop().time() - self._began_at):
                    await asyncio.sleep(rest)
        finally:
            self._free += 1
            self._start()

    async def _settle(self, batch: list[Item]) -> None:
        self.batches += 1
        try:
            await self._run(batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to a caller, who gets it
            if len(batch) > 1 and not isinstance(error, TRANSIENT):
                for item in batch:
                    item.result = item.refusal = None
                    await self._settle([item])
                return
            for item in batch:
                _answer(item, error)
            return
        for item in batch:
            _answer(item, item.refusal)

    async def _run(self, batch: list[Item]) -> None:
        """Run a batch, again where it only met another transaction in its way.

        What another process has written meanwhile under the same key, a stored reply above all, is found the next time.
        """
        for _ in range(CONFLICT_ATTEMPTS):
            try:
                await run(self._database, batch)
            except (asyncpg.TransactionRollbackError, asyncpg.UniqueViolationError):
                for item in batch:
                    item.result = item.refusal = None
            else:
                return
        await run(self._database, batch)


def _answer(item: Item, error: BaseException | None) -> None:
    if isinstance(error, RefusedLateError):
        log.error("refused_late", function=item.function.name, refusal=error.refusal.slug)
        error = error.refusal
    future = item.future
    if future is None or future.done():  # the caller went away; what was committed stands
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(item.result)


class RefusedLateError(Exception):
    """A function has changed a row and then refused: its facts are lost, so nothing of it may be written."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


class BusyError(Refusal):
    """The service has more work than it can take; come back after `retry_after` seconds."""

    slug = "busy"
    title = "Too busy right now"
    status = 503
