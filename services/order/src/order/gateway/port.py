"""The port: what is asked of carriers and what they may answer.

Names, streets and what a carrier writes about a parcel are personal data: they are in no `repr`, so that no log and no
exception has them.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from contracts.order import TrackingStatus
from contracts.types import Address, Money


@dataclass(frozen=True, slots=True)
class Parcel:
    """A parcel as it is to be sent; `key` is what its label says about whose it is: our shipment's id."""

    key: str
    origin: Address = field(repr=False)
    destination: Address = field(repr=False)
    weight_grams: int


@dataclass(frozen=True, slots=True)
class Wish:
    """Who is to take a parcel, and how; what is None is free, and the cheapest offer that fits is taken."""

    carrier: str | None = None
    service: str | None = None


@dataclass(frozen=True, slots=True)
class Rate:
    """What a carrier asks for a parcel by one of its services."""

    carrier: str
    service: str
    cost: Money
    delivery_days: int | None


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a carrier offers nothing for a parcel, in its own words."""

    carrier: str
    message: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Offered:
    """What can be had for a parcel, the cheapest first, and who offers nothing."""

    rates: tuple[Rate, ...]
    objections: tuple[Objection, ...] = ()


@dataclass(frozen=True, slots=True)
class Bought:
    """A label that is paid: `label` is its PDF, `reference` what the provider knows it by."""

    reference: str
    carrier: str
    service: str
    tracking_number: str
    cost: Money
    label: bytes = field(repr=False)
    expected_delivery: date | None = None


@dataclass(frozen=True, slots=True)
class Voided:
    """No carrier takes a parcel with this label any more; `settled`: its price came back, otherwise that is under way."""

    reference: str
    settled: bool


@dataclass(frozen=True, slots=True)
class Absent:
    """The provider knows of no such thing."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Understood, and not done however often it is asked; `message` may repeat an address: for staff, never for a log."""

    code: str
    message: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Unknown:
    """No answer, or one that does not tell whether it was done: ask again with the same key, `retry_after` seconds later."""

    reason: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a parcel was seen, as far as its carrier tells."""

    city: str | None = None
    region: str | None = None
    country: str | None = None


@dataclass(frozen=True, slots=True)
class TrackingUpdate:
    """Something that happened to a parcel; `event_id` is the provider's name for it, where it has one."""

    carrier: str
    tracking_number: str
    status: TrackingStatus
    occurred_at: datetime
    description: str = field(default="", repr=False)
    place: Place = field(default=Place(), repr=False)
    event_id: str | None = None
    expected_delivery: date | None = None

    @property
    def fingerprint(self) -> str:
        """Name what happened: the same however often, in whatever order and by whichever way it is told."""
        place = (self.place.city, self.place.region, self.place.country)
        facts = self.event_id or (self.status.value, self.occurred_at.timestamp(), self.description, place)
        return hashlib.sha256(repr((self.carrier, self.tracking_number, facts)).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Tracked:
    """All that is known of a parcel's way, the oldest first."""

    updates: tuple[TrackingUpdate, ...]
    expected_delivery: date | None = None


RatesAnswer = Offered | Refused | Unknown
PurchaseAnswer = Bought | Refused | Unknown
FindAnswer = Bought | Voided | Absent | Unknown
VoidAnswer = Voided | Refused | Unknown
TrackAnswer = Tracked | Absent | Unknown


class CarrierAccountError(Exception):
    """The provider does not accept our key, or our account is empty: an operator must act; what is due stays due."""


class CarrierGateway(Protocol):
    """Carriers that sell labels and tell where parcels are. Every method raises CarrierAccountError."""

    async def rates(self, parcel: Parcel) -> RatesAnswer:
        """Tell what sending a parcel would cost; nothing is bought."""
        ...

    async def buy(self, parcel: Parcel, wish: Wish, key: str) -> PurchaseAnswer:
        """Buy a label, at most one for each key, however often and after whatever silence it is asked for.

        A key names a parcel as it is: another address, weight or wish, or a label after a voided one, is another key.
        """
        ...

    async def find(self, key: str) -> FindAnswer:
        """Tell what became of a purchase.

        `Absent` is what the provider knows now: a purchase that was not answered may still be at work there for a while.
        """
        ...

    async def void(self, reference: str) -> VoidAnswer:
        """Give a label back; done, too, where that was done before. Refused once its parcel is on its way."""
        ...

    async def track(self, carrier: str, tracking_number: str) -> TrackAnswer:
        """Tell where a parcel is and has been."""
        ...


class NoticeReader(Protocol):
    """Reads what a provider tells of itself, in that provider's format."""

    def read(self, body: bytes, headers: Mapping[str, str]) -> tuple[TrackingUpdate, ...]:
        """Read a notice; none where it is about something else. Raises InvalidWebhookError where it is forged or stale."""
        ...


def label_key(label_id: UUID) -> str:
    """Name the wish for a label: the same label always has the same key."""
    return f"waybill-label-{label_id}"
