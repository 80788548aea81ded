"""The AsyncAPI document: well-formed by the model of AsyncAPI 3.0, whole, and true."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from faststream.specification.asyncapi.v3_0_0.schema import ApplicationSchema
from pydantic import ValidationError

from contracts import REGISTRY, TOPICS
from waybill.generate import asyncapi
from waybill.generate.system import System


@pytest.fixture(scope="session")
def document(root: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((root / asyncapi.PATH).read_text(encoding="utf-8"))
    return read


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "$ref":
                yield value
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def resolves(document: dict[str, Any], reference: str) -> bool:
    found: Any = document
    for name in reference.removeprefix("#/").split("/"):
        if not isinstance(found, dict) or name not in found:
            return False
        found = found[name]
    return True


def test_it_is_asyncapi_3(document: dict[str, Any]) -> None:
    assert document["asyncapi"] == "3.0.0"
    assert ApplicationSchema.model_validate(document).info.title == "Waybill events"


def test_the_model_refuses_what_is_no_asyncapi(document: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ApplicationSchema.model_validate({**document, "channels": ["order.events"]})


def test_every_reference_resolves(document: dict[str, Any]) -> None:
    assert [one for one in references(document) if not resolves(document, one)] == []
    assert not resolves(document, "#/components/messages/OrderLost")


def test_every_topic_and_type_is_there(document: dict[str, Any]) -> None:
    assert set(document["channels"]) == set(TOPICS)
    assert {message["name"] for message in document["components"]["messages"].values()} == set(REGISTRY)


def test_a_channel_tells_its_key_its_retention_and_whether_it_is_restricted(document: dict[str, Any]) -> None:
    events, contacts = document["channels"]["order.events"], document["channels"]["order.contacts"]
    assert events["x-key"] == "order_id"
    assert events["bindings"]["kafka"]["topicConfiguration"]["retention.ms"] == 7 * 24 * 3600 * 1000
    assert not events["x-restricted"]
    assert contacts["x-restricted"]
    assert contacts["bindings"]["kafka"]["topicConfiguration"] == {"cleanup.policy": ["compact"]}


def test_publishers_and_consumers_are_those_of_the_signatures(document: dict[str, Any], declared: System) -> None:
    for message in document["components"]["messages"].values():
        event = REGISTRY[message["name"]]
        assert message["x-told-by"], f"{message['name']} is told by nobody"
        assert all(place.startswith(f"{event.topic.publisher}.") for place in message["x-told-by"])
        assert message["x-heard-by"] == sorted(step.place for step in declared.hearers(event))


def test_a_service_sends_only_to_its_own_topics(document: dict[str, Any]) -> None:
    sent = {name: operation for name, operation in document["operations"].items() if operation["action"] == "send"}
    assert sent
    for name, operation in sent.items():
        topic = operation["channel"]["$ref"].removeprefix("#/channels/")
        assert TOPICS[topic].publisher == name.split(".")[0]
