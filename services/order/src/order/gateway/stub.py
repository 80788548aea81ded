"""Carriers inside this process: they answer at once and keep books of their own, for benchmarks and tests.

They keep the port's promises as long as the process lives; their books are gone with it, but for what follows from the key:
the tracking number and the label's reference.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Literal, TypeVar

from chassis.domain import Clock, utc_now
from contracts.order import TrackingStatus
from contracts.types import Money
from order.gateway.port import (
    Absent,
    Bought,
    FindAnswer,
    Objection,
    Offered,
    Parcel,
    Place,
    PurchaseAnswer,
    Rate,
    RatesAnswer,
    Refused,
    TrackAnswer,
    Tracked,
    TrackingUpdate,
    Unknown,
    VoidAnswer,
    Voided,
    Wish,
)

Answer = TypeVar("Answer")
Fault = Literal["timeout_done", "timeout_lost", "error"]

SERVICES: Final = (("Postline", "Economy", 390, 4), ("Postline", "Priority", 640, 2), ("Courio", "Standard", 570, 3))
"""Carrier, service, cents for the first kilogram, days."""
COURIO_TAKES_GRAMS: Final = 31_500
LABEL: Final = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n%%EOF\n"


@dataclass(slots=True)
class StubLabel:
    """A label in the stub's books."""

    bought: Bought
    voided: bool = False
    way: list[TrackingUpdate] = field(default_factory=list)


class StubCarriers:
    """Sells imaginary labels."""

    def __init__(self, clock: Clock = utc_now) -> None:
        self.books: dict[str, StubLabel] = {}
        self.calls = 0
        self._labels: dict[str, StubLabel] = {}
        self._clock = clock
        self._faults: list[Fault] = []

    def misbehave(self, fault: Fault, times: int = 1) -> None:
        """Have the next calls fail: done and not answered, lost and not answered, or an error of the provider."""
        self._faults += [fault] * times

    def recover(self) -> None:
        """Have no more calls fail."""
        self._faults.clear()

    def advance(self, tracking_number: str, status: TrackingStatus, place: Place = Place()) -> TrackingUpdate:  # noqa: B008 - frozen
        """Have a parcel come further."""
        label = self._labels[tracking_number]
        words = status.value.replace("_", " ")
        update = TrackingUpdate(label.bought.carrier, tracking_number, status, self._clock(), words, place)
        label.way.append(update)
        return update

    async def rates(self, parcel: Parcel) -> RatesAnswer:
        """Tell what sending a parcel would cost."""
        return self._answered(lambda: _offer(parcel))

    async def buy(self, parcel: Parcel, wish: Wish, key: str) -> PurchaseAnswer:
        """Sell a label, once for each key."""
        return self._answered(lambda: self._sell(parcel, wish, key))

    async def find(self, key: str) -> FindAnswer:
        """Tell what became of a purchase."""
        return self._answered(lambda: self._look_up(key))

    async def void(self, reference: str) -> VoidAnswer:
        """Take a label back, as long as its parcel has not been handed over."""
        return self._answered(lambda: self._take_back(reference))

    async def track(self, carrier: str, tracking_number: str) -> TrackAnswer:
        """Tell where a parcel is and has been."""
        return self._answered(lambda: self._follow(carrier, tracking_number))

    def _answered(self, work: Callable[[], Answer]) -> Answer | Unknown:
        self.calls += 1
        fault = self._faults.pop(0) if self._faults else None
        if fault in {"timeout_lost", "error"}:
            return Unknown("timeout" if fault == "timeout_lost" else "server_error")
        answer = work()
        return Unknown("timeout") if fault == "timeout_done" else answer

    def _sell(self, parcel: Parcel, wish: Wish, key: str) -> PurchaseAnswer:
        if (label := self.books.get(key)) is not None:
            return Refused("voided") if label.voided else label.bought
        offered = _offer(parcel)
        fitting = (one for one in offered.rates if wish.carrier in {None, one.carrier} and wish.service in {None, one.service})
        rate = next(fitting, None)
        if rate is None:
            return Refused("no_rate")
        name = hashlib.sha256(key.encode()).hexdigest()
        number = f"ST{int(name[:12], 16):015d}"
        expected = (self._clock() + timedelta(days=rate.delivery_days or 0)).date()
        bought = Bought(f"stub_{name[:32]}", rate.carrier, rate.service, number, rate.cost, LABEL, expected)
        self.books[key] = self._labels[number] = self._labels[bought.reference] = StubLabel(bought)
        self.advance(number, TrackingStatus.PRE_TRANSIT)
        return bought

    def _look_up(self, key: str) -> FindAnswer:
        label = self.books.get(key)
        if label is None:
            return Absent()
        return Voided(label.bought.reference, settled=True) if label.voided else label.bought

    def _take_back(self, reference: str) -> VoidAnswer:
        label = self._labels.get(reference)
        if label is None:
            return Refused("NOT_FOUND")
        if not label.voided and label.way[-1].status is not TrackingStatus.PRE_TRANSIT:
            return Refused("SHIPMENT.REFUND.UNAVAILABLE")
        label.voided = True
        return Voided(reference, settled=True)

    def _follow(self, carrier: str, tracking_number: str) -> TrackAnswer:
        label = self._labels.get(tracking_number)
        if label is None or label.bought.carrier != carrier:
            return Absent()
        return Tracked(tuple(label.way), label.bought.expected_delivery)


def _offer(parcel: Parcel) -> Offered:
    kilograms = -(-parcel.weight_grams // 1000)
    heavy = parcel.weight_grams > COURIO_TAKES_GRAMS
    rates = [
        Rate(carrier, service, Money(amount=first + 80 * (kilograms - 1), currency="EUR"), days)
        for carrier, service, first, days in SERVICES
        if not (heavy and carrier == "Courio")
    ]
    objections = (Objection("Courio", "The parcel is heavier than 31.5 kg."),) if heavy else ()
    return Offered(tuple(sorted(rates, key=lambda rate: rate.cost.amount)), objections)
