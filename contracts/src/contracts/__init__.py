"""The public contract of Waybill: its events, their envelope and their topics. Depends on pydantic alone."""

from contracts import inventory, notification, order, payment
from contracts.event import REGISTRY, Envelope, EnvelopeError, Event, Fact, Headers, UnknownTypeError, decode
from contracts.topics import TOPICS, Topic
from contracts.types import Money

__all__ = [
    "REGISTRY",
    "TOPICS",
    "Envelope",
    "EnvelopeError",
    "Event",
    "Fact",
    "Headers",
    "Money",
    "Topic",
    "UnknownTypeError",
    "decode",
    "inventory",
    "notification",
    "order",
    "payment",
]
