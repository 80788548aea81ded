"""Facts that the notification service tells."""

from enum import StrEnum
from uuid import UUID

from contracts.event import Event
from contracts.topics import NOTIFICATION_EVENTS


class Channel(StrEnum):
    """How a message travels."""

    EMAIL = "email"
    SMS = "sms"


class NotificationSent(Event, type="notification.sent.v1", topic=NOTIFICATION_EVENTS):
    """The provider took a message to the customer; `about` is the event it tells of."""

    order_id: UUID
    delivery_id: UUID
    template: str
    channel: Channel
    about: UUID


class NotificationFailed(Event, type="notification.failed.v1", topic=NOTIFICATION_EVENTS):
    """A message was given up after the last attempt; `reason` is what the provider said, without personal data."""

    order_id: UUID
    delivery_id: UUID
    template: str
    channel: Channel
    about: UUID
    reason: str
