"""`waybill saga`: the tree says what caused what, and the list of the stuck says what is missing."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from rich.console import Console

from waybill.main import run as waybill
from waybill.saga_tree import Node, draw, grow, in_short, name_of

from .answering import Answering, answering

ORDER = UUID("01890000-0000-7000-8000-000000000001")
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MONEY = {"amount": 1999, "currency": "EUR"}


def fact(event: str, source: str, at: int, *, by: str | None = None, data: Any = None, **other: Any) -> dict[str, Any]:
    return {
        "event_id": event,
        "type": f"{source}.{event}.v1",
        "topic": f"{source}.events",
        "source": source,
        "sequence": other.get("sequence", 1),
        "time": (NOON + timedelta(milliseconds=at)).isoformat(),
        "causation_id": by,
        "unpublished": other.get("unpublished", False),
        "data": data,
    }


PLACED = fact("placed", "order", 0, data={"total_amount": MONEY, "items": [{"product_id": "TEA", "quantity": 2}]})
RESERVED = fact("stock_reserved", "inventory", 12, by="placed", data={"allocations": []})
AUTHORIZED = fact("authorized", "payment", 30, by="stock_reserved", data={"amount": MONEY})
CONFIRMED = fact("confirmed", "order", 41, by="authorized", data={"total_amount": MONEY, "shipments": [1]}, sequence=2)
CANCELLED = fact("cancelled", "order", 9000, data={"reason": "customer"}, sequence=3, unpublished=True)
CONTACTS = {**fact("contacts", "order", 0), "type": "order.contacts.v1"}


def saga(*facts: Mapping[str, Any], **other: Any) -> dict[str, Any]:
    return {
        "order_id": str(ORDER),
        "status": "Cancelled",
        "waits_for": [],
        "deadline_at": None,
        "facts": list(facts),
        "missing_services": [],
        "history": [],
        **other,
    }


def shape(nodes: list[Node]) -> dict[str, Any]:
    return {node.fact["event_id"]: shape(node.children) for node in nodes}


def drawn(found: Mapping[str, Any]) -> list[str]:
    console = Console(width=200, no_color=True)
    with console.capture() as capture:
        console.print(draw(found, NOON), soft_wrap=True)
    return [line.rstrip() for line in capture.get().splitlines()]


def test_each_fact_stands_below_its_cause_and_commands_at_the_root() -> None:
    nodes = grow([CANCELLED, CONFIRMED, AUTHORIZED, RESERVED, PLACED])
    assert shape(nodes) == {"placed": {"stock_reserved": {"authorized": {"confirmed": {}}}}, "cancelled": {}}
    assert not any(node.orphan for node in nodes)


def test_a_fact_whose_cause_is_missing_is_not_lost() -> None:
    nodes = grow([PLACED, AUTHORIZED])
    assert shape(nodes) == {"placed": {}, "authorized": {}}
    assert [node.orphan for node in nodes] == [False, True]


def test_facts_that_cause_each_other_are_not_lost() -> None:
    nodes = grow([fact("a", "order", 0, by="b"), fact("b", "order", 1, by="a")])
    assert shape(nodes) == {"a": {}, "b": {}}


def test_the_tree_tells_when_who_and_what() -> None:
    lines = drawn(saga(PLACED, RESERVED, AUTHORIZED, CONFIRMED, CANCELLED, CONTACTS))
    assert lines[0] == f"order {ORDER}  Cancelled"
    placed = next(line for line in lines if "order placed" in line)
    assert "+0 ms  order  order placed  order.events #1  19.99 EUR: 2 x TEA" in placed
    assert any("+30 ms  payment  payment authorized  payment.events #1  19.99 EUR" in line for line in lines)
    assert any("order cancelled  order.events #3  customer  not published yet" in line for line in lines)
    assert any("order contacts" in line and line.endswith("confidential") for line in lines)


def test_what_is_missing_is_said() -> None:
    waiting = saga(PLACED, waits_for=["payment.authorized.v1"], deadline_at=(NOON + timedelta(seconds=90)).isoformat())
    waiting["missing_services"] = ["payment"]
    lines = drawn(waiting)
    assert any(line.startswith("waits for payment authorized, at the latest until") and "(90 s left)" in line for line in lines)
    assert "no answer from payment: its facts are missing here" in lines
    assert any("no facts are kept any more" in line for line in drawn(saga()))


@pytest.mark.parametrize(
    ("event_type", "name"),
    [
        ("order.placed.v1", "order placed"),
        ("inventory.stock_reserved.v1", "stock reserved"),
        ("order.placed.v2", "order placed (v2)"),
    ],
)
def test_events_are_named_as_people_do(event_type: str, name: str) -> None:
    assert name_of(event_type) == name


def test_an_event_type_that_is_not_known_shows_its_name_alone() -> None:
    assert in_short(fact("new", "order", 0, data={"anything": 1})) == ""


@pytest.fixture
def gateway() -> Iterator[Answering]:
    with answering() as server:
        yield server


def run(gateway: Answering, *arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        waybill(["saga", *arguments, "--gateway", gateway.url, "--token", "secret"])
    return int(str(ended.value.code))


def test_the_command_shows_an_order(gateway: Answering, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.answers[f"GET /api/admin/orders/{ORDER}/saga"] = saga(PLACED)
    assert run(gateway, str(ORDER)) == 0
    assert "19.99 EUR: 2 x TEA" in capsys.readouterr().out
    assert run(gateway, str(ORDER), "--json") == 0
    assert json.loads(capsys.readouterr().out)["facts"] == [PLACED]
    assert gateway.seen[0].headers["authorization"] == "Bearer secret"


def test_an_order_that_is_not_there_is_one_line(gateway: Answering, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(gateway, str(ORDER)) == 1
    assert capsys.readouterr().err.startswith(f"waybill: there is no order {ORDER}: ")


def test_stuck_orders_are_listed_with_what_they_wait_for(gateway: Answering, capsys: pytest.CaptureFixture[str]) -> None:
    wait = {"fact": "payment.authorized.v1", "service": "payment", "since": NOON.isoformat(), "until": None, "overdue": True}
    order = {
        "order_id": str(ORDER),
        "status": "Pending",
        "payment_state": "pending",
        "fulfilment_state": "unplanned",
        "hold_reason": None,
        "deadline_at": None,
        "updated_at": NOON.isoformat(),
        "waiting_for": [wait],
    }
    gateway.answers["GET /api/admin/orders/stuck"] = {"items": [order], "next_cursor": None}
    assert run(gateway, "--stuck", "--older-than", "5") == 1
    out = capsys.readouterr().out
    assert str(ORDER) in out
    assert "payment authorized" in out
    assert gateway.seen[0].query["older_than_seconds"] == ["5"]

    assert run(gateway, "--stuck", "--json") == 1
    assert json.loads(capsys.readouterr().out)["items"] == [order]

    gateway.answers["GET /api/admin/orders/stuck"] = {"items": [], "next_cursor": None}
    assert run(gateway, "--stuck") == 0
    assert "No order has been waiting" in capsys.readouterr().out


def test_a_saga_is_retried(gateway: Answering, capsys: pytest.CaptureFixture[str]) -> None:
    done = {
        "order_id": str(ORDER),
        "services": {"order": {"told": 3, "hastened": []}, "payment": {"told": 1, "hastened": ["authorize"]}},
        "missing_services": ["inventory"],
        "waiting_for": [{"fact": "payment.authorized.v1"}],
    }
    gateway.answers[f"POST /api/admin/orders/{ORDER}/saga/retry"] = done
    assert run(gateway, str(ORDER), "--retry") == 1
    out = capsys.readouterr().out
    assert "tells 1 facts anew, does now: authorize" in out
    assert "inventory     does not answer" in out
    gateway.answers[f"POST /api/admin/orders/{ORDER}/saga/retry"] = {**done, "missing_services": []}
    assert run(gateway, str(ORDER), "--retry", "--json") == 0
    assert json.loads(capsys.readouterr().out)["services"] == done["services"]
    assert run(gateway, str(ORDER), "--retry", "--reason", "the PSP is back") == 0
    assert [one.body for one in gateway.seen][1:] == [{"reason": "from the command line"}, {"reason": "the PSP is back"}]
    assert run(gateway, str(ORDER), "--force-cancel", "why", "--reason", "why") == 1
    assert "--reason is of --retry" in capsys.readouterr().err


def test_an_order_is_cancelled_by_force_for_a_reason(gateway: Answering, capsys: pytest.CaptureFixture[str]) -> None:
    order = {"order_id": str(ORDER), "status": "Cancelled", "contact": {"email": "alice@example.com"}}
    axes = {"order_state": "cancelled", "payment_state": "pending", "fulfilment_state": "cancelled"}
    gateway.answers[f"POST /api/admin/orders/{ORDER}/saga/force-cancel"] = order | axes
    assert run(gateway, str(ORDER), "--force-cancel", "hangs since Monday") == 0
    assert capsys.readouterr().out == f"order {ORDER} is Cancelled\n"
    assert gateway.seen[0].body == {"reason": "hangs since Monday"}
    assert run(gateway, str(ORDER), "--force-cancel", "again", "--json") == 0
    assert "alice@example.com" not in capsys.readouterr().out


@pytest.mark.parametrize("what", [["--stuck", "--retry"], [str(ORDER), "--retry", "--force-cancel", "why"]])
def test_one_thing_is_done_at_a_time(gateway: Answering, what: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(gateway, *what) == 1
    assert "--force-cancel REASON" in capsys.readouterr().err
    assert gateway.seen == []


def test_what_is_to_be_shown_must_be_said(gateway: Answering, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(gateway) == 1
    assert capsys.readouterr().err == "waybill: name one order, or say --stuck\n"


def test_without_a_running_system_the_error_says_how_to_start_one(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        waybill(["saga", str(ORDER), "--data-dir", str(tmp_path)])
    assert ended.value.code == 1
    assert capsys.readouterr().err == f"waybill: Waybill does not run on {tmp_path}: start it with `./waybill up`\n"


def test_a_gateway_that_is_away_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        waybill(["saga", str(ORDER), "--gateway", "http://127.0.0.1:9", "--token", "secret"])
    assert capsys.readouterr().err.startswith("waybill: the gateway at http://127.0.0.1:9 does not answer (ConnectError)")
