"""The command line: every mistake is one line that says what to do, and nothing is imported in vain."""

import subprocess
import sys
from pathlib import Path

import pytest

from waybill.commands.up import settings_by_service
from waybill.embedded.system import LAST_PORT, Options, check_ports
from waybill.errors import WaybillError
from waybill.main import COMMANDS, run


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nonsense"], "nonsense"),
        (["up", "--scale", "billing=2"], "there is no service billing"),
        (["up", "--scale", "order"], "--scale payment=3"),
        (["up", "--scale", "order=99"], "from 1 to 10"),
        (["up", "--port-base", "65535"], "--port-base"),
        (["up", "--port-base", "eighty"], "--port-base"),
        (["up", "--service-env", "ORDER"], "KEY=VALUE"),
        (["token", "--role", "king"], "there is no role king"),
        (["token"], "start it with `./waybill up`"),
        (["status"], "start it with `./waybill up`"),
        (["down"], "nothing to stop"),
        (["logs", "order"], "there is no log of order"),
        (["logs"], "./waybill logs --help"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str], expected: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WAYBILL_DATA_DIR", str(data_dir))
    with pytest.raises(SystemExit) as ended:
        run(arguments)
    told = capsys.readouterr()
    assert ended.value.code not in {0, None}
    assert told.out == ""
    assert told.err.startswith("waybill: ")
    assert told.err.count("\n") == 1
    assert expected in told.err


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(["--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert all(f"  {name} " in told for name in COMMANDS)


def test_status_does_not_load_what_only_a_start_needs(data_dir: Path) -> None:
    code = (
        "import sys; from waybill.main import application; application(['status']);"
        "sys.exit(' '.join({'aiokafka', 'asyncpg', 'pydantic', 'jgo', 'httpx2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=data_dir.parent)
    assert done.stderr.strip() == ""


def test_settings_of_services_are_read() -> None:
    found = settings_by_service(["A=1", "order:B=x=y", "order:C="])
    assert found == {"": {"A": "1"}, "order": {"B": "x=y", "C": ""}}
    with pytest.raises(WaybillError, match="billing:A=1"):
        settings_by_service(["billing:A=1"])


def test_ports_of_two_systems_side_by_side_do_not_meet(tmp_path: Path) -> None:
    first, second = (Options(tmp_path, base) for base in (8080, 8080 + LAST_PORT + 1))
    assert first.service_port("notification", 9) < second.port("gateway")
    assert len({first.port(name) for name in ("gateway", "kafka", "controller", "sms")}) == 4


def test_free_ports_pass(port_base: int) -> None:
    check_ports({"order": port_base})
    assert Options(Path("/nowhere"), port_base).port("gateway") == port_base
