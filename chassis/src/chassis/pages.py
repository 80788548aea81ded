"""Lists in pages: a cursor tells where the next page begins, so that no page is slow and none repeats or skips a row."""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel
from pydantic_core import from_json, to_json

from chassis.problems import invalid

MOST: Final = 200
BITS: Final = 63
"""What a database's largest whole number has, besides its sign."""

Limit = Annotated[int, Query(ge=1, le=MOST, description="How many items at the most.")]
Cursor = Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before.")]


class Page(BaseModel):
    """A page of a list; `next_cursor` is null on the last one."""

    items: list[Any]
    next_cursor: str | None = None


def write_cursor(*place: datetime | UUID | str | int) -> str:
    """Write down the place of a page's last item."""
    return base64.urlsafe_b64encode(to_json(place)).decode().rstrip("=")


def read_cursor(cursor: str, *kinds: type) -> tuple[Any, ...]:
    """Read a place; raises InvalidRequestError where it is none of ours."""
    try:
        values = from_json(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return tuple(_READERS[kind](value) for kind, value in zip(kinds, values, strict=True))
    except (ValueError, TypeError, OverflowError, binascii.Error):
        raise invalid("cursor", "this is not a cursor of this list") from None


def _text(value: object) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("no text that a database could hold")
    return value


def _number(value: object) -> int:
    if type(value) is not int or value.bit_length() > BITS:
        raise ValueError("no number that a database could hold")
    return value


def _moment(value: object) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError("no moment without its time zone")
    return moment.astimezone(UTC)


_READERS: Final[Mapping[type, Callable[[object], Any]]] = {
    datetime: _moment,
    UUID: lambda value: UUID(_text(value)),
    str: _text,
    int: _number,
}


def page(rows: Sequence[Any], limit: int, place: Any) -> tuple[Sequence[Any], str | None]:
    """Cut a list that was asked for `limit + 1` rows; answers the rows and the next page's cursor."""
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], write_cursor(*place(rows[limit - 1]))
