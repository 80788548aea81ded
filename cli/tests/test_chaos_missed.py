"""A fault counts where it met something to hurt: each notes for itself where it did not, and a run owes so many that did."""

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from waybill.chaos import brokers, kinds, network, partners, processes, stores
from waybill.chaos import course as courses
from waybill.chaos.books import Books
from waybill.chaos.course import Course, Hurt
from waybill.chaos.kinds import Hurts, Kind
from waybill.chaos.plan import LONG, SHORT, Fault, Plan, Size
from waybill.chaos.verdict import Verdict
from waybill.chaos.world import Hit, World
from waybill.embedded.system import SERVICES


@contextmanager
def nobody(*_: str) -> Iterator[None]:
    yield


class System:
    """A system of a few parts that run, or do not: who may be hurt is a process of the test's own."""

    def __init__(self, folder: Path, *parts: str, **running: int) -> None:
        self.folder = folder
        self.parts = dict.fromkeys(parts, SimpleNamespace(restarts=0))
        self.running = running
        self.state = SimpleNamespace(parts=self.parts)
        self.supervisor = SimpleNamespace(keeping_down=nobody)
        self.links: dict[str, Any] = {}
        self.system = self
        self.kafka = SimpleNamespace(nodes=[])

    def pid(self, name: str) -> int | None:
        return self.running.get(name)

    def replicas(self, service: str) -> list[str]:
        return [name for name in self.parts if name == service or name.startswith(f"{service}-")]

    def failpoints(self, service: str) -> Path:
        return self.folder / f"failpoints-{service}"

    def clock(self, service: str) -> Path:
        return self.folder / f"clock-{service}"


def world_of(system: Any) -> World:
    return World(system)


def hit_at(target: str) -> Hit:
    return Hit(target, 0.0, random.Random(1))  # noqa: S311


@pytest.fixture
async def somebody() -> AsyncIterator[int]:
    """Give a process that nobody misses."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(60)")
    yield process.pid
    if process.returncode is None:
        process.kill()
    await process.wait()


ON_PROCESSES: list[tuple[Hurts, str]] = [
    (processes.kill, "payment"),
    (processes.kill_all, ""),
    (processes.keep_down, "payment"),
    (processes.stop, "payment"),
    (processes.stop_database, "payment"),
    (processes.freeze, "payment"),
    (processes.starve, "payment"),
    (processes.wrong_clock, "payment@ahead"),
    (network.cut, "payment-kafka"),
    (network.late, "psp"),
]


@pytest.mark.parametrize(("hurts", "target"), ON_PROCESSES, ids=lambda one: getattr(one, "__name__", one))
async def test_who_is_away_already_cannot_be_hurt(hurts: Hurts, target: str, somebody: int, tmp_path: Path) -> None:
    for running, missed in (({}, True), ({"payment": somebody}, False)):
        hit = hit_at(target)
        async with hurts(world_of(System(tmp_path, "payment", **running)), hit):
            pass
        assert hit.missed is missed, running


async def test_services_are_restarted_one_after_the_other_as_far_as_any_runs(
    tmp_path: Path, somebody: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "ROLLING_SECONDS", -1.0)
    monkeypatch.setattr(processes, "SLICE_SECONDS", 0.0)
    for running, missed in (({}, True), ({SERVICES[-1]: somebody}, False)):
        hit = hit_at("")
        async with processes.rolling_restart(world_of(System(tmp_path, *SERVICES, **running)), hit):
            assert hit.missed is missed


async def test_a_failpoint_counts_when_somebody_died_at_it(tmp_path: Path) -> None:
    system = System(tmp_path, "order")
    file = system.failpoints("order")
    came_there, nobody_came = hit_at("order@after_commit"), hit_at("order@after_commit")
    async with processes.die_at(world_of(system), came_there):
        assert file.read_text().startswith("after_commit:")
        file.unlink()  # as the process does that is about to die there
    assert not came_there.missed
    async with processes.die_at(world_of(system), nobody_came):
        pass
    assert nobody_came.missed
    assert not file.exists(), "whoever comes there later goes on"


async def test_a_failpoint_that_is_armed_is_left_to_its_own_fault(tmp_path: Path) -> None:
    system = System(tmp_path, "order")
    file = system.failpoints("order")
    first, second = hit_at("order@after_commit"), hit_at("order@before_commit")
    async with processes.die_at(world_of(system), first):
        async with processes.die_at(world_of(system), second):
            assert file.read_text().startswith("after_commit:")
        assert second.missed
        assert file.exists()
        file.unlink()
        file.write_text("before_commit:1")  # armed by the next one
        os.utime(file, ns=(1, 1))
    assert not first.missed
    assert file.exists()


async def test_a_partner_that_does_not_hear_is_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = [False, True, True, False]

    async def simulate(_: World, name: str, mode: dict[str, Any] | None) -> bool:
        assert (name, mode) in (("psp", None), ("psp", {"mode": "error_5xx"}))
        return heard.pop(0)

    monkeypatch.setattr(World, "simulate", simulate)
    for missed in (True, False):
        hit = hit_at("psp")
        async with partners.errors(world_of(System(tmp_path)), hit):
            pass
        assert hit.missed is missed, "one that was killed meanwhile behaves when it is back"


async def test_a_database_that_is_away_is_missed_however_often_it_is_asked_to_be_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    async def database(_: World, service: str) -> Any:
        nonlocal asked
        asked += 1
        assert service == "order"
        raise OSError("refused")

    monkeypatch.setattr(World, "database", database)
    monkeypatch.setattr(stores, "PATIENCE_SECONDS", 0.0)
    for hurts in (stores.lock, stores.end_sessions, stores.refuse_sessions, stores.read_only):
        hit = hit_at("order.orders" if hurts is stores.lock else "order")
        async with hurts(world_of(System(tmp_path)), hit):
            assert hit.missed
    assert asked >= 6


async def test_a_broker_without_controller_is_missed(tmp_path: Path) -> None:
    hit = hit_at("kafka")
    async with brokers.controller_kill(world_of(System(tmp_path)), hit):
        assert hit.missed


# --- a run ---------------------------------------------------------------------------------------------------------------


def course_of(*faults: Fault) -> Course:
    return Course(Plan(1, 1.0, [], list(faults)), books=Books())


def fault(number: int, kind: str, target: str = "") -> Fault:
    return Fault(number, 0.0, kind, target, 0.0, f"{number}")


async def test_of_two_faults_at_once_only_the_one_is_missed_that_met_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = asyncio.Barrier(2)

    @asynccontextmanager
    async def do(world: World, hit: Hit) -> AsyncIterator[None]:  # noqa: ARG001
        await together.wait()
        if hit.target == "away":
            hit.miss()
        yield
        await together.wait()

    monkeypatch.setattr(courses, "KINDS", {"one": Kind("one", "", do), "other": Kind("other", "", do)})
    course = course_of(fault(1, "one"), fault(2, "other", "away"))
    course.traded = True
    await courses._hurt(world_of(System(tmp_path)), course)  # noqa: SLF001
    assert {hurt.fault.kind: hurt.missed for hurt in course.hurts} == {"one": False, "other": True}
    assert ([hurt.fault.kind for hurt in course.done], course.kinds) == (["one"], 1)


def test_a_fault_that_could_not_be_done_makes_the_run_a_failed_one() -> None:
    course = course_of(fault(1, "kill"))
    course.hurts = [Hurt(course.plan.faults[0], 1.0, 1.5, error="OSError: <gone>")]
    course.judged(Verdict())
    assert not course.sound
    assert course.verdict is not None
    assert [(one.rule, one.subject, one.says) for one in course.verdict.violations] == [
        ("faults", "kill", "could not be done: OSError: <gone>")
    ]


@pytest.mark.parametrize("size", [SHORT, LONG])
def test_a_usual_run_owes_its_faults_and_kinds(size: Size) -> None:
    plan = Plan.make(1, 10, size.faults, size.minutes * 60)
    assert plan.owed == (size.owed_faults, size.owed_kinds)
    course = Course(plan, books=Books())
    spare = size.faults - size.owed_faults
    course.hurts = [Hurt(one, one.at, missed=number < spare) for number, one in enumerate(plan.faults)]
    course.judged(Verdict())
    assert course.sound
    course.hurts[spare].missed = True
    course.judged(Verdict())
    assert not course.sound
    of_one_kind = [Hurt(fault(number, "kill"), 1.0) for number in range(size.faults)]
    course.hurts = of_one_kind
    course.judged(Verdict())
    assert not course.sound


def test_a_run_of_chosen_kinds_or_a_small_one_owes_none() -> None:
    assert Plan.make(1, 10, SHORT.faults, 60, ("kill", "lock")).owed == (0, 0)
    assert Plan.make(1, 10, SHORT.faults - 1, 60).owed == (0, 0)
    assert set(kinds.KINDS) >= {"kill", "lock"}
