"""A pytest plugin: whole-system tests last, and the progress told on a pipe while the output goes to a file.

Tests that start all of Waybill need the machine to themselves and take longest, so whatever else is broken is known before
them. Without the pipe (pytest started by hand with this plugin) only the order applies.
"""

import json
import os
from typing import Any, Final

import pytest

PIPE_VARIABLE: Final = "WAYBILL_TEST_PROGRESS_FD"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move the tests that start the whole system to the end; all else keeps its order."""
    items.sort(key=lambda item: item.get_closest_marker("system") is not None)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Tell how many tests there are."""
    _tell(total=len(session.items))


def pytest_runtest_logstart(nodeid: str) -> None:
    """Tell which test begins."""
    _tell(test=nodeid)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Tell how each test ended: by its own result, or by that of a set-up or clean-up that went wrong."""
    if report.when == "call" or report.outcome != "passed":
        _tell(ended=report.nodeid, outcome=report.outcome)


def _tell(**fact: Any) -> None:
    pipe = os.environ.get(PIPE_VARIABLE)
    if pipe is not None:
        os.write(int(pipe), json.dumps(fact).encode() + b"\n")
