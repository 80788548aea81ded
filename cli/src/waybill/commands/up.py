"""`waybill up`: start everything, in the foreground or detached."""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from waybill.embedded.jvm import Tier
from waybill.embedded.kafka import DEFAULT_PARTITIONS
from waybill.embedded.server import turn_over
from waybill.embedded.state import State, data_dir_lock
from waybill.embedded.supervisor import Supervisor
from waybill.embedded.system import DEFAULT_PORT_BASE, SERVICES, Options, System
from waybill.errors import WaybillError
from waybill.options import DataDir, data_dir_of
from waybill.progress import Progress, next_steps, table
from waybill.progress import console as plain_or_terminal

POLL_SECONDS: Final = 0.1


def up(
    data_dir: DataDir = None,
    port_base: Annotated[int, typer.Option(help="Port of the gateway; all others follow it.")] = DEFAULT_PORT_BASE,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return when everything is ready.")] = False,  # noqa: FBT002
    scale: Annotated[
        list[str] | None, typer.Option(metavar="SERVICE=N", help="Run N processes of a service; repeatable.")
    ] = None,
    service_env: Annotated[
        list[str] | None, typer.Option(metavar="[SERVICE:]KEY=VALUE", help="A further setting of services; repeatable.")
    ] = None,
    jvm_tier: Annotated[Tier, typer.Option(help="quick: small and soon ready; full: for long, busy runs.")] = Tier.QUICK,
    partitions: Annotated[int, typer.Option(min=1, help="Partitions of topics that are made.")] = DEFAULT_PARTITIONS,
    brokers: Annotated[
        int | None, typer.Option(help="Nodes of Kafka, 1 or 3 (default: as the data were made, 1 at first).")
    ] = None,
) -> None:
    """Start everything and show what runs where; Ctrl-C stops it."""
    options = Options(
        data_dir_of(data_dir),
        port_base,
        dict(_count(item) for item in scale or []),
        settings_by_service(service_env or []),
        jvm_tier,
        partitions,
        brokers,
    )
    console = plain_or_terminal()
    if detach:
        _detached(options.data_dir, console)
    else:
        _foreground(options, console)


def _count(item: str) -> tuple[str, int]:
    name, _, count = item.partition("=")
    if not count.isdigit():
        raise WaybillError(f"--scale {item} is not understood: write --scale payment=3")
    return name, int(count)


def settings_by_service(items: Sequence[str]) -> dict[str, dict[str, str]]:
    """Read `[SERVICE:]KEY=VALUE` items; settings for all services stand under the empty name. Raises WaybillError."""
    found: dict[str, dict[str, str]] = {}
    for item in items:
        key, equals, value = item.partition("=")
        service, colon, name = key.partition(":")
        if not colon:
            service, name = "", key
        if not equals or not name or (service and service not in SERVICES):
            raise WaybillError(f"--service-env {item} is not understood: write KEY=VALUE or order:KEY=VALUE")
        found.setdefault(service, {})[name] = value
    return found


def _foreground(options: Options, console: Console) -> None:
    with data_dir_lock(options.data_dir), Progress(console) as progress:
        told = False

        def notify(state: State) -> None:
            nonlocal told
            progress.show(state)
            if state.ready and not told:
                told = True
                progress.close()
                _tell_ready(state, console)
                console.print("Ctrl-C stops everything.")

        supervisor = Supervisor(System(options), notify)
        asyncio.run(supervisor.run())


def _tell_ready(state: State, console: Console) -> None:
    console.print(table(state, memory=False))
    console.print(next_steps(state, data_dir_option(state)), highlight=False, soft_wrap=True, markup=False)


def data_dir_option(state: State) -> str:
    """Return the option that other commands need to find this run, if they need one."""
    return "" if Path(state.data_dir) == data_dir_of(None) else f" --data-dir {state.data_dir}"


def _detached(data_dir: Path, console: Console) -> None:
    """Run the same command in a session of its own and wait until it is ready or has ended."""
    with data_dir_lock(data_dir):
        pass  # one that runs already is reported at once
    log = data_dir / "logs" / "supervisor.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    turn_over(log)
    arguments = [argument for argument in sys.argv[1:] if argument not in {"--detach", "-d"}]
    with log.open("ab") as output:
        begin = output.tell()
        child = subprocess.Popen(
            [sys.executable, "-m", "waybill", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    try:
        state = _await_ready(child, data_dir, console)
    except BaseException:
        child.terminate()
        child.wait()
        raise
    if state is None:
        raise WaybillError(_last_line(log, begin))
    _tell_ready(state, console)


def _await_ready(child: "subprocess.Popen[bytes]", data_dir: Path, console: Console) -> State | None:
    """Show the start of another process; None when it has ended before it was ready."""
    with Progress(console) as progress:
        while child.poll() is None:
            with contextlib.suppress(WaybillError):
                state = State.load(data_dir)
                if state is not None and state.supervisor is not None and state.supervisor.pid == child.pid:
                    progress.show(state)
                    if state.ready:
                        return state
            time.sleep(POLL_SECONDS)
    return None


def _last_line(log: Path, begin: int) -> str:
    with log.open("rb") as file:
        file.seek(begin)
        lines = [line for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("waybill: ") if lines else f"the start ended without a word (see {log})"
