"""The compatibility gate: a published event type may gain optional fields, and change in no other way.

Both directions count: records of the topics' retention are read by new consumers, and new records by consumers that are not
rolled out yet. So a wider type is as much a break as a narrower one, and everything but an added optional field needs a new
type `.vN` beside the old. Words that only tell (titles, descriptions, examples) are free.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from waybill.errors import WaybillError
from waybill.generate.schemas import FOLDER

Schema = Mapping[str, Any]

WORDS: Final = {"title", "description", "examples", "$schema", "$id", "deprecated", "x-publisher"}
STRUCTURE: Final = {"properties", "required", "items", "anyOf", "enum", "$ref", "$defs", "additionalProperties"}


@dataclass(frozen=True)
class Break:
    """A change that some consumer cannot follow: which field of which type, and what happened to it."""

    type: str
    field: str
    change: str

    def told_to(self, consumers: Mapping[str, list[str]]) -> str:
        """Say it in a line, with the consumers that break."""
        names = ", ".join(consumers.get(self.type, [])) or "none of ours; other systems may"
        place = f" {self.field}" if self.field else ""
        return f"{self.type}:{place} {self.change} (heard by: {names})"


def breaks(before: Mapping[str, Schema], after: Mapping[str, Schema]) -> list[Break]:
    """List the incompatible changes between two sets of schemas by type; a type that is new breaks nobody."""
    found: list[Break] = []
    for name, old in sorted(before.items()):
        if name not in after:
            found.append(Break(name, "", "is told no more"))
        else:
            found += (Break(name, field, change) for field, change in _changes(old, after[name], old, after[name], ""))
    return found


def _changes(old: Schema, new: Schema, old_root: Schema, new_root: Schema, at: str) -> Iterator[tuple[str, str]]:
    old, new = _resolved(old, old_root), _resolved(new, new_root)
    yield from _rules(old, new, at)
    if "enum" in old or "enum" in new:
        yield from _enum(old.get("enum", []), new.get("enum", []), at)
    yield from _fields(old, new, old_root, new_root, at)
    for part in ("items", "additionalProperties"):
        mine, theirs = old.get(part), new.get(part)
        if isinstance(mine, dict) and isinstance(theirs, dict):
            yield from _changes(mine, theirs, old_root, new_root, f"{at}[]")
        elif mine != theirs:
            yield at, f"changed {part}"
    yield from _choices(old.get("anyOf", []), new.get("anyOf", []), old_root, new_root, at)


def _resolved(schema: Schema, root: Schema) -> Schema:
    """Follow a reference within the document; words beside it stay."""
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: Any = root
    for part in str(reference).removeprefix("#/").split("/"):
        found = found[part]
    return {**_resolved(found, root), **{key: value for key, value in schema.items() if key != "$ref"}}


def _rules(old: Schema, new: Schema, at: str) -> Iterator[tuple[str, str]]:
    """Compare the plain keywords: type, format, patterns, bounds, the topic and its key."""
    for word in sorted((old.keys() | new.keys()) - WORDS - STRUCTURE):
        if old.get(word) != new.get(word):
            yield at, f"changed {word} from {old.get(word)!r} to {new.get(word)!r}"


def _enum(old: list[Any], new: list[Any], at: str) -> Iterator[tuple[str, str]]:
    for value in old:
        if value not in new:
            yield at, f"narrowed its values: {value!r} is gone"
    for value in new:
        if value not in old:
            yield at, f"widened its values: {value!r} is unknown to readers of today"


def _fields(old: Schema, new: Schema, old_root: Schema, new_root: Schema, at: str) -> Iterator[tuple[str, str]]:
    before, after = old.get("properties", {}), new.get("properties", {})
    needed_before, needed_after = set(old.get("required", ())), set(new.get("required", ()))
    for name, schema in before.items():
        place = f"{at}.{name}" if at else name
        if name not in after:
            yield place, "was removed"
            continue
        if name in needed_before - needed_after:
            yield place, "is no longer required"
        if name in needed_after - needed_before:
            yield place, "has become required"
        yield from _changes(schema, after[name], old_root, new_root, place)
    for name in after.keys() - before.keys():
        if name in needed_after:
            yield f"{at}.{name}" if at else name, "is new and required"


def _choices(old: list[Schema], new: list[Schema], old_root: Schema, new_root: Schema, at: str) -> Iterator[tuple[str, str]]:
    if len(old) != len(new):
        yield at, "changed its alternatives (null counts as one)"
        return
    for mine, theirs in zip(old, new, strict=True):
        yield from _changes(mine, theirs, old_root, new_root, at)


def baseline(root: Path, ref: str | None = None) -> dict[str, Schema]:
    """Read the schemas that consumers rely on: those of git's `ref`, or (None) those of the last commit.

    Where there is no git history, the files as they lie there are the baseline.
    """
    names = _git(root, "ls-tree", "--name-only", ref or "HEAD", f"{FOLDER}/")
    if names is None:
        if ref is not None:
            raise WaybillError(f"git knows no {ref} here: name a branch, tag or commit to compare with")
        return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted((root / FOLDER).glob("*.json"))}
    found = {}
    for name in names.split():
        text = _git(root, "show", f"{ref or 'HEAD'}:{name}")
        if text is not None:
            found[Path(name).stem] = json.loads(text)
    return found


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None
