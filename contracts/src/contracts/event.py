"""Events as typed classes, and their form on the wire.

An event is a fact in the past tense, self-sufficient, with one publisher. On the wire it is a CloudEvents 1.0 message in
binary mode: attributes in headers, the fact as JSON in the value. Readers are tolerant: a field they do not know is ignored,
so a publisher may add optional fields; every other change is a new type `.vN` beside the old one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from contracts.topics import Topic

Headers = Sequence[tuple[str, bytes]]

CONTENT_TYPE: Final = b"application/json"
SPEC_VERSION: Final = b"1.0"

REGISTRY: Final[dict[str, type["Event"]]] = {}


class UnknownTypeError(Exception):
    """A record names an event type that this version of the contracts does not have."""


class EnvelopeError(Exception):
    """A record lacks a CloudEvents attribute or carries one that cannot be read."""


class Fact(BaseModel):
    """A part of an event: frozen, and tolerant of fields of later versions."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Event(Fact):
    """A fact that its publisher promises to tell; `type` is its name on the wire, `topic` where it travels."""

    type: ClassVar[str]
    topic: ClassVar[Topic]

    def __init_subclass__(cls, *, type: str, topic: Topic) -> None:  # noqa: A002 - CloudEvents calls it so
        super().__init_subclass__()
        if type in REGISTRY:
            raise TypeError(f"{type} is declared twice: {REGISTRY[type].__name__} and {cls.__name__}")
        cls.type = type
        cls.topic = topic
        REGISTRY[type] = cls

    @property
    def key(self) -> str:
        """Name the thing this fact is about: the record's key, `ce_subject` and the scope of its sequence."""
        return str(getattr(self, self.topic.key))


@dataclass(frozen=True, slots=True)
class Envelope:
    """The CloudEvents attributes around a fact.

    `sequence` counts the facts about one key on one topic from 1 without holes; `causation_id` is the event that led to
    this one, `correlation_id` the order it all belongs to.
    """

    event_id: UUID
    type: str
    source: str
    time: datetime
    subject: str
    sequence: int
    correlation_id: str
    causation_id: UUID | None = None
    traceparent: str | None = None

    def headers(self) -> list[tuple[str, bytes]]:
        """Write the attributes as Kafka headers."""
        headers = [
            ("ce_specversion", SPEC_VERSION),
            ("ce_id", str(self.event_id).encode()),
            ("ce_type", self.type.encode()),
            ("ce_source", self.source.encode()),
            ("ce_time", self.time.isoformat().encode()),
            ("ce_subject", self.subject.encode()),
            ("ce_sequence", str(self.sequence).encode()),
            ("ce_correlationid", self.correlation_id.encode()),
            ("content-type", CONTENT_TYPE),
        ]
        if self.causation_id is not None:
            headers.append(("ce_causationid", str(self.causation_id).encode()))
        if self.traceparent is not None:
            headers.append(("traceparent", self.traceparent.encode()))
        return headers

    @classmethod
    def read(cls, headers: Iterable[tuple[str, bytes | None]]) -> "Envelope":
        """Read the attributes from Kafka headers; raises EnvelopeError that names the attribute at fault."""
        raw = dict(headers)
        causation, traceparent = raw.get("ce_causationid"), raw.get("traceparent")
        try:
            found = {name: (raw[name] or b"").decode() for name in _REQUIRED}
            return cls(
                event_id=UUID(found["ce_id"]),
                type=found["ce_type"],
                source=found["ce_source"],
                time=datetime.fromisoformat(found["ce_time"]),
                subject=found["ce_subject"],
                sequence=int(found["ce_sequence"]),
                correlation_id=found["ce_correlationid"],
                causation_id=None if causation is None else UUID(causation.decode()),
                traceparent=None if traceparent is None else traceparent.decode(),
            )
        except KeyError as error:
            raise EnvelopeError(f"header {error.args[0]} is missing") from None
        except UnicodeDecodeError:
            name = next((name for name in (*_REQUIRED, "ce_causationid", "traceparent") if not _is_text(raw.get(name))), "")
            raise EnvelopeError(f"header {name} is not UTF-8") from None
        except ValueError as error:
            raise EnvelopeError(f"a CloudEvents attribute cannot be read: {error}") from None


_REQUIRED: Final = ("ce_id", "ce_type", "ce_source", "ce_time", "ce_subject", "ce_sequence", "ce_correlationid")


def _is_text(value: bytes | None) -> bool:
    try:
        return value is not None and bool(value.decode())
    except UnicodeDecodeError:
        return False


def decode(event_type: str, value: bytes) -> Event:
    """Read a fact from its JSON; raises UnknownTypeError, or pydantic.ValidationError where the contract is broken."""
    event_class = REGISTRY.get(event_type)
    if event_class is None:
        raise UnknownTypeError(f"no event of type {event_type}")
    return event_class.model_validate_json(value)
