"""The scenarios: each loads the system in one way and answers one question."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from bench.workload import Variant


class Name(StrEnum):
    """The scenarios by the name they have on the command line."""

    MAX = "max"
    LOW = "low"
    ACCEPT = "accept"
    HOT = "hot"
    MIX = "mix"
    SHIP = "ship"
    DRAIN = "drain"
    READ = "read"
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class Scenario:
    """A load: at `rate` orders per second (0: as fast as the clients can), for at most `orders` and `seconds`."""

    name: str
    question: str
    orders: int
    seconds: float
    rate: float = 0.0
    variant: Variant = Variant.PLAIN
    parcels_per_second: float = 0.0
    """How many parcels of earlier orders are labelled, sent and delivered meanwhile."""
    beside_per_second: float = 0.0
    """How many orders a second go on coming in while a backlog of `orders` is worked off; 0: there is no backlog."""
    reads_per_second: float = 0.0
    """How many pages a second customers and staff look at meanwhile."""

    share_of_max: float = 0.0
    """The rate as a share of what the system can do, which must have been measured before; 0: the rate is known."""

    def at_share(self, most: float) -> "Scenario":
        """Return it with its rate, where the system can do `most` orders a second."""
        return replace(self, rate=round(most * self.share_of_max, 1), share_of_max=0.0) if self.share_of_max else self

    def limited(self, orders: int | None, seconds: float | None) -> "Scenario":
        """Return it with other limits; an open loop lasts as long as its limits and its rate allow."""
        most = self.orders if orders is None else orders
        longest = self.seconds if seconds is None else seconds
        if self.rate:
            most = int(min(self.rate * longest, orders or self.rate * longest))
        return replace(self, orders=most, seconds=longest)


CLOSED_ORDERS: Final = 10_000
CLOSED_SECONDS: Final = 60.0
BACKLOG: Final = 100_000

SCENARIOS: Final = {
    scenario.name: scenario
    for scenario in (
        Scenario(Name.MAX, "how many orders a second, at which cost", CLOSED_ORDERS, CLOSED_SECONDS),
        Scenario(Name.LOW, "how soon an order is confirmed at 50 a second", 0, 20.0, rate=50.0),
        Scenario(Name.ACCEPT, "how soon an order is accepted at 300 a second", 0, 15.0, rate=300.0),
        Scenario(
            Name.HOT, "what it costs when every order has the same product", CLOSED_ORDERS, CLOSED_SECONDS, variant=Variant.HOT
        ),
        Scenario(
            Name.MIX, "10 % cancelled, 5 % declined, 2 % out of stock", CLOSED_ORDERS, CLOSED_SECONDS, variant=Variant.MIX
        ),
        Scenario(
            Name.SHIP,
            "how many orders a second while 10 parcels a second are labelled, sent and delivered",
            CLOSED_ORDERS,
            CLOSED_SECONDS,
            parcels_per_second=10.0,
        ),
        Scenario(
            Name.DRAIN, "how fast a backlog is worked off while 50 a second come in", BACKLOG, 600.0, beside_per_second=50.0
        ),
        Scenario(Name.BUSY, "how soon an order is confirmed at 70 % of the maximum", 0, 20.0, share_of_max=0.7),
        Scenario(Name.READ, "how soon pages are answered while 50 a second order", 0, 90.0, rate=50.0, reads_per_second=20.0),
    )
}
RATE_SECONDS: Final = 20.0


def at_rate(rate: float) -> Scenario:
    """Return the scenario of an open loop at some orders per second."""
    return Scenario(
        f"{rate:g}/s", f"what an order costs, and how soon it is confirmed, at {rate:g} a second", 0, RATE_SECONDS, rate
    )


DEFAULT: Final = (Name.MAX, Name.ACCEPT, Name.LOW)
COMPARED: Final = (Name.MAX, Name.LOW)
RATES_COMPARED: Final = (20.0, 100.0, 200.0, 400.0)
"""What this system and its peers are compared by, unless told otherwise."""
WARM_UP: Final = Scenario(Name.MAX, "warm-up", 3000, 30.0)
