"""The way of a parcel: handed over by somebody, it is carried and delivered, at a pace of its own or as it is told.

A label alone never moves: its parcel begins its way when somebody hands it over. What happens to it may also be told from
outside, in any order and with any time, as carriers do tell it.
"""

import asyncio
import contextlib
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from waybill.simulators.carrier.ledger import Ledger, Scan, Shipment

STEPS: Final = {
    "pre_transit": ("in_transit", "received_at_origin_facility", "The carrier has the parcel."),
    "in_transit": ("out_for_delivery", "out_for_delivery", "The parcel is on its way to the recipient."),
    "out_for_delivery": ("delivered", "arrived_at_destination", "The parcel was delivered."),
    "available_for_pickup": ("delivered", "arrived_at_destination", "The parcel was picked up."),
    "failure": ("out_for_delivery", "out_for_delivery", "The parcel is on its way to the recipient again."),
}
"""What follows a status by itself: the next one, its detail and the carrier's words. What is missing here is an end."""

NAMED: Final = {
    "unknown": ("unknown", "unknown", "Nothing is known of the parcel."),
    "pre_transit": ("pre_transit", "label_created", "The label was created."),
    "in_transit": ("in_transit", "arrived_at_facility", "The parcel was sorted."),
    "out_for_delivery": STEPS["in_transit"],
    "available_for_pickup": ("available_for_pickup", "arrived_at_pickup_location", "The parcel waits to be picked up."),
    "delivered": STEPS["out_for_delivery"],
    "return_to_sender": ("return_to_sender", "return", "The parcel goes back to its sender."),
    "failure": ("failure", "transit_exception", "Something is wrong with the parcel."),
    "cancelled": ("cancelled", "cancelled", "The parcel was stopped."),
    "error": ("error", "unknown", "The carrier cannot tell."),
    # What others call it, for whoever does not know the carriers' words.
    "attempt_failed": ("failure", "delivery_exception", "Nobody was there to take the parcel."),
    "returned": ("return_to_sender", "return", "The parcel goes back to its sender."),
    "exception": ("failure", "transit_exception", "Something is wrong with the parcel."),
    "expired": ("failure", "expired", "Nothing was heard of the parcel for a long time."),
}
"""What can be told of a parcel, by name."""

Name = Literal[
    "unknown", "pre_transit", "in_transit", "out_for_delivery", "available_for_pickup", "delivered", "return_to_sender",
    "failure", "cancelled", "error", "attempt_failed", "returned", "exception", "expired",
]  # fmt: skip
_FAR: Final = frozenset({"out_for_delivery", "delivered", "available_for_pickup"})


class Told(BaseModel):
    """Something that is to happen to a parcel; what is not said follows from where the parcel is."""

    model_config = ConfigDict(extra="forbid")

    status: Name | None = None
    status_detail: str | None = Field(default=None, max_length=50)
    message: str | None = Field(default=None, max_length=200)
    occurred_at: AwareDatetime | None = None
    city: str | None = Field(default=None, max_length=100)
    region: str | None = Field(default=None, max_length=100)
    country: str | None = Field(default=None, pattern=r"^[A-Z]{2}$")


class StandsStillError(Exception):
    """The parcel does not move; the text says why."""


class Journeys:
    """Moves parcels; ``tell`` hears of every change, inside its transaction, with the status before."""

    def __init__(self, ledger: Ledger, pace_seconds: float, tell: Callable[[str, Shipment, str | None], None]) -> None:
        self._ledger = ledger
        self._pace = pace_seconds
        self._tell = tell
        self._news = asyncio.Event()

    def hand_over(self, shipment: Shipment) -> None:
        """Give a parcel to its carrier; done once, however often it is asked. Raises StandsStillError."""
        if shipment.voided is not None:
            raise StandsStillError("The label was given back: no carrier takes the parcel.")
        if shipment.handed_over is None:
            self._scan(shipment, _next(shipment, self._ledger.scans(shipment), Told()))

    def advance(self, shipment: Shipment, told: Told) -> None:
        """Have something happen to a parcel. Raises StandsStillError."""
        if shipment.voided is not None:
            raise StandsStillError("The label was given back: no carrier takes the parcel.")
        self._scan(shipment, _next(shipment, self._ledger.scans(shipment), told))

    async def walk(self) -> None:
        """Move handed-over parcels at their pace until cancelled."""
        while self._pace > 0:
            self._news.clear()
            for shipment in self._ledger.walking(time.time()):
                self._scan(shipment, _next(shipment, self._ledger.scans(shipment), Told()))
            following = self._ledger.next_step()
            timeout = None if following is None else max(0.0, following - time.time())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), timeout)

    def _scan(self, shipment: Shipment, scan: Scan) -> None:
        scans = self._ledger.scans(shipment)
        before = scans[-1].status if scans else None
        with self._ledger.transaction():
            self._ledger.insert_scan(shipment, scan)
            status = self._ledger.scans(shipment)[-1].status
            if shipment.handed_over is None and status not in {"pre_transit", "unknown"}:
                shipment.handed_over = time.time()
            walks = self._pace > 0 and shipment.handed_over is not None and status in STEPS
            shipment.next_step = time.time() + self._pace if walks else None
            self._ledger.update(shipment)
            self._tell("tracker.updated", shipment, before)
        self._news.set()


def _next(shipment: Shipment, scans: list[Scan], told: Told) -> Scan:
    """Say what happens next, or what was told; each thing at least a second after the one before, as carriers count seconds."""
    latest = scans[-1]
    if told.status is not None:
        status, detail, message = NAMED[told.status]
    elif latest.status in STEPS:
        status, detail, message = STEPS[latest.status]
    else:
        raise StandsStillError(f"The parcel is {latest.status.replace('_', ' ')}: say what is to happen to it.")
    occurred = max(time.time(), latest.occurred + 1) if told.occurred_at is None else told.occurred_at.timestamp()
    place: dict[str, Any] = {}
    if status not in {"pre_transit", "unknown"}:
        address = shipment.wanted["to_address" if status in _FAR else "from_address"]
        place = {"city": address.get("city"), "region": address.get("state"), "country": address.get("country")}
    place |= {name: getattr(told, name) for name in ("city", "region", "country") if name in told.model_fields_set}
    return Scan(status, told.status_detail or detail, told.message or message, math.floor(occurred), **place)


def moment(seconds: float | None) -> str | None:
    """Write a moment in UTC; None stays None."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()
