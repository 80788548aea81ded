"""What a release has promised stays true: its examples are read by all who hear them, its schemas only gain optional fields."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from chassis.reactions import Reactions, read
from contracts import REGISTRY, decode
from waybill.chaos.later import with_more
from waybill.errors import WaybillError
from waybill.generate import everything, promised
from waybill.generate.system import SERVICES

from .conftest import Example
from .test_examples import NOW, reactions_of

ROOT = Path(__file__).resolve().parents[2]


def examples(reactions: Reactions) -> list[Example]:
    found = []
    for promise in promised.promises(ROOT):
        for name, messages in promise.examples.items():
            event = REGISTRY.get(name)
            if event in reactions.functions:
                found += [Example.of(Path(name) / stem, event.topic.name, message) for stem, message in messages.items()]
    return found


def test_a_release_has_promised_something() -> None:
    assert promised.promises(ROOT)
    assert all(one.schemas and set(one.schemas) == set(one.examples) for one in promised.promises(ROOT))


@pytest.mark.parametrize("service", SERVICES)
def test_a_consumer_reads_every_example_of_every_release(service: str) -> None:
    reactions = reactions_of(service)
    old = examples(reactions)
    assert {one.path.parent.name for one in old} <= {event.type for event in reactions.functions}
    assert len(old) > len(reactions.functions) / 2
    for one in old:
        item = read(one, reactions, NOW)
        assert item is not None, one.path
        more = json.dumps(with_more(decode(one.path.parent.name, one.value))).encode()
        later = read(replace(one, value=more), reactions, NOW)
        assert later is not None
        assert later.message == item.message, one.path


def test_no_promise_is_broken() -> None:
    assert promised.broken(ROOT) == []


def test_a_promise_outlives_the_commit_that_breaks_it(tmp_path: Path) -> None:
    """The last commit may have broken it; the release has it still."""
    file = tmp_path / promised.FOLDER / "0.0.1.json"
    file.parent.mkdir(parents=True)
    schema = {"type": "object", "properties": {"gone": {"type": "string"}}}
    file.write_text(json.dumps({"order.shipped.v1": {"schema": schema, "examples": {}}}))
    told = [one.told_to({}) for one in promised.broken(tmp_path)]
    assert "order.shipped.v1: gone was removed since 0.0.1 (heard by: none of ours; other systems may)" in told
    assert set(promised.broken(tmp_path)) <= set(everything.broken_promises(tmp_path))


def test_a_promise_is_made_once(tmp_path: Path) -> None:
    file = promised.promise(tmp_path, "9.9.9")
    (made,) = promised.promises(tmp_path)
    assert (made.version, set(made.schemas)) == ("9.9.9", set(REGISTRY))
    assert promised.broken(tmp_path) == []
    with pytest.raises(WaybillError, match="is there already"):
        promised.promise(tmp_path, "9.9.9")
    assert file.read_text(encoding="utf-8").count("\n") == len(REGISTRY) + 2
