"""Personal data travels on one restricted topic, and nowhere else."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from contracts import REGISTRY, Event
from contracts.inventory import WarehousePublished
from contracts.order import OrderContacts, OrderPlaced
from waybill.generate.schemas import schema_of

CONFIDENTIAL = {
    "contact",
    "email",
    "phone",
    "locale",
    "shipping_address",
    "billing_address",
    "address",
    "line1",
    "line2",
    "city",
    "postal_code",
    "postcode",
    "street",
    "payment",
    "token",
    "card",
    "iban",
    "recipient",
    "ip",
    "ip_address",
}
"""Names of fields that would hold personal data, a way to reach a person, or a means of payment."""


def fields(schema: Mapping[str, Any]) -> Iterator[str]:
    for part in (schema, *schema.get("$defs", {}).values()):
        yield from part.get("properties", {})


def confidential(schema: Mapping[str, Any]) -> set[str]:
    return {
        name for name in fields(schema) if name in CONFIDENTIAL or name.endswith(("_token", "_address", "_email", "_phone"))
    }


NOBODYS = {WarehousePublished.type: {"line1", "city", "postal_code"}}
"""Addresses at which nobody lives."""


@pytest.mark.parametrize("name", sorted(set(REGISTRY) - {OrderContacts.type}))
def test_no_event_but_one_carries_personal_data(name: str) -> None:
    assert confidential(schema_of(REGISTRY[name])) == NOBODYS.get(name, set())


def test_the_one_event_is_restricted_and_can_be_erased() -> None:
    assert {"email", "phone", "line1", "postal_code", "token"} <= confidential(schema_of(OrderContacts))
    assert OrderContacts.topic.restricted
    assert OrderContacts.topic.compacted
    assert [event for event in REGISTRY.values() if event.topic is OrderContacts.topic] == [OrderContacts]


def test_the_rule_is_seen_to_fail() -> None:
    leaking: type[Event] = OrderPlaced
    schema = schema_of(leaking)
    schema["$defs"]["Destination"]["properties"]["postal_code"] = {"type": "string"}
    assert confidential(schema) == {"postal_code"}
