"""The state file: written whole, read back the same, honest about processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from waybill.commands.status import document, settle
from waybill.embedded.state import PartState, Phase, ProcessId, State, memory_of
from waybill.errors import WaybillError


def a_state(data_dir: Path) -> State:
    data_dir.mkdir(parents=True, exist_ok=True)
    ours = ProcessId.of(os.getpid())
    state = State(str(data_dir), 8080, supervisor=ours, started_at=1.0, ready_at=2.0)
    state.parts["order"] = PartState("order", "service", "http://127.0.0.1:8090", "order.log", Phase.READY, ours, 1, 2.0, "")
    return state


def test_what_is_written_is_read_back(data_dir: Path) -> None:
    state = a_state(data_dir)
    state.save()
    assert State.load(data_dir) == state
    assert [path.name for path in data_dir.iterdir()] == ["state.json"]


def test_no_file_means_that_nothing_ran(data_dir: Path) -> None:
    assert State.load(data_dir) is None


@pytest.mark.parametrize("content", ["", "{", '{"version": 99}'])
def test_a_file_that_cannot_be_read_is_told_in_one_line(data_dir: Path, content: str) -> None:
    data_dir.mkdir()
    (data_dir / "state.json").write_text(content)
    with pytest.raises(WaybillError) as error:
        State.load(data_dir)
    assert "\n" not in str(error.value)
    assert "state.json" in str(error.value)


def test_ready_means_every_part(data_dir: Path) -> None:
    state = a_state(data_dir)
    assert state.ready
    state.parts["order"].phase = Phase.RESTARTING
    assert not state.ready


def test_a_dead_process_is_not_alive_and_not_shown_as_ready(data_dir: Path) -> None:
    state = a_state(data_dir)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    state.parts["order"].process = ProcessId.of(child.pid)
    child.communicate(b"\n")
    settle(state)
    assert state.parts["order"].phase is Phase.RESTARTING
    assert document(state, ready=state.ready)["parts"][0]["pid"] is None


def test_the_document_tells_what_programs_need(data_dir: Path) -> None:
    told = document(a_state(data_dir), ready=True)
    assert told["ready"] is True
    part = told["parts"][0]
    assert {key: part[key] for key in ("name", "kind", "state", "address", "restarts")} == {
        "name": "order",
        "kind": "service",
        "state": "ready",
        "address": "http://127.0.0.1:8090",
        "restarts": 1,
    }
    assert part["rss_bytes"] > 1_000_000
    assert part["pid"] == os.getpid()


def test_memory_of_a_process_that_is_gone_is_none() -> None:
    assert memory_of(ProcessId(2**22 - 1, 0.0)) == 0
