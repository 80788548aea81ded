"""When a call whose outcome is not known, or not what it must be, is made again."""

from datetime import timedelta
from typing import Final

LONGEST: Final = timedelta(seconds=60)
WANTED: Final = timedelta(seconds=8)
"""The longest wait where the customer of a cancelled order, or of a withdrawn change, waits for the answer."""


def retry_delay(attempts: int) -> timedelta:
    """Tell how long to wait after so many attempts: 1, 2, 4 … at the most 60 seconds."""
    return min(timedelta(seconds=2 ** min(max(attempts, 1) - 1, 6)), LONGEST)
