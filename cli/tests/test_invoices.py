"""`waybill invoices audit`: a table for people, JSON for machines, and an exit code for both."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from waybill.main import run as waybill

from .answering import Answering, answering

PATH = "GET /api/admin/documents/audit"


def series(name: str, **other: Any) -> dict[str, Any]:
    money = {"total_amount": {"amount": 3412, "currency": "EUR"}, "tax_amount": {"amount": 269, "currency": "EUR"}}
    sound = not other.get("missing") and not other.get("broken")
    found = {"series": name, "kind": "invoice", "sound": sound, "documents": 7, "last_number": 7, "missing": [], "broken": []}
    return found | {"totals": [money]} | other


@pytest.fixture
def gateway() -> Iterator[Answering]:
    with answering() as server:
        server.answers[PATH] = {"sound": True, "series": [series("CN-2026-"), series("INV-2026-")]}
        yield server


def run(gateway: Answering, *arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        waybill(["invoices", "audit", *arguments, "--gateway", gateway.url, "--token", "secret"])
    return int(str(ended.value.code))


def test_sound_series_are_shown_with_what_they_come_to(gateway: Answering, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(gateway) == 0
    out = capsys.readouterr().out
    assert ["INV-2026-", "7", "7", "-", "-", "34.12", "EUR", "2.69", "EUR"] in [line.split() for line in out.splitlines()]
    assert "unchanged" in out


def test_what_is_wrong_is_named_and_is_the_exit_code(gateway: Answering, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.answers[PATH] = {"sound": False, "series": [series("INV-2026-", missing=[2, 3, 4, 5], broken=["INV-2026-000007"])]}
    assert run(gateway) == 1
    shown = capsys.readouterr()
    assert "2, 3, 4, … (4)" in shown.out
    assert "INV-2026-000007" in shown.out
    assert "missing" in shown.err


def test_machines_get_what_the_service_says(gateway: Answering, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.answers[PATH]["sound"] = False
    assert run(gateway, "--json", "--series", "CN-2026-") == 1
    assert json.loads(capsys.readouterr().out) == gateway.answers[PATH]
    assert gateway.seen[-1].query["series"] == ["CN-2026-"]


def test_a_shop_that_issued_nothing_is_sound(gateway: Answering, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.answers[PATH] = {"sound": True, "series": []}
    assert run(gateway) == 0
    assert capsys.readouterr().out == "Nothing has been issued.\n"
