"""`waybill fraud backtest`: rules of a file, past orders, and what would have changed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from waybill.main import run as waybill

from .answering import Answering, answering

PATH = "/api/admin/risk-rules/backtest"
CHANGE: dict[str, Any] = {
    "order_id": str(UUID(int=7)),
    "at": "2026-03-02T12:00:00Z",
    "then": "approve",
    "then_score": 20,
    "then_facts": ["address_mismatch"],
    "now": "reject",
    "now_score": 100,
    "now_facts": ["deny_list_email"],
}
FOUND: dict[str, Any] = {
    "assessed": 40,
    "then": {"approve": 39, "review": 1, "reject": 0},
    "now": {"approve": 38, "review": 1, "reject": 1},
    "changed": 1,
    "changes": [CHANGE],
}


@pytest.fixture
def gateway() -> Iterator[Answering]:
    with answering() as server:
        server.answers[f"POST {PATH}"] = FOUND
        yield server


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.json"
    path.write_text(json.dumps({"rules": [], "review_at": 50, "version": 3, "actor": "admin:ann"}))
    return path


def run(gateway: Answering, *arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        waybill(["fraud", "backtest", *arguments, "--gateway", gateway.url, "--token", "secret"])
    return int(str(ended.value.code))


def test_changes_are_shown_with_their_reason(gateway: Answering, rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(gateway, str(rules), "--days", "7") == 0
    shown = capsys.readouterr().out
    assert CHANGE["order_id"] in shown
    assert "deny_list_email" in shown
    assert "40 orders, 1 of them otherwise than then: approve 39 → 38, review 1 → 1, reject 0 → 1" in shown
    [asked] = gateway.seen
    assert (asked.body, asked.query) == ({"rules": [], "review_at": 50}, {"days": ["7"]})


def test_programs_get_the_whole_answer(gateway: Answering, rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(gateway, str(rules), "--json") == 0
    assert json.loads(capsys.readouterr().out) == FOUND


@pytest.mark.parametrize("content", [None, "{", "[]", '{"version": 1}'])
def test_what_is_no_rules_is_said_so(
    gateway: Answering, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None
) -> None:
    path = tmp_path / "rules.json"
    if content is not None:
        path.write_text(content)
    assert run(gateway, str(path)) == 1
    assert str(path) in capsys.readouterr().err
    assert gateway.seen == []


def test_rules_that_are_refused_are_named(gateway: Answering, rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refusal = {"title": "The risk rules are not valid", "detail": "rules.0.kind: there is no such kind"}
    gateway.answers[f"POST {PATH}"] = (422, refusal)
    assert run(gateway, str(rules)) == 1
    assert "rules.0.kind" in capsys.readouterr().err
