"""The supervisor on small programs: order of the start, restarts, giving up, failures in one line, the end."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from waybill.embedded import orphans, supervisor
from waybill.embedded.server import Command
from waybill.embedded.state import AlreadyRunningError, PartState, Phase, ProcessId, State, data_dir_lock
from waybill.embedded.supervisor import Supervisor, check_space
from waybill.embedded.system import Options, Part, System
from waybill.embedded.web import WebServer
from waybill.errors import WaybillError

# Answers every GET; ends at once when the file named by its last argument exists.
PROGRAM = """
import http.server, pathlib, signal, sys
if pathlib.Path(sys.argv[2]).exists():
    sys.exit("FATAL: told to fail")
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"ok")
    def log_message(self, *_): pass
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""
KINDS = {"gateway": "gateway", "order": "service", "mail": "simulator", "kafka": "broker", "postgres": "database"}


class FakeSystem(System):
    """Five small programs of the five kinds; `DIR/fail-NAME` makes one fail."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.steps: list[str] = []
        self.fakes = {name: self._fake(name, offset) for offset, name in enumerate(KINDS)}

    def _fake(self, name: str, offset: int) -> WebServer:
        port = self.options.port_base + offset
        argv = [sys.executable, "-c", PROGRAM, str(port), str(self.failure(name))]
        return WebServer(name, self.log(name), argv, {}, folder=self.data_dir, port=port, health="/")

    def failure(self, name: str) -> Path:
        return self.data_dir / f"fail-{name}"

    def parts(self) -> list[Part]:
        return [Part(name, kind, self.fakes[name], f"http://127.0.0.1:{self.fakes[name].port}") for name, kind in KINDS.items()]

    def ports(self) -> dict[str, int]:
        return {name: server.port for name, server in self.fakes.items()}

    def make_services(self) -> None:
        self.services = {"order": [self.fakes["order"]]}

    async def migration(self) -> Command:
        self.steps.append("migrate")
        code = "import pathlib, sys; sys.exit('FATAL: no table' if pathlib.Path(sys.argv[1]).exists() else 0)"
        return Command([sys.executable, "-c", code, str(self.failure("migrate"))], {}, self.data_dir)

    async def create_databases(self) -> None:
        self.steps.append("databases")

    async def create_topics(self) -> None:
        self.steps.append("topics")

    async def fill_catalogue(self) -> None:
        self.steps.append("catalogue")


async def until(met: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    """Wait until a condition is met; fails with what was waited for."""
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def running(data_dir: Path, port_base: int) -> AsyncIterator[Supervisor]:
    """Run a supervisor until its system is ready; stop it at the end."""
    subject = Supervisor(FakeSystem(Options(data_dir, port_base)))
    run = asyncio.create_task(subject.run())
    try:
        await until(lambda: subject.state.ready or run.done(), "the system is ready")
        yield subject
    finally:
        subject.stop()
        await run


def phase(subject: Supervisor, name: str) -> Phase:
    return subject.state.parts[name].phase


async def test_it_starts_everything_and_stops_everything(data_dir: Path, port_base: int) -> None:
    async with running(data_dir, port_base) as subject:
        written = State.load(data_dir)
        assert written is not None
        assert written.ready
        assert written.running
        assert isinstance(subject.system, FakeSystem)
        assert set(subject.system.steps) == {"databases", "topics", "migrate", "catalogue"}
        assert subject.system.steps[-1] == "catalogue"
        processes = [part.process for part in written.parts.values()]
        assert all(process is not None and process.alive for process in processes)
    written = State.load(data_dir)
    assert written is not None
    assert not written.running
    assert {part.phase for part in written.parts.values()} == {Phase.STOPPED}
    assert not any(process.alive for process in processes if process is not None)


async def test_a_part_that_dies_is_started_again(data_dir: Path, port_base: int) -> None:
    async with running(data_dir, port_base) as subject:
        before = subject.state.parts["order"].process
        assert before is not None
        os.kill(before.pid, signal.SIGKILL)
        await until(lambda: subject.state.parts["order"].restarts == 1, "the restart is counted")
        assert not subject.state.ready
        assert "SIGKILL" in subject.state.parts["order"].message
        await until(lambda: subject.state.ready, "the part is ready again")
        after = subject.state.parts["order"].process
        assert after is not None
        assert after.alive
        assert after.pid != before.pid


async def test_a_part_that_is_kept_down_starts_again_when_that_is_over(data_dir: Path, port_base: int) -> None:
    async with running(data_dir, port_base) as subject:
        with subject.keeping_down("order", "mail"), subject.keeping_down("order"):
            for name in ("order", "mail"):
                await until(lambda name=name: phase(subject, name) is Phase.RESTARTING, f"{name} was ended")  # type: ignore[misc]
            kafka = subject.state.parts["kafka"].process
            assert kafka is not None
            os.kill(kafka.pid, signal.SIGKILL)
            await until(lambda: subject.state.parts["kafka"].restarts == 1, "another part is seen to have died")
            await until(lambda: phase(subject, "kafka") is Phase.READY, "and is started again meanwhile")
            assert phase(subject, "order") is phase(subject, "mail") is Phase.RESTARTING
        await until(lambda: subject.state.ready, "all are there again")
        assert subject.state.parts["order"].restarts == 1


async def test_a_service_that_is_halted_stays_stopped_until_it_is_resumed(data_dir: Path, port_base: int) -> None:
    async with running(data_dir, port_base) as subject:
        before = subject.state.parts["order"].process
        assert before is not None
        await subject.halt("order")
        assert (phase(subject, "order"), before.alive) == (Phase.STOPPED, False)
        assert phase(subject, "mail") == Phase.READY, "only the service is halted"
        await subject.resume("order")
        after = subject.state.parts["order"].process
        assert after is not None
        assert (phase(subject, "order"), after.alive, subject.state.parts["order"].restarts) == (Phase.READY, True, 0)
        os.kill(after.pid, signal.SIGKILL)
        await until(lambda: subject.state.parts["order"].restarts == 1, "it is watched again")


async def test_a_part_that_is_held_is_started_again_when_it_is_released(data_dir: Path, port_base: int) -> None:
    async with running(data_dir, port_base) as subject:
        held = subject.system.parts()[-1].server
        held.hold()
        assert held.running, "one that runs goes on"
        held.send(signal.SIGKILL)
        await until(lambda: phase(subject, held.name) is Phase.RESTARTING, "its death is seen")
        passed = subject.system.parts()[0].server
        passed.send(signal.SIGKILL)
        await until(lambda: subject.state.parts[passed.name].restarts > 0, "the other's death is seen")
        await until(lambda: phase(subject, passed.name) is Phase.READY, "the other, killed later, is there again")
        assert not held.running
        held.release()
        await until(lambda: phase(subject, held.name) is Phase.READY, "it is there again")


async def test_a_part_that_keeps_dying_is_given_up_and_the_others_go_on(
    data_dir: Path, port_base: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "LONGEST_PAUSE_SECONDS", 0.05)
    async with running(data_dir, port_base) as subject:
        assert isinstance(subject.system, FakeSystem)
        subject.system.failure("mail").touch()
        mail = subject.state.parts["mail"].process
        assert mail is not None
        os.kill(mail.pid, signal.SIGKILL)
        await until(lambda: phase(subject, "mail") is Phase.FAILED, "the part is given up")
        message = subject.state.parts["mail"].message
        assert "given up" in message
        assert "told to fail" in message
        assert "\n" not in message
        assert phase(subject, "order") is Phase.READY


async def test_a_failed_start_names_the_part_and_leaves_nothing_running(data_dir: Path, port_base: int) -> None:
    system = FakeSystem(Options(data_dir, port_base))
    system.failure("kafka").touch()
    with pytest.raises(WaybillError, match=r"^kafka ended while it started: FATAL: told to fail") as failure:
        await Supervisor(system).run()
    assert "\n" not in str(failure.value)
    written = State.load(data_dir)
    assert written is not None
    assert written.failure == str(failure.value)
    assert not orphans.orphans(written)


async def test_a_failed_migration_is_one_line(data_dir: Path, port_base: int) -> None:
    system = FakeSystem(Options(data_dir, port_base))
    system.failure("migrate").touch()
    with pytest.raises(WaybillError, match=r"^no table \(see .*migrations\.log\)$"):
        await Supervisor(system).run()


async def test_a_port_in_use_is_named_with_its_part(data_dir: Path, port_base: int) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port_base + 1))
        listener.listen()
        expected = rf"^port {port_base + 1}, wanted by order, is in use by .+ \(pid {os.getpid()}\): free it, or .*--port-base"
        with pytest.raises(WaybillError, match=expected):
            await Supervisor(FakeSystem(Options(data_dir, port_base))).run()
    assert State.load(data_dir) is None


def test_a_full_disk_is_told_before_anything_starts(data_dir: Path, port_base: int) -> None:
    with pytest.raises(WaybillError, match=r"MB free and \d+ MB are needed: make room"):
        check_space(FakeSystem(Options(data_dir, port_base)), needed=1 << 62)


def test_a_data_directory_has_one_supervisor(data_dir: Path) -> None:
    with (
        data_dir_lock(data_dir),
        pytest.raises(AlreadyRunningError, match=rf"already runs on .*pid {os.getpid()}"),
        data_dir_lock(data_dir),
    ):
        pass
    with data_dir_lock(data_dir):
        assert (data_dir / "lock").exists()


@contextlib.asynccontextmanager
async def killed_supervisor(data_dir: Path, port_base: int) -> AsyncIterator[State]:
    """Give what is left when a supervisor with a ready system is killed."""
    process = subprocess.Popen([sys.executable, __file__, str(data_dir), str(port_base)])  # noqa: ASYNC220 - starts at once
    try:
        await until(lambda: (state := State.load(data_dir)) is not None and state.ready, "the other process is ready")
    finally:
        process.kill()
        process.wait()
    state = State.load(data_dir)
    assert state is not None
    yield state
    orphans.end(orphans.orphans(state))


async def test_what_a_killed_supervisor_left_is_found_and_ended(data_dir: Path, port_base: int) -> None:
    async with killed_supervisor(data_dir, port_base) as state:
        assert not state.running
        left = orphans.orphans(state)
        assert [part.name for part in left] == ["gateway", "order", "mail", "kafka", "postgres"]
        orphans.end(left)
        assert orphans.orphans(state) == []


async def test_the_next_start_cleans_up_first(data_dir: Path, port_base: int) -> None:
    async with killed_supervisor(data_dir, port_base) as state:
        before = [part.process for part in state.parts.values()]
        async with running(data_dir, port_base) as subject:
            assert subject.state.ready
            assert not any(process.alive for process in before if process is not None)


def test_a_process_that_only_got_the_same_id_is_left_alone(data_dir: Path) -> None:
    innocent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        state = State(str(data_dir), 1)
        part = PartState("order", "service", "", "")
        part.process = ProcessId(innocent.pid, psutil.Process(innocent.pid).create_time() - 60)
        state.parts["order"] = part
        assert orphans.orphans(state) == []
        orphans.end([part])
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.communicate()


if __name__ == "__main__":
    place = Path(sys.argv[1])
    with data_dir_lock(place):
        asyncio.run(Supervisor(FakeSystem(Options(place, int(sys.argv[2])))).run())
