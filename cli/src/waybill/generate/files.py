"""Generated files: written, or compared with what is there."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

BEGIN: Final = "<!-- generated -->"
END: Final = "<!-- /generated -->"
REFRESH: Final = "./waybill generate"


@dataclass(frozen=True)
class Stale:
    """A file that says something else than the code."""

    path: str
    why: str

    def __str__(self) -> str:
        return f"{self.path} {self.why}: run `{REFRESH}` and commit it"


def compare(root: Path, wanted: Mapping[str, str]) -> list[Stale]:
    """List the files that are missing or differ; `wanted` maps paths below `root` to texts."""
    stale = []
    for path, text in wanted.items():
        file = root / path
        if not file.exists():
            stale.append(Stale(path, "is missing"))
        elif file.read_text(encoding="utf-8") != text:
            stale.append(Stale(path, "is stale"))
    return stale


def write(root: Path, wanted: Mapping[str, str]) -> list[str]:
    """Write what differs; answers the paths written."""
    changed = [stale.path for stale in compare(root, wanted)]
    for path in changed:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(wanted[path], encoding="utf-8")
    return changed


def between_markers(page: str, generated: str, *, title: str) -> str:
    """Put the generated part of a page in its place, and keep what people wrote around it."""
    part = f"{BEGIN}\n\n{generated.strip()}\n\n{END}"
    if BEGIN not in page:
        return f"{page.rstrip() or title}\n\n{part}\n"
    before, _, rest = page.partition(BEGIN)
    return f"{before}{part}{rest.partition(END)[2]}"
