"""A cursor leads to the place it was made of; whatever else stands in one is refused, and names itself."""

import base64
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json

from chassis.pages import read_cursor, write_cursor
from chassis.problems import InvalidRequestError

KINDS = st.lists(st.sampled_from([datetime, UUID, str, int]), min_size=1, max_size=3)
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes().map(str) | st.uuids().map(str),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
)


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def storable(value: Any) -> bool:
    """Tell whether a database takes a value as it is, in a column of its kind."""
    if isinstance(value, datetime):
        return value.tzinfo is UTC
    if isinstance(value, str):
        return "\0" not in value
    return isinstance(value, UUID) or (type(value) is int and -(2**63) <= value < 2**63)


def test_a_place_is_read_as_it_was_written() -> None:
    place = (datetime(2026, 3, 2, 9, tzinfo=timezone(timedelta(hours=1))), uuid4(), "MUG", -5)
    assert read_cursor(write_cursor(*place), datetime, UUID, str, int) == place


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        (UUID, b"[5]"),
        (UUID, b"[null]"),
        (datetime, b"[5]"),
        (datetime, b'["2026-03-02T09:00:00"]'),
        (datetime, b'["0001-01-01T00:00:00+23:59"]'),
        (int, b"[Infinity]"),
        (int, b"[1.5]"),
        (int, b"[true]"),
        (int, b'["5"]'),
        (int, b"[9223372036854775808]"),
        (str, b'["\\u0000"]'),
        (str, b"[]"),
        (str, b"5"),
        (str, b"not JSON"),
    ],
)
def test_what_is_no_place_is_refused_by_name(kind: type, place: bytes) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        read_cursor(encoded(place), kind)
    assert refused.value.facts["errors"][0]["field"] == "cursor"


@given(st.text() | JUNK.map(lambda junk: encoded(to_json(junk, inf_nan_mode="constants"))), KINDS)
def test_junk_is_read_as_something_storable_or_refused(cursor: str, kinds: list[type]) -> None:
    try:
        values = read_cursor(cursor, *kinds)
    except InvalidRequestError:
        return
    assert [type(value) for value in values] == kinds
    assert all(storable(value) for value in values)
