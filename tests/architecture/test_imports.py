"""Who may import whom: the rules hold on the tree, and each of them is seen to fail on a small bad one."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

SERVICES = ("order", "payment", "inventory", "notification")
ROOMS = ("__init__", "__main__", "main", "api", "handlers", "store", "gateway", "model", "settings")

GOOD = {
    "contracts/__init__.py": "import pydantic\n",
    "contracts/order.py": "from contracts import topics\n",
    "contracts/topics.py": "",
    "chassis/__init__.py": "",
    "chassis/domain.py": "import sqlmodel\n",
    "chassis/database.py": "import asyncpg\nimport contracts\nfrom chassis import domain\n",
    "chassis/testing.py": "from waybill import embedded\n",
    "waybill/__init__.py": "",
    "waybill/main.py": "import chassis.domain\nimport contracts.order\n",
    "waybill/embedded/__init__.py": "import contracts.topics\n",
    **{f"{service}/{room}.py": "" for service in SERVICES for room in ROOMS},
    **{f"{service}/main.py": f"from {service} import api, handlers, settings, store, gateway\n" for service in SERVICES},
    **{f"{service}/api.py": f"import fastapi\nfrom {service} import handlers, store, model\n" for service in SERVICES},
    **{
        f"{service}/handlers.py": f"import chassis.database\nfrom {service} import store, gateway, model\n"
        for service in SERVICES
    },
    **{f"{service}/store.py": f"import asyncpg\nfrom {service} import model\n" for service in SERVICES},
    **{
        f"{service}/model.py": "import sqlmodel\nfrom chassis.domain import Cause\nimport contracts.order\n"
        for service in SERVICES
    },
}

# Name of the case: (the rule that must break, the file, the line that breaks it)
BAD = {
    "a service imports another": ("packages", "order/gateway.py", "import payment.model"),
    "a service imports another's public room": (
        "packages",
        "inventory/handlers.py",
        "from notification import handlers as theirs",
    ),
    "the chassis knows a service": ("packages", "chassis/database.py", "import order.model"),
    "the chassis knows the command line": ("packages", "chassis/database.py", "import waybill.main"),
    "contracts know the chassis": ("packages", "contracts/order.py", "import chassis.domain"),
    "a service knows the command line": ("packages", "payment/main.py", "import waybill.main"),
    "a seventh room": ("rooms", "order/utils.py", ""),
    "the model reads from the store": ("rooms", "payment/model.py", "from payment import store"),
    "the store calls the gateway": ("rooms", "payment/store.py", "from payment import gateway"),
    "the gateway reads from the store": ("rooms", "notification/gateway.py", "from notification import store"),
    "a reaction calls a route": ("rooms", "inventory/handlers.py", "from inventory import api"),
    "the composition root is imported": ("rooms", "order/api.py", "from order import main"),
    "the model reads settings": ("rooms", "order/model.py", "from order import settings"),
    "a model speaks HTTP": ("models", "order/model.py", "from fastapi import Request"),
    "a model speaks SQL": ("models", "inventory/model.py", "import asyncpg"),
    "a model calls a client": ("models", "payment/model.py", "import httpx2"),
    "a model logs": ("models", "notification/model.py", "import structlog"),
    "a model knows the chassis's database": ("models", "payment/model.py", "from chassis.database import Transaction"),
    "the chassis's domain does I/O": ("domain", "chassis/domain.py", "import asyncpg"),
    "the chassis's domain knows its database": ("domain", "chassis/domain.py", "from chassis import database"),
    "contracts know the ORM": ("contracts", "contracts/topics.py", "import sqlmodel"),
    "contracts know the broker": ("contracts", "contracts/order.py", "import aiokafka"),
    "the command line imports a service": ("command-line", "waybill/main.py", "import order.model"),
    "the command line imports a service behind a package": (
        "command-line",
        "waybill/embedded/__init__.py",
        "import payment.store",
    ),
}


@pytest.fixture(scope="module")
def rules(root: Path) -> dict[str, Any]:
    config: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    return config


@pytest.fixture(scope="module")
def rules_text(root: Path) -> str:
    """Cut the rules out of pyproject.toml, as they stand there."""
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r"^\[tool\.importlinter\]\n(?:.*\n)*?(?=^\[(?!\[?tool\.importlinter)|\Z)", text, re.MULTILINE)
    assert found is not None, "pyproject.toml has no [tool.importlinter]"
    return found.group(0)


def lint(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "lint-imports"
    return subprocess.run(  # noqa: S603 - the linter of this environment
        [str(program), "--no-cache", *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def small_tree(folder: Path, rules: str, changes: dict[str, str]) -> Path:
    for name, text in {**GOOD, **changes}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "pyproject.toml").write_text(rules, encoding="utf-8")
    return folder


def test_the_rules_hold_on_the_tree(root: Path) -> None:
    done = lint(root)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_hold_on_a_small_good_tree(tmp_path: Path, rules_text: str) -> None:
    done = lint(small_tree(tmp_path, rules_text, {}))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("rule", "file", "line"), [pytest.param(*case, id=name) for name, case in BAD.items()])
def test_a_rule_is_seen_to_fail(
    rule: str, file: str, line: str, tmp_path: Path, rules_text: str, rules: dict[str, Any]
) -> None:
    tree = small_tree(tmp_path, rules_text, {file: f"{GOOD.get(file, '')}{line}\n"})
    done = lint(tree, "--contract", rule)
    assert done.returncode == 1, f"the rule let it pass: {done.stdout}{done.stderr}"
    name = next(contract["name"] for contract in rules["contracts"] if contract["id"] == rule)
    assert f"{name} BROKEN" in done.stdout, done.stdout


def test_a_missing_room_is_seen(tmp_path: Path, rules_text: str) -> None:
    tree = small_tree(tmp_path, rules_text, {})
    (tree / "payment" / "handlers.py").unlink()
    done = lint(tree, "--contract", "rooms")
    assert done.returncode != 0
    assert "payment.handlers does not exist" in done.stdout + done.stderr


def test_every_rule_has_a_bad_case(rules: dict[str, Any]) -> None:
    assert {contract["id"] for contract in rules["contracts"]} == {rule for rule, _, _ in BAD.values()}


def unlinted(rules: dict[str, Any], folders: set[str]) -> set[str]:
    """Name the services that no rule knows, and the rules' services that are none."""
    named = set(rules["root_packages"]) - {"contracts", "chassis", "waybill"}
    rooms = next(contract for contract in rules["contracts"] if contract["id"] == "rooms")
    layers = next(contract for contract in rules["contracts"] if contract["id"] == "packages")["layers"]
    beside = {name.strip() for layer in layers for name in layer.split("|")} - {"contracts", "chassis", "waybill"}
    return (named ^ folders) | (set(rooms["containers"]) ^ folders) | (beside ^ folders)


def test_every_folder_under_services_is_a_linted_service(root: Path, rules: dict[str, Any]) -> None:
    folders = {path.name for path in (root / "services").iterdir() if path.is_dir()}
    assert unlinted(rules, folders) == set()
    assert all((root / "services" / name / "src" / name / "__init__.py").is_file() for name in folders)


def test_a_fifth_service_is_seen(rules: dict[str, Any]) -> None:
    assert unlinted(rules, {*SERVICES, "pricing"}) == {"pricing"}


SESSIONS = {
    "services/order/src/order/api.py": True,
    "services/payment/src/payment/handlers.py": True,
    "services/order/src/order/model/order.py": True,
    "services/order/src/order/store.py": False,
    "services/order/src/order/store/queries.py": False,
    "chassis/src/chassis/database.py": False,
}


@pytest.mark.parametrize(("file", "refused"), SESSIONS.items())
@pytest.mark.parametrize(
    "line",
    [
        "from sqlmodel.ext.asyncio.session import AsyncSession",
        "from sqlalchemy.ext.asyncio import AsyncSession",
        "import asyncpg",
    ],
)
def test_only_stores_and_the_chassis_know_a_session(root: Path, file: str, line: str, refused: bool) -> None:  # noqa: FBT001
    done = subprocess.run(  # noqa: S603 - the linter of this environment
        [sys.executable, "-m", "ruff", "check", "--select", "TID251", "--no-cache", "--stdin-filename", file, "-"],
        cwd=root,
        input=f"{line}\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert ("TID251" in done.stdout) is refused, done.stdout + done.stderr
