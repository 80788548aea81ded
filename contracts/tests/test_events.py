"""Events and their envelope: what goes onto the wire comes back the same, and what is wrong is named."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts import REGISTRY, TOPICS, Envelope, EnvelopeError, Event, UnknownTypeError, decode
from contracts.order import OrderShipped
from contracts.topics import ORDER_EVENTS

ORDER = UUID("019d2f4e-6a10-7c31-9b52-3f0a9d5c1e77")

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
envelopes = st.builds(
    Envelope,
    event_id=st.uuids(),
    type=st.sampled_from(sorted(REGISTRY)),
    source=texts,
    time=st.datetimes(timezones=st.just(UTC)),
    subject=texts,
    sequence=st.integers(min_value=1, max_value=2**31 - 1),
    correlation_id=texts,
    causation_id=st.none() | st.uuids(),
    traceparent=st.none() | texts,
)


@given(envelopes)
def test_an_envelope_comes_back_as_it_went(envelope: Envelope) -> None:
    assert Envelope.read(envelope.headers()) == envelope


def envelope(**changes: Any) -> list[tuple[str, bytes]]:
    written = Envelope(UUID(int=1), "order.shipped.v1", "order", datetime(2026, 11, 23, tzinfo=UTC), str(ORDER), 1, str(ORDER))
    headers: dict[str, Any] = {**dict(written.headers()), **changes}
    return [(name, value) for name, value in headers.items() if value is not None]


@pytest.mark.parametrize("name", ["ce_id", "ce_type", "ce_source", "ce_time", "ce_subject", "ce_sequence", "ce_correlationid"])
def test_a_missing_attribute_is_named(name: str) -> None:
    with pytest.raises(EnvelopeError, match=name):
        Envelope.read(envelope(**{name: None}))


@pytest.mark.parametrize(
    ("name", "value"),
    [("ce_id", b"not-an-id"), ("ce_time", b"yesterday"), ("ce_sequence", b"first"), ("ce_causationid", b"x")],
)
def test_an_attribute_that_cannot_be_read_is_an_envelope_error(name: str, value: bytes) -> None:
    with pytest.raises(EnvelopeError, match="cannot be read"):
        Envelope.read(envelope(**{name: value}))


def test_an_attribute_that_is_no_text_is_named() -> None:
    with pytest.raises(EnvelopeError, match="ce_source is not UTF-8"):
        Envelope.read(envelope(ce_source=b"\xff\xfe"))


def test_headers_of_others_are_ignored() -> None:
    assert Envelope.read([*envelope(), ("x-proxy", b"\xff"), ("x-empty", None)]).source == "order"


def test_a_reader_ignores_a_field_of_a_later_version() -> None:
    event = decode("order.shipped.v1", b'{"order_id": "%s", "user_id": "alice", "gift_wrapped": true}' % str(ORDER).encode())
    assert event == OrderShipped(order_id=ORDER, user_id="alice")


def test_a_type_of_the_future_is_refused_by_its_name() -> None:
    with pytest.raises(UnknownTypeError, match=r"order\.shipped\.v2"):
        decode("order.shipped.v2", b"{}")


def test_a_broken_contract_is_refused() -> None:
    with pytest.raises(ValidationError, match="user_id"):
        decode("order.shipped.v1", b'{"order_id": "%s"}' % str(ORDER).encode())


def test_a_fact_cannot_be_changed() -> None:
    event: Any = OrderShipped(order_id=ORDER, user_id="alice")
    with pytest.raises(ValidationError, match="frozen"):
        event.user_id = "bob"


def test_a_type_is_declared_once() -> None:
    with pytest.raises(TypeError, match=r"order\.shipped\.v1 is declared twice"):
        type("Again", (Event,), {"__annotations__": {"order_id": UUID}}, type="order.shipped.v1", topic=ORDER_EVENTS)


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_type_names_its_publisher_and_has_its_topics_key(name: str) -> None:
    event = REGISTRY[name]
    assert name.rpartition(".v")[2].isdigit(), "the version is part of the type"
    assert TOPICS[event.topic.name] is event.topic
    assert event.topic.key in event.model_fields
    assert event.model_fields[event.topic.key].is_required()
    assert (event.__doc__ or "").strip(), "a fact says in a sentence what has happened"


def test_a_topic_belongs_to_one_publisher_and_dead_letters_to_one_consumer() -> None:
    assert {topic.publisher for topic in TOPICS.values()} == {"order", "inventory", "payment", "notification"}
    assert ORDER_EVENTS.dead_letters("payment") == "order.events.payment.dlt"
