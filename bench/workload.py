"""Workload W: who orders what. The same seed gives the same orders, on every machine and in every process.

Orders have three lines of distinct products, whose popularity follows Zipf's law. Variants: `hot` puts the most popular product
into every order; `mix` has some customers cancel at once, some cards declined and some orders ask for a product that is out of
stock.
"""

import json
import math
import random
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from typing import Final

PRODUCTS: Final = 1000
ZIPF_EXPONENT: Final = 1.1
LINES: Final = 3
MOST_UNITS_OF_A_LINE: Final = 3
CURRENCY: Final = "EUR"
SOLD_OUT: Final = "BENCH-SOLD-OUT"


class Kind(StrEnum):
    """What becomes of an order."""

    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    DECLINED = "declined"
    SHORT = "short"


class Variant(StrEnum):
    """How the workload differs from the plain one."""

    PLAIN = "plain"
    HOT = "hot"
    MIX = "mix"


MIX: Final = ((Kind.CANCELLED, 0.10), (Kind.DECLINED, 0.05), (Kind.SHORT, 0.02))


@dataclass(frozen=True, slots=True)
class Order:
    """An order as a customer sends it: who (a number), what, and what is to become of it."""

    customer: int
    lines: tuple[tuple[str, int], ...]
    kind: Kind

    def body(self) -> bytes:
        """Write the JSON of the request."""
        address = {
            "name": f"Customer {self.customer}",
            "line1": "12 Long Street",
            "city": "Berlin",
            "postal_code": "10115",
            "country": "DE",
        }
        return json.dumps(
            {
                "items": [{"product_id": sku, "quantity": quantity} for sku, quantity in self.lines],
                "shipping_address": address,
                "contact": {"email": f"customer-{self.customer}@example.com"},
                "payment": {"method": "card", "token": "tok_declined" if self.kind is Kind.DECLINED else "tok_ok"},
            },
            separators=(",", ":"),
        ).encode()


def sku(rank: int) -> str:
    """Name the product of a popularity; 0 is the most popular."""
    return f"BENCH-{rank:04d}"


def orders(count: int, customers: int, seed: int, variant: Variant = Variant.PLAIN) -> list[Order]:
    """Return the first `count` orders of the workload."""
    chance = random.Random(seed)
    popularity = list(accumulate(1 / math.pow(rank, ZIPF_EXPONENT) for rank in range(1, PRODUCTS + 1)))
    return [_order(chance, popularity, customers, variant) for _ in range(count)]


def _order(chance: random.Random, popularity: Sequence[float], customers: int, variant: Variant) -> Order:
    ranks = {0} if variant is Variant.HOT else set()
    while len(ranks) < LINES:
        ranks.add(bisect(popularity, chance.random() * popularity[-1]))
    kind = _kind(chance) if variant is Variant.MIX else Kind.CONFIRMED
    skus = [sku(rank) for rank in ranks]
    if kind is Kind.SHORT:
        skus[-1] = SOLD_OUT
    chance.shuffle(skus)
    return Order(chance.randrange(customers), tuple((name, chance.randint(1, MOST_UNITS_OF_A_LINE)) for name in skus), kind)


def _kind(chance: random.Random) -> Kind:
    point = chance.random()
    for kind, share in MIX:
        if point < share:
            return kind
        point -= share
    return Kind.CONFIRMED
