"""How many orders there are in each state and view: exact up to a cap, and remembered for a while where there are more.

Staff look at these figures all day, and nearly all they cost is to count the large ones up to the cap. But orders leave a state
slowly: where more than the cap were a moment ago there still are, or nearly so. So what was found to be more is taken for it
for a minute; then one of them is counted again with each look, and all that nobody has counted for five minutes.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from order.store.order_lists import ANEW, MOST_COUNTED, DeskFilter

FRESH: Final = timedelta(minutes=1)
STALE: Final = timedelta(minutes=5)


class Crowded:
    """The states and views that this process found to hold more than is counted, each by its name, and when it did."""

    def __init__(self) -> None:
        self._found_at: dict[str, datetime] = {}

    def due(self, views: Mapping[str, DeskFilter], now: datetime) -> dict[str, DeskFilter]:
        """Choose what is to be counted now."""
        ages = {name: now - self._found_at[name] for name in views if name in self._found_at}
        oldest = max(ages, key=lambda name: ages[name], default=None)
        return {
            name: view
            for name, view in views.items()
            if name not in ages or ages[name] >= STALE or (name == oldest and ages[name] >= FRESH)
        }

    def complete(self, views: Mapping[str, DeskFilter], counted: Mapping[str, int], now: datetime) -> dict[str, int]:
        """Note what was counted, and add what was not."""
        for name, number in counted.items():
            self._found_at.pop(name, None)
            if number > MOST_COUNTED and name != ANEW:
                self._found_at[name] = now
        return {name: counted.get(name, MOST_COUNTED + 1) for name in views}
