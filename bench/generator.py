"""The load generator: a process of its own, so that what it costs is in nobody's account.

Closed loop: so many clients, each sends its next order when the last was answered. Open loop: orders are due at a fixed rate
whatever happened to those before, and latency counts from the moment an order was due, so that a stall is seen by everyone
whom it would have kept waiting. Protocol: a plan as JSON on the first line of standard input; `ready` on standard output when
all requests are written and all connections open; a second line on standard input starts the load; then one line of JSON
tells what happened (`Outcome`). A third line, or the end of standard input, ends the load before its time.
"""

import asyncio
import json
import sys
import threading
import time
from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Final

from bench.client import Answer, Connection, connect, request
from bench.workload import Kind, Variant, orders

CREATED: Final = 201
OK: Final = 200
MOST_CONNECTIONS: Final = 512
_LOCATION: Final = b"/api/orders/"
_ID_LENGTH: Final = 36


@dataclass(frozen=True, slots=True)
class Plan:
    """A load: `rate` orders per second (0: closed loop), at most `count` orders and `seconds`; `run` makes its keys unique."""

    host: str
    port: int
    tokens: tuple[str, ...]
    run: str
    seed: int
    count: int
    seconds: float
    clients: int
    rate: float = 0.0
    variant: str = Variant.PLAIN


@dataclass(slots=True)
class Sent:
    """An order as its customer saw it: id (empty: not accepted), kind, when it was due, how long its answer took in seconds."""

    order_id: str
    kind: str
    due_at: float
    latency: float


@dataclass(slots=True)
class Outcome:
    """What a load came to; times are seconds since the epoch, `failures` counts what was not accepted, by reason."""

    began_at: float
    ended_at: float
    sent: list[Sent]
    failures: dict[str, int]
    cpu_seconds: float

    @classmethod
    def read(cls, text: bytes) -> "Outcome":
        """Read what a generator process tells."""
        found = json.loads(text)
        return cls(**{**found, "sent": [Sent(*values) for values in found["sent"]]})

    def write(self) -> str:
        """Write it for another process."""
        return json.dumps({**asdict(self), "sent": [(one.order_id, one.kind, one.due_at, one.latency) for one in self.sent]})


class Load:
    """One load: what is due, who is free to send it, what has come back."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        host = f"{plan.host}:{plan.port}"
        self._orders = orders(plan.count, len(plan.tokens), plan.seed, Variant(plan.variant))
        self._requests = [
            request("POST", "/api/orders", host, plan.tokens[one.customer], f"{plan.run}-{index}", one.body())
            for index, one in enumerate(self._orders)
        ]
        self._due_at = [0.0] * plan.count
        self._due: deque[int] = deque()
        self._next = 0
        self._until = float("inf")
        self._all_due = False
        self._at_work = 0
        self._connections = 0
        self._idle: list[Connection] = []
        self._cancelling: set[Connection] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        self._sent: list[Sent] = []
        self._failures: Counter[str] = Counter()
        self._done = asyncio.Event()
        self._enough = False

    async def prepare(self) -> None:
        """Open the connections; raises OSError."""
        await asyncio.gather(*(self._connect() for _ in range(self.plan.clients)))

    async def run(self) -> Outcome:
        """Send everything and wait for the last answer."""
        epoch = time.time() - time.perf_counter()
        already = time.process_time()
        began = time.perf_counter()
        self._until = began + self.plan.seconds
        if self.plan.rate:
            threading.Thread(target=self._pace, args=(asyncio.get_running_loop(), began), daemon=True).start()
        else:
            free, self._idle = self._idle, []
            for connection in free:
                self._proceed(connection)
        await self._done.wait()
        for sent in self._sent:
            sent.due_at += epoch
        used = time.process_time() - already
        return Outcome(began + epoch, time.perf_counter() + epoch, self._sent, dict(self._failures), used)

    def enough(self) -> None:
        """Send nothing more than what is due already."""
        self._enough = True
        self._until = 0.0

    def _pace(self, loop: asyncio.AbstractEventLoop, began: float) -> None:
        """Make orders due one by one; a thread, because an event loop may wake up a millisecond late."""
        for index in range(min(self.plan.count, int(self.plan.rate * self.plan.seconds))):
            due_at = began + index / self.plan.rate
            pause = due_at - time.perf_counter()
            if pause > 0:
                time.sleep(pause)
            if self._enough:
                break
            loop.call_soon_threadsafe(self._becomes_due, index, due_at)
        loop.call_soon_threadsafe(self._no_more)

    def _becomes_due(self, index: int, due_at: float) -> None:
        self._due_at[index] = due_at
        self._due.append(index)
        while self._idle and self._due:
            self._proceed(self._idle.pop())
        if self._due and self._connections < MOST_CONNECTIONS:
            self._connect_soon()

    def _no_more(self) -> None:
        self._all_due = True
        self._end_if_done()

    def _take(self) -> int | None:
        """Take the next order that is due; in a closed loop the next one always is."""
        if self.plan.rate:
            return self._due.popleft() if self._due else None
        now = time.perf_counter()
        if self._next >= self.plan.count or now >= self._until:
            self._all_due = True
            return None
        self._next += 1
        self._due_at[self._next - 1] = now
        return self._next - 1

    def _proceed(self, connection: Connection) -> None:
        """Have a free connection send what is due."""
        if not connection.usable:
            self._connections -= 1
            self._connect_soon()
            return
        index = self._take()
        if index is None:
            self._idle.append(connection)
            self._end_if_done()
            return
        self._at_work += 1
        connection.tag = index
        connection.send(self._requests[index])

    def _answered(self, connection: Connection, answer: Answer) -> None:
        if connection in self._cancelling:
            self._cancelling.discard(connection)
            if answer.status != OK:
                self._fail(answer)
        elif self._note(connection.tag, answer) and self._orders[connection.tag].kind is Kind.CANCELLED and connection.usable:
            self._cancelling.add(connection)
            connection.send(self._cancellation(connection.tag, self._sent[-1].order_id))
            return
        self._at_work -= 1
        self._proceed(connection)

    def _note(self, index: int, answer: Answer) -> bool:
        latency = time.perf_counter() - self._due_at[index]
        place = answer.head.find(_LOCATION) + len(_LOCATION)
        accepted = answer.status == CREATED
        order_id = answer.head[place : place + _ID_LENGTH].decode() if accepted else ""
        self._sent.append(Sent(order_id, self._orders[index].kind, self._due_at[index], latency))
        if not accepted:
            self._fail(answer)
        return accepted

    def _cancellation(self, index: int, order_id: str) -> bytes:
        host = f"{self.plan.host}:{self.plan.port}"
        token = self.plan.tokens[self._orders[index].customer]
        return request("POST", f"/api/orders/{order_id}/cancel", host, token, f"{self.plan.run}-{index}-cancel")

    def _fail(self, answer: Answer) -> None:
        self._failures[f"{answer.status or 'broken'}: {answer.body[:160].decode(errors='replace')}"] += 1

    def _connect_soon(self) -> None:
        task = asyncio.get_running_loop().create_task(self._reconnect())
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _reconnect(self) -> None:
        try:
            await self._connect()
        except OSError as error:
            # Nobody listens any more: what is due now has failed, and the load ends instead of hanging.
            index = self._take()
            if index is not None:
                self._note(index, Answer(0, b"", str(error).encode()))
            self._end_if_done()
            if not self._done.is_set():
                await asyncio.sleep(0.05)
                self._connect_soon()
            return
        self._proceed(self._idle.pop())

    async def _connect(self) -> None:
        self._connections += 1
        try:
            self._idle.append(await connect(self.plan.host, self.plan.port, self._answered))
        except OSError:
            self._connections -= 1
            raise

    def _end_if_done(self) -> None:
        if self._all_due and not self._due and not self._at_work:
            self._done.set()


async def serve() -> None:
    """Do one load as told on standard input."""
    found = json.loads(await asyncio.to_thread(sys.stdin.readline))
    load = Load(Plan(**{**found, "tokens": tuple(found["tokens"])}))
    await load.prepare()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), _end_early, load)
    outcome = await load.run()
    print(outcome.write(), flush=True)


def _end_early(load: Load) -> None:
    asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
    load.enough()


if __name__ == "__main__":
    import uvloop

    uvloop.run(serve())
