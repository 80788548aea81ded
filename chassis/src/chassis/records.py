"""Records as they lie on their topics: raw, whatever they look like."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class Record(Protocol):
    """A record as it lies on its topic."""

    @property
    def topic(self) -> str:
        """Where it lies."""
        ...

    @property
    def partition(self) -> int:
        """Which part of the topic."""
        ...

    @property
    def offset(self) -> int:
        """Its place in the partition."""
        ...

    @property
    def key(self) -> bytes | None:
        """What it is about."""
        ...

    @property
    def value(self) -> bytes | None:
        """What it says; None is a tombstone."""
        ...

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """What stands around it; a header may be broken."""
        ...


@dataclass(frozen=True, slots=True)
class Blank:
    """Stands for a record that the client cannot take apart: a header of it has a name that is no text."""

    topic: str
    partition: int
    offset: int
    key: bytes | None = None
    value: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()
