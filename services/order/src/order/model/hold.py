"""Why a person must look at an order: one reason at a time, the gravest.

What concerns its money or its risk goes before a parcel that is not where it should be, and that before trouble on the way,
which ends by itself when the parcel goes on.
"""

from typing import Final

DELIVERY: Final = "delivery_"
"""How a reason begins that a carrier's word about a parcel gives: this, and what it said."""
CARRIER_HAS_IT: Final = "carrier_has_it"
"""A carrier has a parcel that is kept back or cancelled, or has it by a label that was given back."""
MOVE_UNANSWERED: Final = "move_unanswered"
"""Another warehouse does not say whether it can send a parcel."""


def graver(reason: str, than: str | None) -> bool:
    """Tell whether a reason to look at an order goes before another one."""
    return _weight(reason) > _weight(than)


def _weight(reason: str | None) -> int:
    if reason is None:
        return 0
    if reason.startswith(DELIVERY):
        return 1
    return 2 if reason in {CARRIER_HAS_IT, MOVE_UNANSWERED} else 3
