"""`waybill erase`: single orders or all of a customer's, and what was too early for it."""

import json
from collections.abc import Iterator
from uuid import uuid4

import pytest

from waybill.main import run as waybill

from .answering import Answering, answering

FIRST, SECOND = str(uuid4()), str(uuid4())


def path(order_id: str) -> str:
    return f"DELETE /api/admin/orders/{order_id}/personal-data"


@pytest.fixture
def gateway() -> Iterator[Answering]:
    with answering() as server:
        server.answers["GET /api/admin/orders"] = {"items": [{"order_id": FIRST}, {"order_id": SECOND}], "next_cursor": None}
        server.answers[path(FIRST)] = {"order_id": FIRST}
        server.answers[path(SECOND)] = (409, {"title": "The order is not at rest", "detail": "a return is open"})
        yield server


def run(gateway: Answering, *arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        waybill(["erase", *arguments, "--gateway", gateway.url, "--token", "secret"])
    return int(str(ended.value.code))


def test_one_order_is_erased(gateway: Answering, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(gateway, FIRST) == 0
    assert [seen.line for seen in gateway.seen] == [path(FIRST)]
    assert "1 orders have no contact" in capsys.readouterr().out


def test_all_orders_of_a_customer_are_erased_but_those_that_are_not_at_rest(
    gateway: Answering, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(gateway, "--customer", "ada", "--json") == 1
    assert gateway.seen[0].query["user_id"] == ["ada"]
    done = json.loads(capsys.readouterr().out)
    assert (done["erased"], list(done["refused"])) == ([FIRST], [SECOND])
    assert "a return is open" in done["refused"][SECOND]


def test_what_is_to_be_erased_must_be_said_one_way(gateway: Answering, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ((), (FIRST, "--customer", "ada")):
        assert run(gateway, *arguments) == 1
        assert "name orders, or a customer by --customer" in capsys.readouterr().err
    assert gateway.seen == []
