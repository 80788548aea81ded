"""What the architecture tests look at: the repository's files, and the four services as they declare themselves."""

from pathlib import Path

import pytest

from waybill.generate import system


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def declared() -> system.System:
    return system.load()
