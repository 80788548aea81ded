"""What the demo has seen so far: orders with their paths, counts and times."""

import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any, Final

from waybill.demo.mix import Fate

LATEST: Final = 14


@dataclass(slots=True)
class Followed:
    """An order on its way: the statuses it went through, and how long it took to be decided (seconds)."""

    customer: str
    fate: Fate
    order_id: str = ""
    amount: str = ""
    path: list[str] = field(default_factory=list)
    decided_after: float | None = None
    error: str = ""

    def reached(self, status: str) -> None:
        """Note a status, once."""
        if not self.path or self.path[-1] != status:
            self.path.append(status)


class Tally:
    """Counts what happens from its making on; times are seconds."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.placed = 0
        self.refused: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.latest: deque[Followed] = deque(maxlen=LATEST)
        self.followed: list[Followed] = []
        self._decided: list[float] = []

    def restart(self) -> None:
        """Let the time begin now."""
        self.began = time.monotonic()

    def begin(self, order: Followed) -> None:
        """Follow an order."""
        self.followed.append(order)
        self.latest.append(order)

    def decided(self, order: Followed, seconds: float) -> None:
        """Note that the saga has confirmed an order."""
        order.decided_after = seconds
        self._decided.append(seconds)

    @property
    def seconds(self) -> float:
        """How long it has been going on."""
        return time.monotonic() - self.began

    @property
    def rate(self) -> float:
        """Orders placed in a second, on average."""
        return self.placed / self.seconds if self.placed else 0.0

    @property
    def statuses(self) -> Counter[str]:
        """How many orders stand where."""
        return Counter(order.path[-1] for order in self.followed if order.path)

    def percentile(self, share: float) -> float | None:
        """Seconds within which that share of the confirmed orders was confirmed; None before there is one."""
        times = sorted(self._decided)
        return times[min(int(share * len(times)), len(times) - 1)] if times else None

    def summary(self) -> dict[str, Any]:
        """Return what happened, for programs: times in milliseconds."""
        return {
            "seconds": round(self.seconds, 1),
            "orders_placed": self.placed,
            "orders_per_second": round(self.rate, 2),
            "statuses": dict(sorted(self.statuses.items())),
            "confirmed_p50_ms": milliseconds(self.percentile(0.50)),
            "confirmed_p99_ms": milliseconds(self.percentile(0.99)),
            "refused": dict(self.refused),
            "errors": dict(self.errors),
        }


def milliseconds(seconds: float | None) -> float | None:
    """Turn seconds into milliseconds, rounded to a tenth."""
    return None if seconds is None else round(seconds * 1000, 1)
