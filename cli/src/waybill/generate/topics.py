"""The table of topics on the page for subscribers, from the contracts."""

from pathlib import Path
from typing import Final

from contracts import TOPICS
from contracts.topics import DAY_SECONDS, Topic
from waybill.generate.files import between_markers

PAGE: Final = "docs/subscribing.md"


def documents(root: Path) -> dict[str, str]:
    """Render the page; what people wrote around the table stays."""
    file = root / PAGE
    page = file.read_text(encoding="utf-8") if file.exists() else ""
    return {PAGE: between_markers(page, table(), title="# Subscribing to events")}


def table() -> str:
    """Render a row for each topic."""
    head = ["| topic | publisher | key | kept | holds |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([*head, *map(_row, TOPICS.values())])


def _row(topic: Topic) -> str:
    kept = "the last of each key" if topic.retention_seconds is None else f"{topic.retention_seconds // DAY_SECONDS} days"
    holds = f"**restricted**: {topic.description}" if topic.restricted else topic.description
    return f"| `{topic.name}` | {topic.publisher} | `{topic.key}` | {kept} | {holds} |"
