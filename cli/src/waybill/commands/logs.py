"""`waybill logs`: print or follow what a part has written."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import typer

from waybill.embedded.state import State
from waybill.errors import WaybillError
from waybill.options import DataDir, data_dir_of

POLL_SECONDS: Final = 0.2
TAIL_BYTES_PER_LINE: Final = 2000


def logs(
    service: Annotated[str, typer.Argument(help="A part as `waybill status` names it, or supervisor.")],
    data_dir: DataDir = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on printing what comes.")] = False,  # noqa: FBT002
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many lines of what is there.")] = 200,
) -> None:
    """Print or follow the log of a part; a service's name stands for all of its replicas."""
    files = log_files(data_dir_of(data_dir), service)
    width = max(len(name) for name in files) if len(files) > 1 else 0
    tails = {name: tail(path, lines, follow=follow) for name, path in files.items()}
    while tails:
        for name, lines_of_file in list(tails.items()):
            for line in lines_of_file:
                if line is None:
                    break
                typer.echo(f"{name:{width}} | {line}" if width else line)
            else:
                del tails[name]
        if tails:
            time.sleep(POLL_SECONDS)


def log_files(data_dir: Path, service: str) -> dict[str, Path]:
    """Return the log files of a part and, for a service, of its replicas; raises WaybillError when there are none."""
    folder = data_dir / "logs"
    state = State.load(data_dir)
    known = [*state.parts, "supervisor", "migrations"] if state is not None else []
    chosen = [
        name for name in known if name == service or (name.startswith(f"{service}-") and name.rpartition("-")[2].isdigit())
    ]
    files = {name: folder / f"{name}.log" for name in chosen if (folder / f"{name}.log").exists()}
    if not files:
        there = ", ".join(sorted(path.stem for path in folder.glob("*.log"))) or "none yet"
        raise WaybillError(f"there is no log of {service} in {folder}; there are: {there}")
    return files


def tail(path: Path, lines: int, *, follow: bool) -> Iterator[str | None]:
    """Give the last lines of a file, then None whenever there is nothing new; goes on in the new file after a turn-over."""
    file = path.open("rb")
    try:
        yield from _last(file, lines)
        pending = b""
        while follow:
            chunk = file.read(65536)
            if chunk:
                *whole, pending = (pending + chunk).split(b"\n")
                yield from (line.decode(errors="replace") for line in whole)
                continue
            yield None
            if _turned_over(path, file):
                file.close()
                file = path.open("rb")
    finally:
        file.close()


def _last(file: BinaryIO, lines: int) -> list[str]:
    """Read the last whole lines and stand behind them."""
    size = file.seek(0, 2)
    start = max(0, size - lines * TAIL_BYTES_PER_LINE)
    file.seek(start)
    content = file.read(size - start)
    end = content.rfind(b"\n") + 1
    file.seek(start + end)
    found = content[:end].decode(errors="replace").splitlines()
    return found[-lines:] if lines else []


def _turned_over(path: Path, file: BinaryIO) -> bool:

    try:
        return path.stat().st_ino != os.fstat(file.fileno()).st_ino
    except FileNotFoundError:
        return False
