"""A later version, as chaos plays it: every object of a contract has a field more, and readers of today pass over it."""

import json
from pathlib import Path
from typing import Any

import pytest

from contracts import REGISTRY, decode
from waybill.chaos.later import ADDED, with_more
from waybill.embedded.places import project_root

EXAMPLES = sorted((project_root() / "contracts" / "examples").glob("*/*.json"))


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_a_fact_of_a_later_version_says_the_same(name: str) -> None:
    for path in (one for one in EXAMPLES if one.parent.name == name):
        event = decode(name, _value(path))
        more = with_more(event)
        assert more["from_a_later_version"] == ADDED["from_a_later_version"]
        assert decode(name, json.dumps(more).encode()) == event


def test_its_parts_have_more_too() -> None:
    path = next(one for one in EXAMPLES if one.parent.name == "order.placed.v1")
    more: dict[str, Any] = with_more(decode("order.placed.v1", _value(path)))
    assert "from_a_later_version" in more["total_amount"]
    assert all("from_a_later_version" in line for line in more["items"])


def _value(path: Path) -> bytes:
    return json.dumps(json.loads(path.read_text(encoding="utf-8"))["value"]).encode()
