"""One run: people trade, faults come at their times and are healed, and what is left is looked at when all is at rest."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2

from waybill.chaos.books import Books
from waybill.chaos.crowd import Crowded, crowd
from waybill.chaos.kinds import KINDS
from waybill.chaos.outages import Endured, endure
from waybill.chaos.plan import Fault, Plan
from waybill.chaos.precedence import give_way
from waybill.chaos.recovery import Figure, measure
from waybill.chaos.rest import at_rest
from waybill.chaos.system import Running
from waybill.chaos.trade import REQUEST_SECONDS, Trade
from waybill.chaos.verdict import Verdict, judge
from waybill.chaos.world import Hit, World
from waybill.embedded.state import Phase
from waybill.embedded.system import SERVICES
from waybill.errors import WaybillError

LOOK_SECONDS: Final = 0.5
NOTE_SECONDS: Final = 1.0
READY_SECONDS: Final = 90.0
BEHIND: Final = 0.02
"""The share by which the trade may be behind the faults."""
CONNECTIONS: Final = 400
KEPT_CONNECTIONS: Final = 32
"""Each request looks whether every idle connection is alive still: with hundreds of them that is half of its cost."""


@dataclass(slots=True)
class Hurt:
    """A fault that was done: when it began, when it was over, and when the whole system worked again."""

    fault: Fault
    began: float
    healed: float | None = None
    recovered: float | None = None
    missed: bool = False
    error: str = ""

    @property
    def recovery(self) -> float | None:
        """How many seconds after its end all was well."""
        if self.recovered is None or self.healed is None:
            return None
        return round(self.recovered - self.healed, 1)


@dataclass(frozen=True, slots=True)
class Measures:
    """What is measured when all is calm: losses at so many orders a second, and outages that last so long."""

    rates: Sequence[int]
    outage_seconds: float


@dataclass
class Course:
    """How a run goes, for whoever looks at it."""

    plan: Plan
    only: Sequence[str] = ()
    books: Books = field(default_factory=Books)
    hurts: list[Hurt] = field(default_factory=list)
    now: str = "starting"
    traded: bool = False
    healed: float | None = None
    rested: float | None = None
    left: dict[str, int] = field(default_factory=dict)
    figures: list[Figure] = field(default_factory=list)
    outages: list[Endured] = field(default_factory=list)
    crowded: Crowded | None = None
    verdict: Verdict | None = None

    @property
    def sound(self) -> bool:
        """Whether everything was looked at, and nothing is violated."""
        return self.verdict is not None and self.verdict.sound

    @property
    def rest_seconds(self) -> float | None:
        """How long it took until all was at rest, once everything was healed and the last order placed."""
        if self.rested is None or self.healed is None:
            return None
        return round(self.rested - self.healed, 1)

    @property
    def done(self) -> list[Hurt]:
        """The faults that met something to hurt."""
        return [hurt for hurt in self.hurts if not hurt.missed and not hurt.error]

    @property
    def kinds(self) -> int:
        """Count the kinds of faults that met something to hurt."""
        return len({hurt.fault.kind for hurt in self.done})

    def judged(self, verdict: Verdict) -> None:
        """Take the verdict; a run whose faults could not be done, or of which too few hurt anybody, proves too little."""
        self.verdict = verdict
        for hurt in self.hurts:
            if hurt.error:
                verdict.add("faults", hurt.fault.name, f"could not be done: {hurt.error}")
        faults, kinds = self.plan.owed
        if len(self.done) < faults or self.kinds < kinds:
            found = f"{len(self.done)} of {self.kinds} kinds met something to hurt"
            verdict.add("faults", "all faults", f"{found}, and {faults} of {kinds} kinds are owed")

    def tell(self, activity: str) -> None:
        """Say what is done now."""
        self.now = activity

    def note_traded(self, _: "asyncio.Task[None]") -> None:
        """Note that nobody places orders any more, or waits for any."""
        self.traded = True

    @property
    def open_faults(self) -> list[Hurt]:
        """The faults that are not over, or from which the system has not recovered."""
        return [hurt for hurt in self.hurts if hurt.recovered is None]


async def run(running: Running, course: Course, rest_within: float, measures: Measures | None = None) -> None:
    """Trade, hurt, heal, wait for rest, measure and judge."""
    world = World(running)
    limits = httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=KEPT_CONNECTIONS)
    url = running.system.gateway_url
    async with httpx2.AsyncClient(base_url=url, timeout=REQUEST_SECONDS, limits=limits, trust_env=False) as client:
        trade = Trade(running, course.plan, course.books, client)
        course.now = "opening the shop"
        await trade.open()
        course.books.began = time.monotonic()
        polite = give_way(running.system.links.pids)
        async with _background(_watch(world, course), _keep_notes(course), polite):
            course.now = "trading"
            trading = asyncio.create_task(trade.run())
            trading.add_done_callback(course.note_traded)
            try:
                await _hurt(world, course)
                course.now = "healing"
                healed = await _heal(world, course)
                await _reached(course, 1.0)
                course.healed = max(healed, course.books.asked_last)
                course.now = "coming to rest"
                until = course.books.began + course.healed + rest_within
                finished, _ = await asyncio.wait({trading}, timeout=until - time.monotonic())
            finally:
                trading.cancel()
            for one in finished:
                one.result()  # a trade that broke off proves nothing
            if finished and await at_rest(world, until - time.monotonic(), course.left):
                course.rested = course.books.seconds
            if measures is not None and course.rested is not None:
                await _measure(world, trade, course, measures)
                await at_rest(world, 2 * rest_within, course.left)  # the crowd leaves more behind than a fault
            course.now = "reconciling"
            verdict = await judge(world, trade.staff, course.books)
            course.judged(verdict)
            if course.rested is None:
                waiting = [f"{key} {what}" for key, what in list(course.books.waiting.items())[:5]]
                still = f"{course.books.under_way} under way ({'; '.join(waiting)}), open: {course.left}"
                verdict.add("at-rest", "all orders", f"not at rest {rest_within:.0f} s after healing: {still}")
        course.now = "done"


async def _measure(world: World, trade: Trade, course: Course, measures: Measures) -> None:
    for rate in measures.rates:
        course.figures += await measure(world, trade, course.tell, rate)
    course.outages = await endure(world, trade, course.tell, measures.outage_seconds)
    course.crowded = await crowd(world, trade, course.tell)
    course.tell("coming to rest")


@contextlib.asynccontextmanager
async def _background(*jobs: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _hurt(world: World, course: Course) -> None:
    """Do every fault at its time; returns when the last is over."""
    async with asyncio.TaskGroup() as tasks:
        for fault in course.plan.faults:
            await asyncio.sleep(max(0.0, fault.at - course.books.seconds))
            await _reached(course, fault.at / course.plan.seconds - BEHIND)
            tasks.create_task(_do(world, course, fault))


async def _reached(course: Course, share: float) -> None:
    """Wait until so much of the trade is done: where it is slower than planned, the faults are, too."""
    while True:
        if course.traded or course.books.asked >= share * len(course.plan.wishes):
            return
        await asyncio.sleep(LOOK_SECONDS)


async def _do(world: World, course: Course, fault: Fault) -> None:
    hurt = Hurt(fault, course.books.seconds)
    course.hurts.append(hurt)
    hit = Hit(fault.target, fault.lasts, random.Random(fault.seed))  # noqa: S311 - the point is that it can be repeated
    try:
        async with KINDS[fault.kind].hurts(world, hit):
            await asyncio.sleep(fault.lasts)
    except asyncio.CancelledError:
        me = asyncio.current_task()
        if me is not None and me.cancelling():
            raise
        hit.miss()  # a client of Kafka that loses its broker cancels who waits for it
    except Exception as error:  # noqa: BLE001 - a fault that cannot be done is told in the report, and the others go on
        hurt.error = f"{type(error).__name__}: {error}"[:300]
    hurt.missed = hit.missed
    hurt.healed = course.books.seconds


async def _heal(world: World, course: Course) -> float:
    """See that nothing is hurt any more, and wait until every part is ready; answers when it began. Raises WaybillError."""
    for service in SERVICES:
        world.running.system.failpoints(service).unlink(missing_ok=True)
        world.running.system.clock(service).unlink(missing_ok=True)
    for name in ("psp", "mail", "sms", "carrier"):
        await world.simulate(name, None)
    healed = course.books.seconds
    while not await _all_well(world):
        await asyncio.sleep(LOOK_SECONDS)
        if course.books.seconds - healed > READY_SECONDS:
            raise WaybillError(f"not every part is ready again {READY_SECONDS:.0f} s after the last fault: see its log")
    return healed


async def _all_well(world: World) -> bool:
    return await _well(world) == world.running.state.parts.keys()


async def _well(world: World) -> set[str]:
    """Name the parts that run and, where they are services, have all their own parts at work."""
    parts = world.running.state.parts
    up = [name for name, part in parts.items() if part.phase is Phase.READY and world.running.pid(name) is not None]
    answers = await asyncio.gather(*(world.answers(name) for name in up if parts[name].kind == "service"))
    well = dict(zip((name for name in up if parts[name].kind == "service"), answers, strict=True))
    return {name for name in up if well.get(name, True)}


async def _watch(world: World, course: Course) -> None:
    """Note after each fault when those work again whom it could hurt."""
    while True:
        began = course.books.seconds
        well = await _well(world)
        for hurt in course.hurts:
            if hurt.recovered is None and hurt.healed is not None and hurt.healed <= began:
                hurtable = {name for one in hurt.fault.hurts for name in world.running.replicas(one)}
                if hurtable <= well:
                    hurt.recovered = course.books.seconds
        await asyncio.sleep(LOOK_SECONDS)


async def _keep_notes(course: Course) -> None:
    while True:
        course.books.note()
        await asyncio.sleep(NOTE_SECONDS)
