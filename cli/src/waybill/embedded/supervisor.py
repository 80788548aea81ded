"""Starts all parts in the order they need each other, keeps them running, and stops them in reverse.

What does not depend on each other starts at the same time. A part that dies is started again with growing pauses, and given up
after several quick deaths in a row; everything else goes on meanwhile. Every step is written to the state file first, so
whoever comes after a kill -9 of this process finds what it has left. Any failure of the start stops what was started.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from waybill.embedded import front, orphans
from waybill.embedded.server import Command, StartError, last_words, turn_over
from waybill.embedded.state import PartState, Phase, ProcessId, State
from waybill.embedded.system import Part, System, check_ports
from waybill.errors import WaybillError

FREE_BYTES_NEEDED: Final = 1024**3
MIGRATION_DEADLINE: Final = 120.0
QUICK_DEATH_SECONDS: Final = 20.0
QUICK_DEATHS_ALLOWED: Final = 5
FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 10.0
STOP_ORDER: Final = (("gateway",), ("service",), ("simulator", "identity", "broker", "database"))


class Supervisor:
    """One run of a system; `notify` is called with the state after every change."""

    def __init__(
        self,
        system: System,
        notify: Callable[[State], None] = lambda _: None,
        *,
        quick_deaths_allowed: int = QUICK_DEATHS_ALLOWED,
    ) -> None:
        self.system = system
        self.notify = notify
        self.quick_deaths_allowed = quick_deaths_allowed
        options = system.options
        self.state = State(str(options.data_dir), options.port_base, settings={"scale": dict(options.scale)})
        self._parts: dict[str, Part] = {}
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._stop_asked = asyncio.Event()
        self._forced = False

    async def run(self) -> None:
        """Start, keep running until a signal comes, stop. Raises WaybillError when the start fails."""
        self._listen_to_signals()
        starting = asyncio.create_task(self._bring_up())
        asked = asyncio.create_task(self._stop_asked.wait())
        try:
            await asyncio.wait({starting, asked}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                await asked
        except WaybillError as error:
            self.state.failure = str(error)
            raise
        finally:
            asked.cancel()
            starting.cancel()
            await asyncio.gather(starting, asked, return_exceptions=True)
            await self._bring_down()

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.stop)

    def stop(self) -> None:
        """Ask for the end; the second time everything is ended at once."""
        if self._stop_asked.is_set() and not self._forced:
            self._forced = True
            for part in self._parts.values():
                part.server.send(signal.SIGKILL)
        self._stop_asked.set()

    @contextlib.contextmanager
    def keeping_down(self, *names: str) -> Iterator[None]:
        """End parts at once, and start them again only when the block is over."""
        servers = [self._parts[name].server for name in names]
        for server in servers:
            server.hold()
            server.send(signal.SIGKILL)
        try:
            yield
        finally:
            for server in servers:
                server.release()

    async def _bring_up(self) -> None:
        before = State.load(self.system.data_dir)
        if before is not None and (left := orphans.orphans(before)):
            self._tell(f"an earlier run was killed: stopping what it left ({', '.join(part.name for part in left)})")
            await asyncio.to_thread(orphans.end, left)
        check_space(self.system)
        check_ports(self.system.ports())
        self.system.make_services()
        self._register()
        await self._together(self._build_front(), self._start_services(), self._start_kinds("identity", "simulator"))
        if self.system.catalogue_is_due():
            self._tell("filling the demo catalogue")
            await self.system.fill_catalogue()
        self.state.ready_at = time.time()
        self._tell("")

    def _register(self) -> None:
        self._parts = {part.name: part for part in self.system.parts()}
        for part in self._parts.values():
            entry = PartState(part.name, part.kind, part.address, str(part.server.log_file), since=time.time())
            self.state.parts[part.name] = entry
            part.server.on_launch = self._recorder(part)
        self.state.supervisor = ProcessId.of(os.getpid())
        self.state.started_at = time.time()
        self._changed()

    def _recorder(self, part: Part) -> Callable[[], None]:
        def record() -> None:
            pid = part.server.pid
            self.state.parts[part.name].process = None if pid is None else ProcessId.of(pid)
            self._changed()

        return record

    async def _start_services(self) -> None:
        """Start the databases and the broker, then the services; a service needs its tables, and topics to subscribe to."""
        if self.system.has_topics():
            await self._together(self._prepare_broker(), self._start_on_tables())
        else:
            await self._together(self._prepare_broker(), self._prepare_databases())
            await self._start_kinds("service", "gateway")

    async def _build_front(self) -> None:
        """Build the pages beside all else; the gateway, which serves them, starts when they are there."""
        if not await asyncio.to_thread(front.is_built):
            self._tell("building the storefront and the admin panel")
            await front.build()

    async def _start_on_tables(self) -> None:
        await self._prepare_databases()
        await self._start_kinds("service", "gateway")

    async def _prepare_databases(self) -> None:
        await self._start_kinds("database")
        await self.system.create_databases()
        command = await self.system.migration()
        if command is not None:
            self._tell("bringing the databases to their newest version")
            await self._migrate(command)

    async def _migrate(self, command: Command) -> None:
        log = self.system.log("migrations")
        log.parent.mkdir(parents=True, exist_ok=True)
        turn_over(log)
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *command.argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **command.env},
                cwd=command.folder,
            )
        try:
            code = await asyncio.wait_for(process.wait(), MIGRATION_DEADLINE)
        except BaseException:
            process.kill()
            await process.wait()
            raise
        if code != 0:
            raise StartError(f"{last_words(log).removeprefix('FATAL: ')} (see {log})")

    async def _prepare_broker(self) -> None:
        await self._start_kinds("broker")
        await self.system.create_topics()

    async def _start_kinds(self, *kinds: str) -> None:
        await self._together(*(self._start(part) for part in self._parts.values() if part.kind in kinds))

    async def _together(self, *steps: Awaitable[None]) -> None:
        """Do steps at the same time; the first failure ends the others and is raised."""
        tasks = [asyncio.ensure_future(step) for step in steps]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _start(self, part: Part) -> None:
        self._enter(part, Phase.STARTING)
        try:
            await part.server.start()
        except OSError as error:
            raise StartError(
                f"{part.name} cannot be started: {error.strerror or error} (see {part.server.log_file})"
            ) from error
        self._enter(part, Phase.READY)
        self._watchers[part.name] = asyncio.create_task(self._watch(part))

    async def _watch(self, part: Part) -> None:
        """Start a part again whenever it dies; gives it up after several quick deaths in a row."""
        deaths = 0
        while True:
            cause = _how_it_ended(await part.server.ended())
            quick = time.time() - part.server.launched_at < QUICK_DEATH_SECONDS
            deaths = deaths + 1 if quick else 1
            while deaths <= self.quick_deaths_allowed:
                self.state.parts[part.name].restarts += 1
                self._enter(part, Phase.RESTARTING, f"{cause}, starts again")
                await asyncio.sleep(min(FIRST_PAUSE_SECONDS * 3 ** (deaths - 1), LONGEST_PAUSE_SECONDS))
                try:
                    await part.server.start()
                except (WaybillError, OSError) as error:
                    cause = str(error)
                    deaths += 1
                else:
                    break
            else:
                log = part.server.log_file
                self._enter(part, Phase.FAILED, f"given up after {deaths} deaths in a row: {last_words(log)} (see {log})")
                return
            self._enter(part, Phase.READY)

    async def halt(self, service: str) -> None:
        """Stop a service, all its replicas, until it is resumed."""
        for part in self._replicas(service):
            self._watchers.pop(part.name).cancel()
            await self._stop(part)

    async def resume(self, service: str) -> None:
        """Start a service that was halted; done when all its replicas are ready."""
        await self._together(*(self._start(part) for part in self._replicas(service)))

    def _replicas(self, service: str) -> list[Part]:
        return [part for part in self._parts.values() if part.kind == "service" and part.name.partition("-")[0] == service]

    async def _bring_down(self) -> None:
        self.state.stopping = True
        for watcher in self._watchers.values():
            watcher.cancel()
        await asyncio.gather(*self._watchers.values(), return_exceptions=True)
        for kinds in STOP_ORDER:
            group = [part for part in self._parts.values() if part.kind in kinds and part.server.process is not None]
            await asyncio.gather(*(self._stop(part) for part in group))
        if self._parts:
            self.state.supervisor = None
            self._tell("")

    async def _stop(self, part: Part) -> None:
        self._enter(part, Phase.STOPPING, part.server.stop_note)
        if self._forced:
            await part.server.kill()
        else:
            await part.server.stop()
        self.state.parts[part.name].process = None
        self._enter(part, Phase.STOPPED)

    def _enter(self, part: Part, phase: Phase, message: str = "") -> None:
        entry = self.state.parts[part.name]
        entry.phase, entry.message, entry.since = phase, message, time.time()
        self._changed()

    def _tell(self, activity: str) -> None:
        self.state.activity = activity
        self._changed()

    def _changed(self) -> None:
        if self.state.supervisor is not None or self.state.stopping:
            self.state.save()
        self.notify(self.state)


def _how_it_ended(code: int) -> str:
    return f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"


def check_space(system: System, needed: int = FREE_BYTES_NEEDED) -> None:
    """Raise WaybillError when the disk of the data directory has less than `needed` bytes free."""
    free = shutil.disk_usage(system.data_dir).free
    if free < needed:
        raise WaybillError(
            f"the disk of {system.data_dir} has {free // 1024**2} MB free and {needed // 1024**2} MB are needed: "
            "make room, or use another --data-dir"
        )
