"""What releases have promised: for each, the schemas and examples of its events as they were, in one file that never changes.

The last commit forgets a promise once it is broken; these files do not. Whoever runs a release's consumers beside today's
publishers, or still has its facts on a topic, is who would notice.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from contracts import REGISTRY
from waybill.errors import WaybillError
from waybill.generate.compatibility import Break, breaks
from waybill.generate.schemas import schema_of

FOLDER: Final = Path("contracts") / "promised"
EXAMPLES: Final = Path("contracts") / "examples"


@dataclass(frozen=True)
class Promise:
    """The events of a release, by type: their schemas, and wire messages by name."""

    version: str
    schemas: Mapping[str, Any]
    examples: Mapping[str, Mapping[str, Any]]


def promises(root: Path) -> list[Promise]:
    """Read what the releases have promised, by the names of their files."""
    found = []
    for file in sorted((root / FOLDER).glob("*.json")):
        types: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        schemas = {name: told["schema"] for name, told in types.items()}
        found.append(Promise(file.stem, schemas, {name: told["examples"] for name, told in types.items()}))
    return found


def broken(root: Path) -> list[Break]:
    """List what today's events break of what any release has promised."""
    today = {name: schema_of(event) for name, event in REGISTRY.items()}
    return [
        Break(one.type, one.field, f"{one.change} since {promise.version}")
        for promise in promises(root)
        for one in breaks(promise.schemas, today)
    ]


def promise(root: Path, version: str) -> Path:
    """Write down what is told now as the promise of a release; raises WaybillError where it has one already."""
    file = root / FOLDER / f"{version}.json"
    if file.exists():
        raise WaybillError(f"{file} is there already: a promise does not change")
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = (f"{json.dumps(name)}:{_told(root, name)}" for name in sorted(REGISTRY))
    file.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    return file


def _told(root: Path, name: str) -> str:
    """Write a type in one line, so that two promises can be compared type by type."""
    examples = {
        path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted((root / EXAMPLES / name).glob("*.json"))
    }
    told = {"schema": schema_of(REGISTRY[name]), "examples": examples}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))
