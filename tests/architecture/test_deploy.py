"""What `docker compose up` and the image promise, checked without a container: schema, settings, ports, privileges, pinning.

Each check is a function that returns what is wrong; it must find nothing in the repository's files and something in a
known-bad one.
"""

import copy
import fnmatch
import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import ValidationError

from chassis import topics
from chassis.auth import STAFF_ROLES
from chassis.settings import ServiceSettings
from waybill.simulators.__main__ import parse

ROOT = Path(__file__).parents[2]
SERVICES = ("order", "payment", "inventory", "notification")
JOBS = (*(f"migrate-{service}" for service in SERVICES), "topics")
SIMULATORS = ("psp", "carrier", "mail", "sms")

Compose = dict[str, Any]


# --------------------------------------------------------------------------------------------------------- reading the files


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """Replace `${NAME}` and `${NAME:-default}`, innermost first, as compose does; `$$` is a dollar."""
    innermost = re.compile(r"\$\{(\w+)(?::-([^${}]*))?\}")
    text = text.replace("$$", "\0")
    while found := innermost.search(text):
        name, default = found[1], found[2]
        text = text[: found.start()] + (variables.get(name) or default or "") + text[found.end() :]
    return text.replace("\0", "$")


def load(variables: Mapping[str, str] | None = None) -> Compose:
    compose: Compose = yaml.safe_load(interpolate((ROOT / "docker-compose.yml").read_text(), variables or {}))
    return compose


@dataclass(frozen=True)
class Stage:
    """One stage of a Dockerfile: what it starts from, and its instructions."""

    name: str
    base: str
    instructions: tuple[tuple[str, str], ...]


def stages(dockerfile: str) -> list[Stage]:
    """Split a Dockerfile into its stages; ARGs before the first are put into the FROM lines."""
    text = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", dockerfile, flags=re.MULTILINE))
    found: list[Stage] = []
    arguments: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        word, _, rest = line.partition(" ")
        instruction = word.upper()
        if instruction == "ARG" and not found:
            name, _, value = rest.partition("=")
            arguments[name] = value
        elif instruction == "FROM":
            base, _, name = re.sub(r"\$\{(\w+)\}", lambda match: arguments[match[1]], rest).partition(" AS ")
            found.append(Stage(name or str(len(found)), base, ()))
        else:
            last = found.pop()
            found.append(Stage(last.name, last.base, (*last.instructions, (instruction, rest.strip()))))
    return found


def lineage(name: str, all_stages: list[Stage]) -> list[Stage]:
    """Return a stage and those it is built upon, the oldest first."""
    by_name = {stage.name: stage for stage in all_stages}
    line = [by_name[name]]
    while line[0].base in by_name:
        line.insert(0, by_name[line[0].base])
    return line


def settings_class(service: str) -> type[ServiceSettings]:
    settings: type[ServiceSettings] = importlib.import_module(f"{service}.settings").Settings
    return settings


def environment(compose: Compose, service: str) -> dict[str, str]:
    return {name: str(value) for name, value in compose["services"][service]["environment"].items()}


# ---------------------------------------------------------------------------------------------------------------- the checks


def schema_errors(compose: Compose) -> list[str]:
    vendored = resources.files("check_jsonschema.builtin_schemas") / "vendor" / "compose-spec.json"
    validator = jsonschema.Draft202012Validator(json.loads(vendored.read_text()))
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(compose)]


def unknown_settings(compose: Compose, service: str) -> list[str]:
    """Name the variables that the service would not read. SERVICE is the image's own: it chooses what to run."""
    settings = settings_class(service)
    prefix = settings.model_config["env_prefix"]
    known = {f"{prefix}{name}".upper() for name in settings.model_fields} | {"SERVICE"}
    return sorted(environment(compose, service).keys() - known)


def missing_settings(compose: Compose, service: str) -> list[str]:
    """Name the settings without a default that are not given."""
    settings = settings_class(service)
    prefix = settings.model_config["env_prefix"]
    needed = {f"{prefix}{name}".upper() for name, field in settings.model_fields.items() if field.is_required()}
    return sorted(needed - environment(compose, service).keys())


def literal_secrets(text: str) -> list[str]:
    """Find passwords, keys and secrets that are written down instead of taken from the environment."""
    found = []
    for name, value in re.findall(r"^\s+(\w+): *(.+)$", text, re.MULTILINE):
        if name.endswith(("_PASSWORD", "_API_KEY", "_SECRET")) and not re.fullmatch(r'"?\$\{\w+:-[^}]*\}"?', value.strip()):
            found.append(name)
        if name.endswith("_URL") and re.search(r"://[^:/@]+:(?!\$\{)[^/@]+@", value):
            found.append(name)
    return found


def published(compose: Compose) -> list[str]:
    """Name the services that can be reached from outside."""
    return sorted(
        name for name, service in compose["services"].items() if "ports" in service or service.get("network_mode") == "host"
    )


def privileges(compose: Compose, names: tuple[str, ...]) -> list[str]:
    """Tell what our containers may do that they need not."""
    wanted = {"read_only": True, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"]}
    found = []
    for name in names:
        service = compose["services"][name]
        found += [f"{name}: {key}" for key, value in wanted.items() if service.get(key) != value]
        found += [f"{name}: {key}" for key in ("privileged", "user", "cap_add") if key in service and name != "gateway"]
    return found


def unpinned(images: list[str]) -> list[str]:
    """Name the images without a tag that says a version."""
    pinned = re.compile(r"[a-z0-9./_-]+:v?\d+\.\d+[\w.-]*")
    return [image for image in images if not pinned.fullmatch(image)]


def foreign_images(compose: Compose, all_stages: list[Stage]) -> list[str]:
    built = {stage.name for stage in all_stages}
    bases = [stage.base for stage in all_stages if stage.base not in built]
    return bases + [service["image"] for service in compose["services"].values() if "build" not in service]


BUILD_TOOL = re.compile(r"\b(uv|pip3?|gcc|g\+\+|make|cargo|npm|git|build-essential|apt-get|apt|apk|curl|wget|hatchling)\b")


def build_tools(name: str, all_stages: list[Stage]) -> list[str]:
    """Name what a stage and its forebears bring along for building; removing something is allowed."""
    found = []
    for stage in lineage(name, all_stages):
        for instruction, rest in stage.instructions:
            installs = instruction == "RUN" and not re.match(r"python -m pip uninstall\b", rest)
            if (installs or instruction in {"COPY", "ADD"}) and (tool := BUILD_TOOL.search(rest)):
                found.append(f"{stage.name}: {tool[0]}")
    if not any("pip uninstall" in rest for stage in lineage(name, all_stages) for _, rest in stage.instructions):
        found.append(f"{name}: pip of the base image")
    return found


def user(name: str, all_stages: list[Stage]) -> str:
    """Return who a stage's containers run as."""
    said = [rest for stage in lineage(name, all_stages) for instruction, rest in stage.instructions if instruction == "USER"]
    return said[-1] if said else "root"


def is_numeric_and_not_root(who: str) -> bool:
    return re.fullmatch(r"[1-9]\d*(:[1-9]\d*)?", who) is not None


def copied(all_stages: list[Stage]) -> Iterator[str]:
    """Yield what is copied from the source tree."""
    for stage in all_stages:
        for instruction, rest in stage.instructions:
            if instruction == "COPY" and "--from=" not in rest:
                yield from rest.split()[:-1]


def not_sent(paths: list[str], dockerignore: str) -> list[str]:
    """Name the copied paths that .dockerignore keeps away from the build."""
    allowed = [line[1:] for line in dockerignore.splitlines() if line.startswith("!")]
    kept = []
    for path in paths:
        inside = any(fnmatch.fnmatch(path, pattern) or path.startswith(f"{pattern}/") for pattern in allowed)
        holds = any(pattern.startswith(f"{path}/") for pattern in allowed)
        if not (inside or holds):
            kept.append(path)
    return kept


# --------------------------------------------------------------------------------------------------------------- the compose


@pytest.fixture(scope="module")
def compose() -> Compose:
    return load()


@pytest.fixture(scope="module")
def image() -> list[Stage]:
    return stages((ROOT / "deploy" / "Dockerfile").read_text())


def test_the_compose_file_is_one(compose: Compose) -> None:
    assert schema_errors(compose) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda compose: compose["services"]["order"].update(enviroment={"A": "b"}),
        lambda compose: compose["services"]["order"].update(cap_drop="ALL"),
        lambda compose: compose["services"]["order"]["depends_on"].update(kafka={"condition": "service_fine"}),
    ],
)
def test_a_broken_compose_file_is_found(compose: Compose, spoil: Callable[[Compose], None]) -> None:
    broken = copy.deepcopy(compose)
    spoil(broken)
    assert schema_errors(broken) != []


@pytest.mark.parametrize("service", SERVICES)
def test_every_variable_of_a_service_is_one_of_its_settings(compose: Compose, service: str) -> None:
    for container in (service, f"migrate-{service}"):
        assert environment(compose, container)["SERVICE"] == service
    assert unknown_settings(compose, service) == []
    assert missing_settings(compose, service) == []


def test_a_misspelt_and_a_missing_setting_are_found(compose: Compose) -> None:
    broken = copy.deepcopy(compose)
    variables = broken["services"]["order"]["environment"]
    variables["ORDER_DATABSE_URL"] = variables.pop("ORDER_DATABASE_URL")
    assert unknown_settings(broken, "order") == ["ORDER_DATABSE_URL"]
    assert missing_settings(broken, "order") == ["ORDER_DATABASE_URL"]


@pytest.mark.parametrize("service", SERVICES)
def test_the_settings_take_the_values(compose: Compose, service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment(compose, service).items():
        monkeypatch.setenv(name, value)
    assert settings_class(service)().kafka_bootstrap_servers == "kafka:9092"


def test_a_value_that_a_setting_refuses_is_found(compose: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (environment(compose, "order") | {"ORDER_PENDING_DEADLINE_SECONDS": "soon"}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match="pending_deadline_seconds"):
        settings_class("order")()


def test_secrets_come_from_the_environment() -> None:
    assert literal_secrets((ROOT / "docker-compose.yml").read_text()) == []
    changed = load({"ORDER_DB_PASSWORD": "s3cret", "WAYBILL_PORT": "9090"})
    assert changed["services"]["order-db"]["environment"]["POSTGRES_PASSWORD"] == "s3cret"
    assert ":s3cret@" in changed["services"]["order"]["environment"]["ORDER_DATABASE_URL"]
    assert (
        changed["services"]["payment"]["environment"]["PAYMENT_AUTH_ISSUER"] == "http://localhost:9090/identity/realms/waybill"
    )


@pytest.mark.parametrize("line", ["POSTGRES_PASSWORD: hunter2", "A_API_KEY: sk_1", "X_DATABASE_URL: postgresql://a:b@c/d"])
def test_a_secret_that_is_written_down_is_found(line: str) -> None:
    assert literal_secrets(f"    environment:\n      {line}\n") == [line.partition(":")[0]]


def test_only_the_gateway_can_be_reached_from_outside(compose: Compose) -> None:
    assert published(compose) == ["gateway"]
    assert compose["services"]["gateway"]["ports"] == ["127.0.0.1:8080:8080"]
    broken = copy.deepcopy(compose)
    broken["services"]["order-db"]["ports"] = ["5432:5432"]
    broken["services"]["sms"]["network_mode"] = "host"
    assert published(broken) == ["gateway", "order-db", "sms"]


def test_our_containers_may_do_nothing_they_need_not(compose: Compose) -> None:
    ours = (*SERVICES, *JOBS, *SIMULATORS, "gateway")
    assert privileges(compose, ours) == []
    broken = copy.deepcopy(compose)
    broken["services"]["payment"] |= {"read_only": False, "user": "root"}
    del broken["services"]["topics"]["cap_drop"]
    assert privileges(broken, ours) == ["payment: read_only", "payment: user", "topics: cap_drop"]


def test_a_service_starts_after_its_tables_and_topics(compose: Compose) -> None:
    for service in SERVICES:
        awaited = {name: each["condition"] for name, each in compose["services"][service]["depends_on"].items()}
        assert awaited[f"migrate-{service}"] == awaited["topics"] == "service_completed_successfully"
        assert compose["services"][f"migrate-{service}"]["command"] == ["python", "-m", service, "migrate"]
        assert compose["services"][f"migrate-{service}"]["depends_on"] == {f"{service}-db": {"condition": "service_healthy"}}


def test_whatever_is_waited_for_tells_when_it_is_healthy(compose: Compose) -> None:
    for name, service in compose["services"].items():
        for awaited, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in compose["services"][awaited], f"{name} waits for {awaited}, which has no health check"


def test_each_database_is_heard_by_its_own_service_alone(compose: Compose) -> None:
    for service in SERVICES:
        network = f"{service}-data"
        assert compose["networks"][network] == {"internal": True}
        members = {name for name, each in compose["services"].items() if network in each["networks"]}
        assert members == {service, f"migrate-{service}", f"{service}-db"}


def test_kafka_is_told_everything_its_image_would_have_said(compose: Compose) -> None:
    needed = {
        "KAFKA_NODE_ID", "KAFKA_PROCESS_ROLES", "KAFKA_LISTENERS", "KAFKA_ADVERTISED_LISTENERS",
        "KAFKA_CONTROLLER_LISTENER_NAMES", "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP", "KAFKA_CONTROLLER_QUORUM_VOTERS",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR", "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR", "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR",
        "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR", "CLUSTER_ID",
    }  # fmt: skip
    assert needed - environment(compose, "kafka").keys() == set()


def test_the_simulators_understand_how_they_are_started(compose: Compose) -> None:
    for name, simulator in (("psp", "psp"), ("carrier", "carrier"), ("mail", "smtp"), ("sms", "sms")):
        arguments = parse(compose["services"][name]["command"])
        assert arguments.simulator == simulator
        assert 8000 in {arguments.port, getattr(arguments, "http_port", None)}, "the image's health check asks port 8000"
    for simulator, service, settings in (("psp", "payment", "PAYMENT_PSP"), ("carrier", "order", "ORDER_CARRIER")):
        told, known = environment(compose, simulator), environment(compose, service)
        assert told["SIMULATOR_API_KEY"] == known[f"{settings}_API_KEY"]
        assert told["SIMULATOR_WEBHOOK_SECRET"] == known[f"{settings}_WEBHOOK_SECRET"]
        assert known[f"{settings}_URL"] == f"http://{simulator}:8000"


def test_who_mails_a_tracking_link_signs_it_as_its_reader_expects(compose: Compose) -> None:
    told, known = environment(compose, "notification"), environment(compose, "order")
    assert told["NOTIFICATION_LINK_SECRET"] == known["ORDER_LINK_SECRET"]
    assert told["NOTIFICATION_PUBLIC_URL"] == known["ORDER_PUBLIC_URL"]


def test_the_gateway_understands_its_configuration(compose: Compose) -> None:
    command = [str(Path(sys.executable).parent / "caddy"), "adapt", "--config", "Caddyfile"]
    variables = environment(compose, "gateway")
    adapted = subprocess.run(  # noqa: S603 - the gateway's own program on our own file
        command, env={**os.environ, **variables}, cwd=ROOT / "deploy/gateway", capture_output=True, text=True, check=False
    )
    assert adapted.returncode == 0, adapted.stderr
    for name, upstream in variables.items():
        if "UPSTREAM" in name:
            assert f'"dial":"{upstream}"' in adapted.stdout, f"{name} is not used"
    (server,) = json.loads(adapted.stdout)["apps"]["http"]["servers"].values()
    assert server["read_timeout"] == 30 * 10**9, "an upload may take for ever"


def test_the_development_provider_knows_every_role_and_our_audience() -> None:
    realm = json.loads((ROOT / "deploy/identity/waybill-realm.json").read_text())
    roles = {role["name"] for role in realm["roles"]["realm"]}
    assert roles == {"customer", *STAFF_ROLES}
    assert all(set(user["realmRoles"]) <= roles for user in realm["users"])
    mappers = {mapper["name"]: mapper["config"] for mapper in realm["clients"][0]["protocolMappers"]}
    assert mappers["roles"]["claim.name"] == "roles"
    assert mappers["audience"]["included.custom.audience"] == ServiceSettings.model_fields["auth_audience"].default


# ----------------------------------------------------------------------------------------------------------------- the image


def test_images_are_pinned(compose: Compose, image: list[Stage]) -> None:
    images = foreign_images(compose, image)
    assert len(images) >= 8
    assert unpinned(images) == []
    assert unpinned(["postgres", "postgres:latest", "python:3", "caddy:2.11.7-alpine"]) == [
        "postgres",
        "postgres:latest",
        "python:3",
    ]


@pytest.mark.parametrize("target", ["service", "simulators"])
def test_an_image_runs_as_nobody_in_particular_and_holds_no_build_tool(image: list[Stage], target: str) -> None:
    assert is_numeric_and_not_root(user(target, image))
    assert build_tools(target, image) == []


def test_the_default_target_is_the_service(image: list[Stage]) -> None:
    assert image[-1].name == "service"
    assert any(instruction == "HEALTHCHECK" for instruction, _ in image[-1].instructions)


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ("USER app", "USER"),
        ("USER 0", "USER"),
        ("USER 10001:0", "USER"),
        ("RUN apt-get update && apt-get install -y gcc", "gcc|apt-get"),
        ("COPY --from=builder /usr/local/bin/uv /bin/uv", "uv"),
        ("RUN pip install waybill", "pip"),
        ("COPY --from=builder /opt/waybill /opt/waybill", "pip of the base image"),
    ],
)
def test_a_careless_image_is_found(lines: str, found: str) -> None:
    start = "ARG B=python:3.11.14-slim\nFROM ${B} AS builder\nRUN pip install uv\nFROM ${B} AS service\n"
    careless = stages(f"{start}{lines}\n")
    if found == "USER":
        assert not is_numeric_and_not_root(user("service", careless))
    else:
        assert re.search(found, " ".join(build_tools("service", careless)))
    assert not is_numeric_and_not_root(user("builder", careless))


def test_what_is_copied_exists_and_is_sent_to_the_build(image: list[Stage]) -> None:
    paths = list(copied(image))
    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert not_sent(paths, (ROOT / ".dockerignore").read_text()) == []
    assert not_sent(["README.md", "services/order/pyproject.toml"], "*\n!services/*/pyproject.toml\n") == ["README.md"]


def test_a_new_service_would_be_installed_too(image: list[Stage]) -> None:
    members = {str(path.parent.relative_to(ROOT)) for path in ROOT.glob("services/*/pyproject.toml")}
    assert {f"{member}/pyproject.toml" for member in members} <= set(copied(image))


# ---------------------------------------------------------------------------------------------------------------- the topics


def test_the_topics_job_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    assert topics.main() == 2
    assert "KAFKA_BOOTSTRAP_SERVERS" in capsys.readouterr().err
