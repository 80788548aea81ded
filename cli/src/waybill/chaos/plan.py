"""What is going to happen, written down beforehand: which orders are placed and led where, and which faults meet them.

All of it follows from the seed, so that a run can be done again: the same orders in the same order, and the same faults at the
same moments. What the system answers, and when, is its own affair.
"""

import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from waybill.chaos.kinds import KINDS, Kind
from waybill.embedded.system import SERVICES

QUIET_AT_THE_END: Final = 0.06
"""The share of the time at its end in which no fault begins, so that the last ones are healed while orders are still placed."""
APART_SECONDS: Final = 0.5
CUSTOMERS: Final = 24
PARTS: Final = {
    "gateway": "",
    "identity": "",
    "psp": "payment",
    "carrier": "order",
    "mail": "notification",
    "sms": "notification",
}
"""The parts that are no services, and who works with them."""
PRODUCTS: Final = 6


@dataclass(frozen=True, slots=True)
class Size:
    """How big a run usually is, and how many faults of how many kinds it owes: some of its faults find nothing to hurt."""

    orders: int
    faults: int
    minutes: float
    owed_faults: int
    owed_kinds: int


SHORT: Final = Size(2_000, 75, 2.5, 60, 24)
LONG: Final = Size(100_000, 360, 60.0, 300, 24)


class Fate(StrEnum):
    """What is going to be done with an order."""

    KEEP = "keep"
    CANCEL = "cancel"
    CANCEL_LATE = "cancel-late"
    DECLINE = "decline"
    UNKNOWN = "unknown"
    SOLD_OUT = "sold-out"
    REDUCE = "reduce"
    ADD = "add"
    READDRESS = "readdress"
    SHIP = "ship"
    DELIVER = "deliver"
    PARCELS = "parcels"
    RETURN = "return"
    REFUND = "refund"
    APPROVE = "approve"
    REJECT = "reject"


FATES: Final[Mapping[Fate, int]] = {
    Fate.KEEP: 10,
    Fate.CANCEL: 14,
    Fate.CANCEL_LATE: 6,
    Fate.DECLINE: 5,
    Fate.UNKNOWN: 6,
    Fate.SOLD_OUT: 2,
    Fate.REDUCE: 8,
    Fate.ADD: 6,
    Fate.READDRESS: 4,
    Fate.SHIP: 8,
    Fate.DELIVER: 9,
    Fate.PARCELS: 6,
    Fate.RETURN: 6,
    Fate.REFUND: 6,
    Fate.APPROVE: 2,
    Fate.REJECT: 2,
}
"""Of a hundred orders."""
CUSTOMER: Final = "customer"
OUT_OF_STOCK: Final = "out_of_stock"
REJECTED: Final = "rejected in review"
"""Why an order is cancelled whose payment a person let go."""
REFUSED_BY_A_FAULT: Final = "processing_error"
"""What the PSP's own books say of a good card that it refused while it misbehaved, or of a card that has it misbehave."""
EXPLAINED: Final[Mapping[Fate, frozenset[str]]] = {fate: frozenset({REFUSED_BY_A_FAULT}) for fate in FATES} | {
    Fate.CANCEL: frozenset({CUSTOMER, REFUSED_BY_A_FAULT}),
    Fate.CANCEL_LATE: frozenset({CUSTOMER, REFUSED_BY_A_FAULT}),
    Fate.DECLINE: frozenset({"generic_decline", "insufficient_funds", REFUSED_BY_A_FAULT}),
    Fate.SOLD_OUT: frozenset({OUT_OF_STOCK, REFUSED_BY_A_FAULT}),
    Fate.REJECT: frozenset({REJECTED, REFUSED_BY_A_FAULT}),
}
"""Why an order of each fate may be cancelled. None may for its deadline, which is longer than any fault lasts."""


@dataclass(frozen=True, slots=True)
class Wish:
    """An order to be placed `at` so many seconds, and what becomes of it; `seed` decides all that is left to chance."""

    number: int
    at: float
    customer: int
    fate: Fate
    lines: Sequence[tuple[int, int]]
    token: str
    seed: str


@dataclass(frozen=True, slots=True)
class Fault:
    """Something to go wrong `at` so many seconds, for `lasts` seconds: a kind, and whom it hits."""

    number: int
    at: float
    kind: str
    target: str
    lasts: float
    seed: str

    @property
    def name(self) -> str:
        """What goes wrong, in two words."""
        return f"{self.kind} {self.target}".strip()

    @property
    def hurts(self) -> Sequence[str]:
        """Name the parts that may feel it, services without the number of their process."""
        first = re.split("[-@.]", self.target)[0]
        if first in SERVICES and not self.target.endswith(".events"):
            return (first,)
        if first in PARTS:
            return (first, PARTS[first]) if PARTS[first] else (first,)
        return SERVICES if first not in {"kafka", "postgres"} else (first, *SERVICES)


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is going to happen within `seconds`."""

    seed: int
    seconds: float
    wishes: Sequence[Wish]
    faults: Sequence[Fault]
    brokers: int = 1
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Kinds of faults that do not apply to this run, and why."""

    @classmethod
    def make(cls, seed: int, orders: int, faults: int, seconds: float, only: Sequence[str] = (), *, brokers: int = 1) -> "Plan":
        """Choose orders and faults; `only` names the kinds to choose from (default: all), as far as they apply."""
        wanted = [kind for kind in KINDS.values() if not only or kind.name in only]
        left_out = {kind.name: why for kind in wanted if (why := kind.unfit(brokers, orders))}
        kinds = [kind for kind in wanted if kind.name not in left_out]
        found = _faults(seed, faults if kinds else 0, seconds, kinds)
        return cls(seed, seconds, _wishes(seed, orders, seconds), found, brokers, left_out)

    @property
    def kinds(self) -> int:
        """Count the kinds of faults."""
        return len({fault.kind for fault in self.faults})

    @property
    def owed(self) -> tuple[int, int]:
        """Tell how many faults of how many kinds must hurt somebody: of a usual run what it promises, of others none."""
        for size in (LONG, SHORT):
            if len(self.faults) >= size.faults and self.kinds >= size.owed_kinds:
                return size.owed_faults, size.owed_kinds
        return 0, 0


def _wishes(seed: int, orders: int, seconds: float) -> list[Wish]:
    chance = random.Random(f"{seed}-orders")  # noqa: S311 - the point is that it can be repeated
    fates, weights = list(FATES), list(FATES.values())
    found = []
    for number in range(orders):
        fate = chance.choices(fates, weights)[0]
        products = chance.sample(range(PRODUCTS), chance.choice((1, 1, 2, 3)))
        lines = [(product, chance.randint(1, 3)) for product in products]
        found.append(
            Wish(
                number,
                number / orders * seconds,
                chance.randrange(CUSTOMERS),
                fate,
                lines,
                _token(fate, chance),
                f"{seed}-{number}",
            )
        )
    return found


def _token(fate: Fate, chance: random.Random) -> str:
    if fate is Fate.DECLINE:
        return chance.choice(("tok_declined", "tok_insufficient_funds"))
    if fate is Fate.UNKNOWN:
        return chance.choice(("tok_timeout_captured", "tok_timeout_lost", "tok_timeout_failed", "tok_slow"))
    return "tok_ok"


def _faults(seed: int, count: int, seconds: float, kinds: Sequence[Kind]) -> list[Fault]:
    """Choose faults so that every kind comes before any comes again, as often as its weight says."""
    chance = random.Random(f"{seed}-faults")  # noqa: S311
    room = seconds * (1 - QUIET_AT_THE_END)
    found: list[Fault] = []
    targets: Counter[str] = Counter({kind.name: chance.randrange(100) for kind in KINDS.values()})
    deck: list[Kind] = []
    for number in range(count):
        if not deck:
            deck = [kind for kind in kinds for _ in range(kind.weight)]
            chance.shuffle(deck)
            deck.sort(key=lambda kind: kind.weight > 1 and chance.random() < 0.5)  # noqa: PLR2004 - spread out
        kind = deck.pop()
        target = kind.targets[targets[kind.name] % len(kind.targets)] if kind.targets else ""
        targets[kind.name] += 1
        at = number / count * room + APART_SECONDS
        lasts = min(round(chance.uniform(*kind.lasts), 1), max(0.0, room - at))
        found.append(Fault(number, round(at, 2), kind.name, target, lasts, f"{seed}-fault-{number}"))
    return found
