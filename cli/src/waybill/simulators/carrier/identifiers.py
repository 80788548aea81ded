"""Identifiers and moments in EasyPost's form, and tracking numbers of the two carriers."""

import secrets
from datetime import UTC, datetime

_PREFIXES = {"Postline": "PL", "Courio": "CR"}


def new_id(prefix: str) -> str:
    """Make an identifier, ``prefix_`` and 32 hexadecimal digits."""
    return f"{prefix}_{secrets.token_hex(16)}"


def new_tracking_number(carrier: str) -> str:
    """Make a tracking number: the carrier's letters and fourteen digits."""
    return f"{_PREFIXES[carrier]}{secrets.randbelow(10**14):014d}"


def stamp(moment: float) -> str:
    """Write a moment, given in seconds of the epoch, in UTC."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
