"""What the demo's customers do: how many of a hundred orders end in which way."""

import random
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from waybill.errors import WaybillError

HUNDRED: Final = 100


class Fate(StrEnum):
    """What is going to be done with an order."""

    KEEP = "keep"
    CANCEL = "cancel"
    DECLINE = "decline"
    SHIP = "ship"
    DELIVER = "deliver"


USUAL: Final[Mapping[Fate, int]] = {Fate.CANCEL: 10, Fate.DECLINE: 10, Fate.SHIP: 20, Fate.DELIVER: 40}
"""Of a hundred orders; the rest is kept as it is."""


class Mix:
    """Chooses the fate of each order; the same seed chooses the same again."""

    def __init__(self, shares: Mapping[Fate, int], seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a demonstration, no secret
        given = sum(shares.values())
        self._fates = [*shares, Fate.KEEP]
        self._weights = [*shares.values(), HUNDRED - given]

    @classmethod
    def read(cls, text: str | None, seed: int) -> "Mix":
        """Read `cancel=10,deliver=50`; raises WaybillError."""
        if text is None:
            return cls(USUAL, seed)
        shares: dict[Fate, int] = {}
        for part in filter(None, text.replace(" ", "").split(",")):
            name, _, share = part.partition("=")
            if name not in set(Fate) - {Fate.KEEP} or not share.isdigit():
                raise WaybillError(f"--mix {part} is not understood: write --mix cancel=10,decline=10,ship=20,deliver=40")
            shares[Fate(name)] = int(share)
        if sum(shares.values()) > HUNDRED:
            raise WaybillError(f"--mix {text} is more than all orders: the shares are of a hundred")
        return cls(shares, seed)

    def choose(self) -> Fate:
        """Choose what is going to be done with the next order."""
        return self.random.choices(self._fates, self._weights)[0]
