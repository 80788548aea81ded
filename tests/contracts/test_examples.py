"""Every example of every event is one that its consumers can read, today and with fields that a later version adds."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from chassis.reactions import Reactions, UnreadableError, read
from contracts import REGISTRY, TOPICS, Envelope, decode
from waybill.chaos.later import with_more
from waybill.generate.system import SERVICES

from .conftest import Example

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "contracts" / "examples"
SCHEMAS = ROOT / "contracts" / "schemas"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def examples() -> Iterator[Example]:
    for name, event in sorted(REGISTRY.items()):
        for path in sorted((EXAMPLES / name).glob("*.json")):
            yield Example.read(path, event.topic.name)


def reactions_of(service: str) -> Reactions:
    react: Reactions = import_module(f"{service}.handlers").react
    return react


ALL = list(examples())
HEARD = [
    pytest.param(service, one, id=f"{service}-{one.path.parent.name}-{one.path.stem}")
    for service in SERVICES
    for one in ALL
    if REGISTRY[one.path.parent.name] in reactions_of(service).functions
]
named = pytest.mark.parametrize("example", [pytest.param(one, id=f"{one.path.parent.name}-{one.path.stem}") for one in ALL])


@pytest.mark.parametrize(("service", "example"), HEARD)
def test_a_consumer_reads_every_example_of_what_it_hears(service: str, example: Example) -> None:
    item = read(example, reactions_of(service), NOW)
    assert item is not None
    assert item.message == decode(example.path.parent.name, example.value)
    assert item.cause.actor == TOPICS[example.topic].publisher


@pytest.mark.parametrize(("service", "example"), HEARD)
def test_a_consumer_passes_over_an_optional_field_of_a_later_version(service: str, example: Example) -> None:
    later = with_more(decode(example.path.parent.name, example.value))
    item = read(replace(example, value=json.dumps(later).encode()), reactions_of(service), NOW)
    assert item is not None
    assert item.message == decode(example.path.parent.name, example.value)


@pytest.mark.parametrize("service", SERVICES)
def test_a_consumer_refuses_a_type_of_the_future_by_its_name(service: str) -> None:
    heard = next(iter(reactions_of(service).functions))
    one = next(example for example in ALL if example.path.parent.name == heard.type)
    future = heard.type.replace(".v1", ".v99")
    headers = [(name, future.encode() if name == "ce_type" else value) for name, value in one.headers]
    with pytest.raises(UnreadableError, match=future) as refused:
        read(replace(one, headers=headers), reactions_of(service), NOW)
    assert refused.value.reason == "unknown-type"


@pytest.mark.parametrize("service", SERVICES)
def test_a_consumer_refuses_a_broken_value_by_its_field_and_does_not_repeat_it(service: str) -> None:
    heard = next(iter(reactions_of(service).functions))
    one = next(example for example in ALL if example.path.parent.name == heard.type)
    broken = {**json.loads(one.value), heard.topic.key: {"secret": "4242424242424242"}}
    with pytest.raises(UnreadableError, match=heard.topic.key) as refused:
        read(replace(one, value=json.dumps(broken).encode()), reactions_of(service), NOW)
    assert refused.value.reason == "bad-value"
    assert "4242424242424242" not in str(refused.value)


@named
def test_an_example_is_a_whole_wire_message(example: Example) -> None:
    envelope, event = Envelope.read(example.headers), decode(example.path.parent.name, example.value)
    assert envelope.type == event.type
    assert envelope.source == event.topic.publisher
    assert envelope.subject == event.key == example.key.decode()
    assert envelope.sequence >= 1
    assert envelope.time.tzinfo is not None
    expected = event.key if event.topic.key == "order_id" else envelope.correlation_id
    assert envelope.correlation_id == expected


@named
def test_an_example_keeps_to_its_schema(example: Example) -> None:
    schema = json.loads((SCHEMAS / f"{example.path.parent.name}.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    errors = list(Draft202012Validator(schema, format_checker=FormatChecker()).iter_errors(json.loads(example.value)))
    assert not errors, errors


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_type_has_a_schema_and_an_example(name: str) -> None:
    assert (SCHEMAS / f"{name}.json").is_file(), "run `./waybill generate`"
    assert list((EXAMPLES / name).glob("*.json")), f"write contracts/examples/{name}/*.json by hand"


def test_every_file_belongs_to_a_registered_type() -> None:
    schemas = {path.stem for path in SCHEMAS.iterdir()}
    folders = {path.name for path in EXAMPLES.iterdir()}
    assert schemas == set(REGISTRY)
    assert folders == set(REGISTRY)
    assert all(path.suffix == ".json" for path in EXAMPLES.rglob("*") if path.is_file())


def test_the_examples_show_what_is_optional_both_given_and_left_out() -> None:
    for name, event in REGISTRY.items():
        optional = {field for field, info in event.model_fields.items() if not info.is_required()}
        values = [json.loads(one.value) for one in ALL if one.path.parent.name == name]
        for field in optional:
            assert any(field in value for value in values), f"no example of {name} has {field}"
            assert any(field not in value for value in values), f"no example of {name} lacks {field}"
