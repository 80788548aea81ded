"""`waybill republish` refuses where facts would lose their order; what it does is proved in tests/faults/test_republish.py."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from waybill.errors import WaybillError
from waybill.main import application


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--database", "order=postgresql://nobody@127.0.0.1:1/order"], "give the database of each service"),
        (
            [
                option
                for service in ("order", "payment", "inventory", "notification")
                for option in ("--database", f"{service}=postgresql://nobody@127.0.0.1:1/{service}")
            ],
            "the database of order cannot be reached",
        ),
        ([], "nothing ever ran on"),
    ],
)
def test_what_cannot_be_republished_is_refused(tmp_path: Path, options: list[str], says: str) -> None:
    done = CliRunner().invoke(application(["republish"]), ["republish", "--data-dir", str(tmp_path), *options])
    assert isinstance(done.exception, WaybillError)
    assert says in str(done.exception)
