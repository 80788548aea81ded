"""Logs: the last lines, what comes, all replicas, and a new file after a turn-over."""

from itertools import takewhile
from pathlib import Path

import pytest

from waybill.commands.logs import log_files, tail
from waybill.embedded.server import last_words, turn_over
from waybill.embedded.state import PartState, State
from waybill.errors import WaybillError


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "order.log"
    path.write_text("".join(f"line {number}\n" for number in range(1, 1001)))
    return path


def test_the_last_lines(log: Path) -> None:
    assert list(tail(log, 3, follow=False)) == ["line 998", "line 999", "line 1000"]
    assert list(tail(log, 0, follow=False)) == []
    assert len(list(tail(log, 5000, follow=False))) == 1000


def test_following_gives_whole_lines_as_they_come_and_survives_a_turn_over(log: Path) -> None:
    followed = tail(log, 0, follow=True)
    assert next(followed) is None
    with log.open("a") as out:
        out.write("half")
    assert next(followed) is None
    with log.open("a") as out:
        out.write(" a line\n")
    assert list(takewhile(lambda line: line is not None, followed)) == ["half a line"]
    turn_over(log, limit=10)
    assert not log.exists()
    log.write_text("a new file\n")
    assert next(line for line in followed if line is not None) == "a new file"


def test_a_log_is_turned_over_only_when_it_is_large(log: Path) -> None:
    turn_over(log, limit=1_000_000)
    assert log.exists()
    turn_over(log, limit=100)
    assert log.with_name("order.log.1").exists()


def test_a_service_stands_for_its_replicas(data_dir: Path) -> None:
    (data_dir / "logs").mkdir(parents=True)
    state = State(str(data_dir), 8080)
    for name in ("order", "order-2", "orders-archive"):
        state.parts[name] = PartState(name, "service", "", "")
        (data_dir / "logs" / f"{name}.log").touch()
    state.save()
    assert list(log_files(data_dir, "order")) == ["order", "order-2"]
    assert list(log_files(data_dir, "order-2")) == ["order-2"]
    with pytest.raises(WaybillError, match=r"no log of billing .* there are: order, order-2, orders-archive"):
        log_files(data_dir, "billing")


def test_the_last_words_prefer_what_tells_the_cause(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert last_words(log) == "it wrote nothing"
    log.write_text("starting\nFATAL:  could not create lock file\nshutting down\n\n")
    assert last_words(log) == "FATAL:  could not create lock file"
