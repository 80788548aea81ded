"""Faults of processes: killed, stopped, frozen, starved, misled about the time, or with company that comes and goes."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import psutil

from waybill.chaos import later
from waybill.chaos.world import Hit, World
from waybill.embedded.system import SERVICES
from waybill.embedded.web import WebServer
from waybill.errors import WaybillError

ROLLING_SECONDS: Final = 30.0
SLICE_SECONDS: Final = 0.1
SHARE: Final = 0.05
TEN_MINUTES: Final = 600
HELPERS: Final = 2


def _send(number: signal.Signals, pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _pids(world: World, *names: str) -> list[int]:
    return [pid for name in names if (pid := world.running.pid(name)) is not None]


def _running(world: World, hit: Hit, *names: str) -> list[int]:
    """List the processes of parts; where none of them runs the fault is missed."""
    pids = _pids(world, *names)
    if not pids:
        hit.miss()
    return pids


def _one(world: World, hit: Hit) -> list[int]:
    """Choose a process of the service that is hit, or a node of the broker; of other parts there is one."""
    return _running(world, hit, hit.chance.choice(world.running.replicas(hit.target)))


@asynccontextmanager
async def kill(world: World, hit: Hit) -> AsyncIterator[None]:
    """Kill a process of a service, or another part."""
    _send(signal.SIGKILL, _one(world, hit))
    yield


@asynccontextmanager
async def kill_all(world: World, hit: Hit) -> AsyncIterator[None]:
    """Kill every process of every service."""
    every = (name for service in SERVICES for name in world.running.replicas(service))
    _send(signal.SIGKILL, _running(world, hit, *every))
    yield


@asynccontextmanager
async def keep_down(world: World, hit: Hit) -> AsyncIterator[None]:
    """Kill a part, a service in all its processes, and have nobody start it again for a while."""
    names = world.running.replicas(hit.target)
    _running(world, hit, *names)
    with world.running.supervisor.keeping_down(*names):
        yield


@asynccontextmanager
async def stop(world: World, hit: Hit) -> AsyncIterator[None]:
    """Ask a process of a service, or another part, to stop in good order."""
    _send(signal.SIGTERM, _one(world, hit))
    yield


@asynccontextmanager
async def stop_database(world: World, hit: Hit) -> AsyncIterator[None]:
    """Have PostgreSQL end all sessions and stop."""
    _send(signal.SIGINT, _running(world, hit, hit.target))
    yield


@asynccontextmanager
async def die_at(world: World, hit: Hit) -> AsyncIterator[None]:
    """Have one process of a service die at a named place; it is missed where none comes there in time."""
    service, _, place = hit.target.partition("@")
    file = world.running.system.failpoints(service)
    if file.exists():  # it is about to die elsewhere
        hit.miss()
        yield
        return
    part = file.with_suffix(".part")
    part.write_text(f"{place}:{hit.chance.randint(1, 4)}")
    ours = _written(part)
    part.replace(file)
    try:
        yield
    finally:
        if _written(file) == ours:  # who dies takes the file away first
            hit.miss()
            file.unlink(missing_ok=True)


def _written(file: Path) -> int | None:
    """Tell when a file was written; None where there is none."""
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        return None


@asynccontextmanager
async def rolling_restart(world: World, hit: Hit) -> AsyncIterator[None]:
    """Restart one process of the services after the other, each when the one before is ready."""
    asked = 0
    for service in SERVICES:
        for name in world.running.replicas(service):
            before = world.running.state.parts[name].restarts
            pids = _pids(world, name)
            _send(signal.SIGTERM, pids)
            asked += len(pids)
            until = asyncio.get_running_loop().time() + ROLLING_SECONDS
            while not (world.running.state.parts[name].restarts > before and await world.answers(name)):
                await asyncio.sleep(SLICE_SECONDS)
                if asyncio.get_running_loop().time() > until:
                    break
    if not asked:
        hit.miss()
    yield


@asynccontextmanager
async def freeze(world: World, hit: Hit) -> AsyncIterator[None]:
    """Stop a process where it stands, with its children, and have it go on later."""
    pids = _one(world, hit)
    for pid in tuple(pids):
        with contextlib.suppress(psutil.NoSuchProcess):
            pids += [child.pid for child in psutil.Process(pid).children(recursive=True)]
    _send(signal.SIGSTOP, pids)
    try:
        yield
    finally:
        _send(signal.SIGCONT, pids)


@asynccontextmanager
async def starve(world: World, hit: Hit) -> AsyncIterator[None]:
    """Let a process run for a twentieth of the time only."""
    pids = _one(world, hit)

    async def ration() -> None:
        while True:
            _send(signal.SIGSTOP, pids)
            await asyncio.sleep(SLICE_SECONDS * (1 - SHARE))
            _send(signal.SIGCONT, pids)
            await asyncio.sleep(SLICE_SECONDS * SHARE)

    task = asyncio.create_task(ration())
    try:
        yield
    finally:
        task.cancel()
        _send(signal.SIGCONT, pids)


@asynccontextmanager
async def rebalance(world: World, hit: Hit) -> AsyncIterator[None]:
    """Have further processes of a service join its group, leave it, and be killed in it."""
    helpers = [world.running.system.helper(hit.target, world.next_helper()) for _ in range(HELPERS)]
    with contextlib.suppress(WaybillError):
        await asyncio.gather(*(helper.start() for helper in helpers))
    _came(hit, *helpers)
    try:
        yield
    finally:
        await asyncio.gather(*(_end(helper, gently=number % 2 == 0) for number, helper in enumerate(helpers)))


@asynccontextmanager
async def mixed_versions(world: World, hit: Hit) -> AsyncIterator[None]:
    """Have a process of a later version of a service work beside the others, as in the midst of a rolling upgrade."""
    program = [sys.executable, "-m", later.__name__, hit.target]
    newer = world.running.system.helper(hit.target, world.next_helper(), program)
    with contextlib.suppress(WaybillError):
        await newer.start()
    _came(hit, newer)
    try:
        yield
    finally:
        await _end(newer, gently=True)


def _came(hit: Hit, *helpers: WebServer) -> None:
    """Note it where none of the helpers could start: a database may have been away."""
    if not any(helper.running for helper in helpers):
        hit.miss()


async def _end(helper: WebServer, *, gently: bool) -> None:
    await (helper.stop() if gently else helper.kill())


@asynccontextmanager
async def wrong_clock(world: World, hit: Hit) -> AsyncIterator[None]:
    """Put the clock of a service's machine ten minutes on, or back."""
    service, _, way = hit.target.partition("@")
    _running(world, hit, *world.running.replicas(service))
    file = world.running.system.clock(service)
    file.write_text(str(TEN_MINUTES if way == "ahead" else -TEN_MINUTES))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
