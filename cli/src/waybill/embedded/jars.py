"""The Java programs Waybill starts: fetched once, by a committed list of SHA-256 sums, and checked before each start.

A jar enters the cache only whole and only when its sum is the committed one (it is written elsewhere and moved into place),
so an interrupted download, two first starts at once or a tampered mirror leave no bad jar behind. A jar that changed in the
cache is fetched again; where that is not possible the start fails and names it. Unchanged jars (same size and modification
time as when they were last summed) cost one `stat` each.
"""

import hashlib
import json
import logging
import os
import shutil
import tempfile
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from waybill.errors import WaybillError

LOCK_FILE: Final = Path(__file__).with_name("jars.lock")

# The coordinates each program is resolved from when the list is renewed (`python -m waybill.embedded.jars`). The `!` keeps the
# bill of materials of log4j from replacing the versions that Kafka itself asks for.
PROGRAMS: Final = {
    "kafka": "org.apache.kafka:kafka_2.13:4.4.0+org.apache.logging.log4j:log4j-slf4j-impl:2.25.5!",
    "identity": "no.nav.security:mock-oauth2-server:6.0.2",
}

PARALLEL_DOWNLOADS: Final = 8
_TURNS: Final = {program: threading.Lock() for program in PROGRAMS}
"""The nodes of a broker start together: the first fetches, the others find."""


class JarError(WaybillError):
    """A jar is missing and cannot be fetched, or is not the one that was committed."""


@dataclass(frozen=True, slots=True)
class Jar:
    """One file of a program's class path, as the committed list names it."""

    program: str
    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """Name the file in the cache."""
        return f"{self.artifact}-{self.version}.jar"


def locked(program: str, lock_file: Path = LOCK_FILE) -> list[Jar]:
    """Read the committed list of one program's jars, in class path order."""
    jars = []
    for line in lock_file.read_text().splitlines():
        owner, coordinates, sha256 = line.split()
        if owner == program:
            group, artifact, version = coordinates.split(":")
            jars.append(Jar(owner, group, artifact, version, sha256))
    return jars


def class_path(program: str, cache: Path, lock_file: Path = LOCK_FILE) -> list[Path]:
    """Return the program's jars, every one checked against the committed list; fetches what is missing. Raises JarError."""
    jars = locked(program, lock_file)
    directory = cache / "jars"
    directory.mkdir(parents=True, exist_ok=True)
    with _TURNS[program]:
        bad = altered(jars, directory)
        if bad:
            fetch(bad, directory)
            bad = altered(jars, directory)
        if bad:
            raise JarError(f"{directory / bad[0].file_name} is not the file Waybill was tested with: remove it and start again")
    return [directory / jar.file_name for jar in jars]


def altered(jars: Iterable[Jar], directory: Path) -> list[Jar]:
    """Return the jars that are missing or whose content is not the committed one; remembers what it has summed."""
    memory_file = directory / "verified.json"
    memory = _read_memory(memory_file)
    bad: list[Jar] = []
    learned: dict[str, list[int | str]] = {}
    for jar in jars:
        try:
            status = (directory / jar.file_name).stat()
        except FileNotFoundError:
            bad.append(jar)
            continue
        proof: list[int | str] = [status.st_size, status.st_mtime_ns, jar.sha256]
        if memory.get(jar.file_name) == proof:
            continue
        if digest(directory / jar.file_name) == jar.sha256:
            learned[jar.file_name] = proof
        else:
            bad.append(jar)
    if learned:
        _write_memory(memory_file, memory | learned)
    return bad


def digest(path: Path) -> str:
    """Sum a file with SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(jars: Sequence[Jar], directory: Path) -> None:
    """Download jars into the directory; raises JarError when one cannot be had or has another sum."""
    with (
        tempfile.TemporaryDirectory(dir=directory, prefix=".fetch-") as scratch,
        ThreadPoolExecutor(PARALLEL_DOWNLOADS) as pool,
    ):
        for jar, path in zip(jars, pool.map(lambda jar: _download(jar, Path(scratch)), jars), strict=True):
            found = digest(path)
            if found != jar.sha256:
                raise JarError(
                    f"{jar.file_name} was downloaded with SHA-256 {found[:12]}… instead of {jar.sha256[:12]}…: "
                    "the repository or a proxy on the way serves another file; nothing was installed"
                )
            path.replace(directory / jar.file_name)


def _download(jar: Jar, scratch: Path) -> Path:
    # Imported here: resolving machinery costs a quarter of a second and is needed only on the first start.
    import requests  # noqa: PLC0415
    from jgo.maven import MavenContext  # noqa: PLC0415

    context = MavenContext(repo_cache=scratch / jar.file_name)
    try:
        path = context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
    except (requests.RequestException, RuntimeError, OSError) as error:
        cause = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise JarError(f"{jar.file_name} cannot be downloaded ({cause}): check the network and start again") from error
    return Path(path)


def _read_memory(path: Path) -> dict[str, list[int | str]]:
    try:
        memory: dict[str, list[int | str]] = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}  # nothing remembered: every jar is summed again
    return memory


def _write_memory(path: Path, memory: dict[str, list[int | str]]) -> None:
    part = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
    part.write_text(json.dumps(memory, indent=1))
    part.replace(path)


def renew(lock_file: Path = LOCK_FILE) -> None:
    """Resolve every program anew and write the list: for whoever moves to another version, who then reviews the difference."""
    import jgo  # noqa: PLC0415

    scratch = Path(tempfile.mkdtemp())
    os.environ["M2_REPO"] = str(scratch)
    try:
        lines = []
        for program, coordinates in PROGRAMS.items():
            for artifact in jgo.resolve(coordinates):
                where = f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}"
                lines.append(f"{program} {where} {digest(Path(artifact.resolve()))}\n")
        lock_file.write_text("".join(lines))
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    renew()
