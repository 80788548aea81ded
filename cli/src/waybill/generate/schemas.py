"""JSON Schemas of the events, one file for each type: what a reader in any language may rely on."""

import json
from typing import Any, Final

from contracts import REGISTRY, Event

FOLDER: Final = "contracts/schemas"
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def schema_of(event: type[Event]) -> dict[str, Any]:
    """Describe an event's value: draft 2020-12, open to fields of later versions."""
    schema = event.model_json_schema(mode="validation")
    return {
        "$schema": DIALECT,
        "$id": f"urn:waybill:event:{event.type}",
        "x-topic": event.topic.name,
        "x-key": event.topic.key,
        "x-publisher": event.topic.publisher,
        **schema,
    }


def path_of(event_type: str) -> str:
    """Name the file of a type's schema."""
    return f"{FOLDER}/{event_type}.json"


def documents() -> dict[str, str]:
    """Render the schemas of all registered events."""
    return {path_of(name): _text(schema_of(event)) for name, event in sorted(REGISTRY.items())}


def _text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
