"""Brings committed facts to the broker, and keeps the order of each key in every case.

The rule: fact `s` of a key is sent only once it is known that `s - 1` was acknowledged by the broker. It is known when `s` is
1, when this process sent `s - 1` itself, or when no earlier fact of the key is listed as unpublished. So the first appearance
of `s` on its topic comes after that of `s - 1`, whoever sends them, with any number of replicas: no leader, no lock. A process
that was stopped and wakes up late can only repeat a fact that others have sent for it, never put it before an earlier one; the
inbox drops repeats, known by their event id.

The committing process sends its facts right after the commit, without reading them again. It holds a claim on them for
PUBLISH_GRACE_SECONDS; whoever finds an expired claim (the process died, the broker was away) claims the facts anew and sends
them in the order of key and sequence. What was acknowledged is cleared together with the next transaction, or soon after.
"""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol

import structlog

from chassis import failpoints, tasks
from chassis.database import PUBLISH_GRACE_SECONDS, TRANSIENT, Database, Outgoing, Published
from contracts import Envelope

REMEMBERED_KEYS: Final = 50_000
WAITING_LIMIT: Final = 20_000
SWEEP_SECONDS: Final = 1.0
SWEEP_SIZE: Final = 1000
BLOCKED_RETRY_SECONDS: Final = 0.01
BLOCKED_TRIES: Final = 100
CLEAR_AFTER_SECONDS: Final = 1.0
SEND_TIMEOUT_SECONDS: Final = 10.0

log = structlog.get_logger()

Place = tuple[str, str]


class Sender(Protocol):
    """The broker, as far as the relay needs it."""

    async def send(self, facts: Sequence[Outgoing]) -> "Sequence[asyncio.Future[Any]]":
        """Put facts on their way; each one's future is done when the broker has acknowledged it."""
        ...


_PREDECESSORS: Final = """
SELECT u.topic, u.key, min(u.sequence) AS first
FROM outbox_unpublished u JOIN unnest($1::text[], $2::text[]) AS w(topic, key) ON u.topic = w.topic AND u.key = w.key
GROUP BY u.topic, u.key
"""

_CLAIM: Final = """
WITH lost AS (
    SELECT topic, key, sequence FROM outbox_unpublished WHERE claimed_until < now()
    ORDER BY topic, key, sequence LIMIT $1 FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE outbox_unpublished u SET claimed_until = now() + $2::float8 * interval '1 second'
    FROM lost WHERE u.topic = lost.topic AND u.key = lost.key AND u.sequence = lost.sequence
    RETURNING u.topic, u.key, u.sequence, u.id
)
SELECT c.topic, c.key, c.sequence, o.id, o.type, o.payload, o.occurred_at, o.correlation_id, o.causation_id, o.traceparent
FROM claimed c JOIN outbox o ON o.id = c.id ORDER BY c.topic, c.key, c.sequence
"""


class Relay:
    """Publishes what this process committed, and what others left behind."""

    def __init__(self, database: Database, sender: Sender) -> None:
        self._database = database
        self._sender = sender
        self._waiting: list[Outgoing] = []
        self._something = asyncio.Event()
        self._to_clear = asyncio.Event()
        self._acknowledged: OrderedDict[Place, int] = OrderedDict()
        self._tasks: list[asyncio.Task[None]] = []
        self._blocked: set[asyncio.Task[None]] = set()
        self._alone = False
        self.published = 0
        self.failing_since: float | None = None

    async def start(self) -> None:
        """Begin to publish; facts of this database's transactions arrive by themselves from now on."""
        self._database.on_told = self.offer
        self._tasks = [asyncio.create_task(task()) for task in (self._publish, self._clear, self._sweep)]

    async def stop(self) -> None:
        """Publish what waits, if the broker lets us, and clear what was published."""
        if self._waiting and self.failing_since is None:
            facts, self._waiting = self._waiting, []
            await self._send_rounds(facts)
        await tasks.cancel([*self._tasks, *self._blocked])
        await self._database.clear_published()

    def offer(self, facts: Sequence[Outgoing]) -> None:
        """Take committed facts to publish; past WAITING_LIMIT they are left to the sweep, so memory stays bounded."""
        if len(self._waiting) < WAITING_LIMIT:
            self._waiting.extend(facts)
            self._something.set()

    def note_alone(self, alone: bool) -> None:  # noqa: FBT001 - a yes or no is what there is to note
        """Note whether this is the only replica; others ask the database what was published, so it is told sooner."""
        self._alone = alone

    def connected(self) -> None:
        """Note that the broker can be reached, so that what waits goes out now."""
        self.failing_since = None

    @property
    def alive(self) -> bool:
        """Whether all parts of the relay run."""
        return bool(self._tasks) and not any(task.done() for task in self._tasks)

    async def _publish(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            facts, self._waiting = self._waiting, []
            if facts:
                await self._send_in_order(facts)

    async def _send_in_order(self, facts: Sequence[Outgoing]) -> None:
        """Send those whose predecessor is known to be out, key by key; look up or hold back the others."""
        unsure = await self._send_rounds(facts)
        if unsure:
            task = asyncio.create_task(self._send_when_due(unsure))
            self._blocked.add(task)
            task.add_done_callback(self._blocked.discard)

    async def _send_rounds(self, facts: Iterable[Outgoing]) -> list[Outgoing]:
        """Send round by round, each fact after its predecessor's acknowledgement; answers those not known to be due."""
        by_place: dict[Place, list[Outgoing]] = defaultdict(list)
        for fact in facts:
            by_place[fact.topic, fact.key].append(fact)
        unsure: list[Outgoing] = []
        while by_place:
            due: list[Outgoing] = []
            for place, queue in list(by_place.items()):
                if self._is_due(place, queue[0].envelope.sequence):
                    due.append(queue.pop(0))
                    if not queue:
                        del by_place[place]
                else:
                    unsure += queue
                    del by_place[place]
            if due and not await self._send(due):
                return []  # the broker is away: the sweep finds them all when their claim expires
        return unsure

    def _is_due(self, place: Place, sequence: int) -> bool:
        return sequence == 1 or self._acknowledged.get(place, 0) >= sequence - 1

    async def _send_when_due(self, facts: list[Outgoing]) -> None:
        """Ask the database about predecessors that others published; after a while leave it to the sweep."""
        for _ in range(BLOCKED_TRIES):
            try:
                await self._learn({(fact.topic, fact.key): fact.envelope.sequence for fact in reversed(facts)})
            except TRANSIENT as error:  # the sweep asks again when their claim expires
                log.warning("predecessors_unknown", error=type(error).__name__)
                return
            facts = await self._send_rounds(facts)
            if not facts:
                return
            await asyncio.sleep(BLOCKED_RETRY_SECONDS)
        log.warning("facts_held_back", count=len(facts), key=facts[0].key)

    async def _learn(self, wanted: dict[Place, int]) -> None:
        """Learn what was published: all that precedes the first fact still listed for a key."""
        async with self._database.pool.acquire() as connection:
            rows = await connection.fetch(_PREDECESSORS, [topic for topic, _ in wanted], [key for _, key in wanted])
        first = {(row["topic"], row["key"]): row["first"] for row in rows}
        for place, sequence in wanted.items():
            self._remember(place, first.get(place, sequence) - 1)

    def _remember(self, place: Place, sequence: int) -> None:
        if sequence > self._acknowledged.get(place, 0):
            self._acknowledged[place] = sequence
            self._acknowledged.move_to_end(place)
            if len(self._acknowledged) > REMEMBERED_KEYS:
                self._acknowledged.popitem(last=False)

    async def _send(self, facts: Sequence[Outgoing]) -> bool:
        """Send facts of distinct keys at once; answers whether the broker acknowledged all."""
        try:
            async with asyncio.timeout(SEND_TIMEOUT_SECONDS):
                outcomes = await asyncio.gather(*await self._sender.send(facts), return_exceptions=True)
        except Exception as error:  # noqa: BLE001 - whatever keeps us from sending, the facts are safe in the outbox
            self._failed(error)
            return False
        done = Published([], [], [])
        failure: BaseException | None = None
        for fact, outcome in zip(facts, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                failure = outcome
                continue
            done.topics.append(fact.topic)
            done.keys.append(fact.key)
            done.sequences.append(fact.envelope.sequence)
            self._remember((fact.topic, fact.key), fact.envelope.sequence)
        if done.keys:
            failpoints.reach("after_publish")
        self.published += len(done)
        self._database.return_published(done)
        self._to_clear.set()
        if failure is not None:
            self._failed(failure)
            return False
        self.failing_since = None
        return True

    def _failed(self, error: BaseException) -> None:
        if self.failing_since is None:
            self.failing_since = asyncio.get_running_loop().time()
            log.warning("broker_unavailable", error=type(error).__name__, detail=str(error)[:200])

    async def _clear(self) -> None:
        """Tell the database what was published when no transaction does it by the way."""
        while True:
            await self._to_clear.wait()
            self._to_clear.clear()
            await asyncio.sleep(CLEAR_AFTER_SECONDS if self._alone else BLOCKED_RETRY_SECONDS)
            try:
                await self._database.clear_published()
            except Exception as error:  # noqa: BLE001 - the database is away: what was published stays noted and is cleared later
                log.warning("clearing_failed", error=type(error).__name__)
                self._to_clear.set()

    async def _sweep(self) -> None:
        """Find and send facts whose claim has expired."""
        while True:
            found = 0
            try:
                found = await self._sweep_once()
            except Exception as error:  # noqa: BLE001 - the database is away: the next round tries again
                log.warning("sweep_failed", error=type(error).__name__, detail=str(error)[:200])
            if found < SWEEP_SIZE or self.failing_since is not None:
                await asyncio.sleep(SWEEP_SECONDS)

    async def _sweep_once(self) -> int:
        async with self._database.pool.acquire() as connection:
            rows = await connection.fetch(_CLAIM, SWEEP_SIZE, PUBLISH_GRACE_SECONDS)
        if not rows:
            return 0
        facts = [self._outgoing(row) for row in rows]
        first = {(fact.topic, fact.key): fact.envelope.sequence for fact in reversed(facts)}
        await self._learn(first)
        await self._send_rounds(facts)
        await self._database.clear_published()
        return len(facts)

    def _outgoing(self, row: Any) -> Outgoing:
        envelope = Envelope(
            event_id=row["id"],
            type=row["type"],
            source=self._database.service,
            time=row["occurred_at"],
            subject=row["key"],
            sequence=row["sequence"],
            correlation_id=row["correlation_id"],
            causation_id=row["causation_id"],
            traceparent=row["traceparent"],
        )
        payload = row["payload"]
        return Outgoing(row["topic"], row["key"], envelope, None if payload is None else payload.encode())
