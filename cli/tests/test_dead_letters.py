"""`waybill dead-letters`: seen over all services, sent back, or given up with a reason."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from waybill.embedded.system import SERVICES
from waybill.main import run as waybill

from .answering import Answering, answering

OLD = str(UUID(int=1))
NEW = str(UUID(int=2))
PATH = "/api/admin/dead-letters"


def letter(letter_id: str, **other: Any) -> dict[str, Any]:
    return {
        "id": letter_id,
        "topic": "order.events",
        "kafka_partition": 1,
        "kafka_offset": 7,
        "key": "an order",
        "type": "order.placed.v1",
        "reason": "contract_broken",
        "error": "total_amount is missing",
        "status": "open",
        "created_at": "2026-03-02T12:00:00Z",
        "resolved_at": None,
        "resolved_by": None,
        "note": None,
        **other,
    }


@pytest.fixture
def gateway() -> Iterator[Answering]:
    with answering() as server:
        for service in SERVICES:
            server.answers[f"GET {PATH}/{service}"] = {"items": [], "next_cursor": None}
        server.answers[f"GET {PATH}/payment"] = {"items": [letter(NEW)], "next_cursor": None}
        server.answers[f"GET {PATH}/inventory"] = {"items": [letter(OLD)], "next_cursor": None}
        yield server


def run(gateway: Answering, *arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        waybill(["dead-letters", *arguments, "--gateway", gateway.url, "--token", "secret"])
    return int(str(ended.value.code))


def test_open_letters_of_all_services_are_listed_newest_first(gateway: Answering, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(gateway, "list", "--json") == 0
    items = json.loads(capsys.readouterr().out)["items"]
    assert [(item["service"], item["id"]) for item in items] == [("payment", NEW), ("inventory", OLD)]
    assert {request.query["status"][0] for request in gateway.seen} == {"open"}

    assert run(gateway) == 0
    out = capsys.readouterr().out
    assert "total_amount is missing" in out
    assert out.index(NEW) < out.index(OLD)


def test_all_letters_are_asked_for_without_a_status(gateway: Answering, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(gateway, "list", "--all", "--service", "order") == 0
    assert capsys.readouterr().out == "There are no dead letters.\n"
    assert [(request.line, "status" in request.query) for request in gateway.seen] == [(f"GET {PATH}/order", False)]


def test_a_letter_is_shown_whole(gateway: Answering, capsys: pytest.CaptureFixture[str]) -> None:
    whole = letter(OLD, headers={"ce_type": "order.placed.v1"}, value="{}", value_encoding="text")
    gateway.answers[f"GET {PATH}/inventory/{OLD}"] = whole
    assert run(gateway, "show", OLD) == 0
    out = capsys.readouterr().out
    assert "kafka_offset     7" in out
    assert "service          inventory" in out
    assert "headers          ce_type: order.placed.v1" in out
    assert "value            {}" in out
    assert run(gateway, "show", str(UUID(int=9))) == 1
    assert "there is no dead letter" in capsys.readouterr().err


def test_a_letter_is_sent_back_to_the_service_that_keeps_it(gateway: Answering, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.answers[f"POST {PATH}/inventory/{OLD}/retry"] = {"status": "retried"}
    assert run(gateway, "retry", OLD) == 0
    assert capsys.readouterr().out == f"{OLD} retried\n"
    assert gateway.seen[-1].body is None
    assert run(gateway, "retry", OLD, "--reason", "the bug is fixed") == 0
    assert gateway.seen[-1].body == {"reason": "the bug is fixed"}


def test_all_open_letters_are_sent_back_oldest_first(gateway: Answering, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.answers[f"POST {PATH}/inventory/{OLD}/retry"] = {"status": "retried"}
    gateway.answers[f"POST {PATH}/payment/{NEW}/retry"] = 422, {"title": "The record still cannot be handled", "detail": "Why."}
    assert run(gateway, "retry", "--all", "--json") == 1
    items = json.loads(capsys.readouterr().out)["items"]
    assert [(item["id"], item["status"]) for item in items] == [(OLD, "retried"), (NEW, "open")]
    assert "The record still cannot be handled: Why" in items[1]["error"]


def test_giving_up_takes_a_reason(gateway: Answering, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(gateway, "discard", NEW) == 1
    assert "say it with --reason" in capsys.readouterr().err
    gateway.answers[f"POST {PATH}/payment/{NEW}/discard"] = {"status": "discarded"}
    assert run(gateway, "discard", NEW, "--reason", "a test record") == 0
    assert gateway.seen[-1].body == {"reason": "a test record"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["retry"], "name the dead letters to retry, or say --all"),
        (["show", "--all"], "name the dead letters to show"),
        (["list", "--service", "billing"], "there is no service billing"),
    ],
)
def test_what_is_meant_must_be_said(
    gateway: Answering, capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str
) -> None:
    assert run(gateway, *arguments) == 1
    assert complaint in capsys.readouterr().err
    assert gateway.seen == []
