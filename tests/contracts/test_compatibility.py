"""The compatibility gate, seen to fail on each way a contract can break, and to let an added optional field pass."""

import copy
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contracts import REGISTRY
from waybill.generate.compatibility import Break, baseline, breaks
from waybill.generate.everything import broken_promises, consumers
from waybill.generate.schemas import schema_of
from waybill.generate.system import System

Schema = dict[str, Any]
Change = Callable[[Schema], object]

PLACED = "order.placed.v1"
CANCELLED = "order.cancelled.v1"


def changed(name: str, change: Change) -> list[Break]:
    before = {one: schema_of(event) for one, event in REGISTRY.items()}
    after = copy.deepcopy(before)
    change(after[name])
    return breaks(before, after)


def field(name: str) -> Callable[[Schema], Schema]:
    return lambda schema: schema["properties"][name]


BREAKING: list[tuple[str, str, Change, str]] = [
    ("a removed field", PLACED, lambda s: s["properties"].pop("user_id"), "user_id was removed"),
    (
        "a removed optional field of a part",
        PLACED,
        lambda s: s["$defs"]["Destination"]["properties"].pop("region"),
        "was removed",
    ),
    (
        "a new required field",
        PLACED,
        lambda s: (s["properties"].update(channel={"type": "string"}), s["required"].append("channel")),
        "channel is new and required",
    ),
    (
        "an optional field that became required",
        PLACED,
        lambda s: s["$defs"]["Destination"]["required"].append("region"),
        "region has become required",
    ),
    ("a required field that became optional", PLACED, lambda s: s["required"].remove("user_id"), "is no longer required"),
    ("another type", PLACED, lambda s: field("user_id")(s).update(type="integer"), "changed type from 'string' to 'integer'"),
    (
        "another type in a shared part",
        PLACED,
        lambda s: s["$defs"]["Money"]["properties"]["amount"].update(type="number"),
        "type",
    ),
    ("another format", PLACED, lambda s: field("order_id")(s).pop("format"), "changed format"),
    (
        "another pattern",
        PLACED,
        lambda s: s["$defs"]["Money"]["properties"]["currency"].update(pattern="^.*$"),
        "changed pattern",
    ),
    ("another bound", PLACED, lambda s: s["$defs"]["OrderLine"]["properties"]["quantity"].update(minimum=2), "changed minimum"),
    ("another default", "catalog.product_published.v1", lambda s: field("active")(s).update(default=False), "changed default"),
    ("a narrower enum", CANCELLED, lambda s: s["$defs"]["CancelReason"]["enum"].remove("staff"), "'staff' is gone"),
    ("a wider enum", CANCELLED, lambda s: s["$defs"]["CancelReason"]["enum"].append("fraud"), "'fraud' is unknown to readers"),
    (
        "null no longer allowed",
        PLACED,
        lambda s: s["$defs"]["Destination"]["properties"]["region"]["anyOf"].pop(),
        "alternatives",
    ),
    ("another kind of item", PLACED, lambda s: field("items")(s).update(items={"type": "string"}), "items"),
    ("a closed object", PLACED, lambda s: s.update(additionalProperties=False), "additionalProperties"),
    ("another topic", PLACED, lambda s: s.update({"x-topic": "orders"}), "changed x-topic"),
    ("another key", PLACED, lambda s: s.update({"x-key": "user_id"}), "changed x-key"),
]


@pytest.mark.parametrize(("name", "change", "told"), [pytest.param(*case[1:], id=case[0]) for case in BREAKING])
def test_a_break_is_refused(name: str, change: Change, told: str) -> None:
    found = changed(name, change)
    assert found, "the gate let it pass"
    assert {one.type for one in found} == {name}
    assert any(told in one.told_to({}) for one in found), found


COMPATIBLE: list[tuple[str, Change]] = [
    ("an added optional field", lambda s: s["properties"].update(channel={"type": "string", "default": "web"})),
    ("an added optional field of a part", lambda s: s["$defs"]["Money"]["properties"].update(tax={"type": "integer"})),
    ("another description", lambda s: s.update(description="Said better.")),
    ("a title", lambda s: field("user_id")(s).update(title="The customer")),
    ("a part that is named otherwise", lambda s: s["$defs"].update(Unused={"type": "object"})),
]


@pytest.mark.parametrize("change", [pytest.param(change, id=name) for name, change in COMPATIBLE])
def test_a_compatible_change_passes(change: Change) -> None:
    assert changed(PLACED, change) == []


def test_a_new_type_passes_and_a_vanished_one_does_not() -> None:
    old = {PLACED: schema_of(REGISTRY[PLACED])}
    new = {"order.placed.v2": schema_of(REGISTRY[PLACED])}
    assert breaks(old, {**old, **new}) == []
    assert [str(one.change) for one in breaks({**old, **new}, old)] == ["is told no more"]


def test_a_break_names_the_consumers_that_it_hits(declared: System) -> None:
    (found,) = changed(CANCELLED, lambda schema: schema["$defs"]["CancelReason"]["enum"].remove("deadline"))
    told = found.told_to(consumers(declared))
    assert "payment.void_or_refund" in told
    assert "inventory.release_stock" in told


def test_the_contracts_keep_what_the_last_commit_promised(root: Path) -> None:
    assert baseline(root), "no schema is committed"
    assert [str(one) for one in broken_promises(root)] == []


def test_without_git_the_files_are_the_baseline(tmp_path: Path) -> None:
    folder = tmp_path / "contracts" / "schemas"
    folder.mkdir(parents=True)
    (folder / "order.gone.v1.json").write_text('{"type": "object"}')
    assert baseline(tmp_path) == {"order.gone.v1": {"type": "object"}}
    assert Break("order.gone.v1", "", "is told no more") in broken_promises(tmp_path)


def test_with_git_the_commit_is_the_baseline_whatever_the_files_say(tmp_path: Path) -> None:
    file = tmp_path / "contracts" / "schemas" / "order.gone.v1.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"type": "object"}')
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    for command in (("init", "-q"), ("add", "."), (*identity, "commit", "-q", "-m", "one")):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True, capture_output=True)  # noqa: S603, S607 - our own git
    file.unlink()
    assert baseline(tmp_path) == {"order.gone.v1": {"type": "object"}}
