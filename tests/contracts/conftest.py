"""What the contract tests look at: the repository, and the four services as they declare themselves."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from waybill.generate import system


@dataclass(frozen=True)
class Example:
    """A wire message as it lies in `contracts/examples`; it looks like a record of its topic."""

    path: Path
    topic: str
    key: bytes
    headers: list[tuple[str, bytes]]
    value: bytes
    partition: int = 0
    offset: int = 0

    @classmethod
    def read(cls, path: Path, topic: str) -> "Example":
        return cls.of(path, topic, json.loads(path.read_text(encoding="utf-8")))

    @classmethod
    def of(cls, path: Path, topic: str, written: Mapping[str, Any]) -> "Example":
        headers = [(name, value.encode()) for name, value in written["headers"].items()]
        return cls(path, topic, written["key"].encode(), headers, json.dumps(written["value"]).encode())


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def declared() -> system.System:
    return system.load()
