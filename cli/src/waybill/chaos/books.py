"""What people were told, to be held against what the system says in the end: orders acknowledged, wishes granted."""

import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from waybill.chaos.plan import Fate

KEPT: Final = 200


CERTAIN: Final[Mapping[Fate | None, frozenset[str]]] = {
    None: frozenset({"Processing"}),
    Fate.SOLD_OUT: frozenset({"Cancelled"}),
    Fate.REJECT: frozenset({"Cancelled"}),
}
"""How orders end whatever breaks; one without a fate is placed while all is calm, nothing is wrong with it, and it is kept."""


@dataclass(slots=True)
class Acknowledged:
    """An order as its customer knows it; `promised` is the end that the last granted wish leads to, None while any will do."""

    key: str
    order_id: str
    user: str
    fate: Fate | None = None
    promised: frozenset[str] | None = field(init=False)

    def __post_init__(self) -> None:
        self.promised = CERTAIN.get(self.fate)


@dataclass(slots=True)
class Moment:
    """What had happened so many seconds after the beginning."""

    at: float
    placed: int
    decided: int
    finished: int
    under_way: int


@dataclass
class Books:
    """The books of one run."""

    began: float = field(default_factory=time.monotonic)
    asked: int = 0
    asked_last: float = 0.0
    """After how many seconds an order was asked for last."""
    orders: dict[str, Acknowledged] = field(default_factory=dict)
    decided: int = 0
    finished: int = 0
    fates: Counter[str] = field(default_factory=Counter)
    granted: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    waited_in_vain: Counter[str] = field(default_factory=Counter)
    waiting: dict[str, str] = field(default_factory=dict)
    """What people wait for at this moment, by the key of their order."""
    complaints: list[tuple[str, str]] = field(default_factory=list)
    """Violations found by the people themselves: about what, and what is wrong."""
    course: list[Moment] = field(default_factory=list)
    slowest: deque[tuple[float, float]] = field(default_factory=deque)
    """When an order was asked for, and after how many seconds it was acknowledged."""

    @property
    def seconds(self) -> float:
        """Tell how long the run has lasted."""
        return time.monotonic() - self.began

    @property
    def under_way(self) -> int:
        """Count the orders that people have asked for and are not done with."""
        return self.asked - self.finished

    def note(self) -> None:
        """Write down how far it is."""
        self.course.append(Moment(round(self.seconds, 1), len(self.orders), self.decided, self.finished, self.under_way))

    def complain(self, subject: str, says: str) -> None:
        """Note something that must not be."""
        self.complaints.append((subject, says))
