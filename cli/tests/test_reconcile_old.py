"""Reconciliation of a system that is older than outboxes and topics keep facts: what is gone from one side is not missed."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from chassis.domain import new_id
from chassis.schema import first_id_of, maintain_partitions
from contracts.event import Envelope
from notification.settings import Settings
from order.model.document import WHOLE
from waybill.reconciliation import tables, topics
from waybill.reconciliation import told as told_of
from waybill.reconciliation.findings import Findings, Invariant
from waybill.reconciliation.sources import Sources, snapshot
from waybill.reconciliation.topics import check_topics

from .test_reconcile_money_and_stock import EARLIER, EVENT, ORDER, World, fact, world

__all__ = ["world"]
pytestmark = pytest.mark.database
NOW = datetime.now(UTC)


def id_of(day: date, number: int) -> UUID:
    return UUID(int=first_id_of(day).int + number)


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


async def begin_days(world: World, service: str) -> None:
    """Have an outbox that keeps facts since today, as one that dropped all days before."""
    connection = await asyncpg.connect(world.databases[service].url)
    try:
        await maintain_partitions(connection, datetime.now(UTC).date(), 8)
    finally:
        await connection.close()


# --- what customers were told --------------------------------------------------------------------------------------------


async def told(world: World) -> list[str]:
    return [each.says for each in (await world.look()).of[Invariant.CUSTOMER_TOLD].violations]


async def test_a_message_about_a_fact_that_was_dropped_is_no_violation(world: World) -> None:
    await fact(world, "order", "order.events", str(ORDER), 2, new_id(), "order.shipped.v1")
    assert await told(world) == []
    await world.run("notification", "UPDATE delivery SET event_id = $1", UUID(int=77))
    assert len(await told(world)) == 2, "as long as all facts are kept: one is not told of, and one was never told"
    await world.run("notification", "UPDATE delivery SET event_id = $1", EVENT)
    await world.run("order", "DELETE FROM outbox WHERE type = 'order.placed.v1'")
    assert await told(world) == []


async def test_an_ask_of_payment_is_judged_as_long_as_payment_keeps_its_facts(world: World) -> None:
    await begin_days(world, "payment")
    today = datetime.now(UTC).date()
    for day, expected in ((today - timedelta(days=9), 0), (today, 1)):
        await message(world, "transfer_due", id_of(day, 1))
        assert len(await told(world)) == expected, day


async def message(world: World, template: str, event_id: UUID, channel: str = "email", status: str = "sent") -> UUID:
    """Have a customer told something of an event."""
    delivery = new_id()
    await world.run(
        "notification",
        """INSERT INTO delivery (delivery_id, order_id, template, event_id, channel, status, facts, created_at, attempts,
        sent_at) VALUES ($1, $2, $3, $4, $5, $6, '{}', $7, 1, CASE $6 WHEN 'sent' THEN $7::timestamptz END)""",
        delivery,
        ORDER,
        template,
        event_id,
        channel,
        status,
        EARLIER,
    )
    return delivery


async def test_who_paid_before_the_message_went_is_not_asked_to_pay(world: World) -> None:
    asked = new_id()
    await fact(world, "payment", "payment.events", str(ORDER), 1, asked, "payment.action_required.v1")
    await world.run("payment", """UPDATE outbox SET payload = '{"action": "transfer"}' WHERE id = $1""", asked)
    assert await told(world) == [f"its customer is not told by email of payment.action_required.v1 ({asked})"]
    await message(world, "transfer_due", asked, status="skipped")
    assert await told(world) == []


async def test_an_e_mail_that_is_replaced_is_told_of_it(world: World) -> None:
    contacts = new_id()
    await message(world, "changed", contacts)
    assert await told(world) == [f"its customer is told by email of {contacts}, which was never told as a fact"]
    await fact(world, "order", "order.contacts", str(ORDER), 1, contacts, "order.contacts.v1")
    assert await told(world) == []


async def test_a_message_that_was_tried_in_vain_is_a_violation_and_one_that_cannot_arrive_is_none(world: World) -> None:
    for attempts, expected in ((1, []), (30, ["its message received by email was given up after 30 attempts: away"])):
        statement = "UPDATE delivery SET status = 'failed', sent_at = NULL, last_error = 'away', attempts = $1"
        await world.run("notification", statement, attempts)
        assert await told(world) == expected
    await world.run("notification", "UPDATE delivery SET earlier_attempts = 29")
    assert await told(world) == [], "staff had it tried again, and then its provider would not have it"


def test_what_reconciliation_takes_from_services_is_what_they_say() -> None:
    assert Settings.model_fields["max_attempts"].default == told_of.MOST_ATTEMPTS
    assert tables.WHOLE == WHOLE


async def test_sms_are_asked_for_where_somebody_sends_them(world: World) -> None:
    other, (before, confirmed, after) = UUID(int=1000), (new_id() for _ in range(3))
    await world.run("order", """UPDATE orders SET contact = '{"phone": "+4930123456"}'""")
    await fact(world, "order", "order.events", str(ORDER), 2, confirmed, "order.confirmed.v1")
    await message(world, "confirmed", confirmed)
    assert await told(world) == []
    statement = "INSERT INTO contact (order_id, state, email, locale, name) VALUES ($1, 'known', 'b@example.com', 'en', 'Bob')"
    await world.run("notification", statement, other)
    for delivery_id, expected in (
        (before, []),
        (after, [f"its customer is not told by sms of order.confirmed.v1 ({confirmed})"]),
    ):
        await world.run(
            "notification",
            """INSERT INTO delivery (delivery_id, order_id, template, event_id, channel, status, facts, created_at, attempts,
            sent_at) VALUES ($1, $2, 'confirmed', $1, 'sms', 'sent', '{}', $3, 1, $3)""",
            delivery_id,
            other,
            EARLIER,
        )
        assert await told(world) == expected


# --- topics --------------------------------------------------------------------------------------------------------------


@dataclass
class Topics:
    """Records that a test laid on topics, and facts that it wrote into outboxes."""

    world: World
    records: list[Any]

    async def tell(self, service: str, topic: str, key: str, sequence: int, event_id: UUID, at: datetime) -> None:
        """Commit a fact that happened at a moment."""
        await fact(self.world, service, topic, key, sequence, event_id, "order.placed.v1")
        await self.world.run(service, "UPDATE outbox SET occurred_at = $2 WHERE id = $1", event_id, at)

    def lay(self, topic: str, key: str, sequence: int, event_id: UUID, at: datetime, /, **other: Any) -> None:
        """Have a record lie on a topic."""
        envelope = Envelope(event_id, other.pop("type", "order.placed.v1"), "order", at, key, sequence, key)
        record = {"key": key.encode(), "value": b"{}", "headers": envelope.headers(), "timestamp": int(at.timestamp() * 1000)}
        self.records.append(SimpleNamespace(topic=topic, **record | other))

    async def look(self) -> Findings:
        findings = Findings()
        async with snapshot(Sources(self.world.urls), timedelta(seconds=1)) as taken:
            await check_topics("nowhere", taken, findings)
        return findings

    async def complaints(self) -> list[tuple[str, str]]:
        found = (await self.look()).of[Invariant.TOPICS].violations
        return [(each.subject, each.says) for each in found if str(ORDER) not in each.subject]


@pytest.fixture
async def laid(world: World, monkeypatch: pytest.MonkeyPatch) -> Topics:
    found = Topics(world, [])

    async def records(_: str) -> AsyncIterator[Any]:
        for record in found.records:
            yield record

    monkeypatch.setattr(topics, "_records", records)
    return found


async def test_what_an_outbox_has_dropped_may_lie_on_its_topic_for_ever(laid: Topics) -> None:
    await begin_days(laid.world, "inventory")
    old, today = datetime.now(UTC).date() - timedelta(days=9), datetime.now(UTC).date()
    laid.lay("catalog.products", "MUG", 1, id_of(old, 1), days_ago(9))
    laid.lay("inventory.events", "o-1", 1, id_of(old, 2), days_ago(9))
    assert await laid.complaints() == []
    laid.lay("catalog.products", "CUP", 1, id_of(today, 1), EARLIER)
    assert await laid.complaints() == [("catalog.products CUP", "facts [1] were never committed")]


async def test_an_outbox_that_has_dropped_nothing_yet_knows_all_facts(laid: Topics) -> None:
    laid.lay("inventory.events", "o-1", 1, id_of(date(2020, 1, 1), 2), days_ago(9))
    assert await laid.complaints() == [("inventory.events o-1", "facts [1] were never committed")]


@pytest.mark.parametrize(
    ("topic", "days", "missing"),
    [
        ("inventory.events", 7.5, False),
        ("inventory.events", 7.0, False),
        ("inventory.events", 6.5, True),
        ("catalog.products", 7.5, True),
    ],
)
async def test_what_a_topic_keeps_no_longer_is_not_missing(laid: Topics, topic: str, days: float, *, missing: bool) -> None:
    await laid.tell("inventory", topic, "k", 1, new_id(), days_ago(days))
    assert await laid.complaints() == ([(f"{topic} k", "facts [1] are missing")] if missing else [])


@pytest.mark.parametrize(("days", "missing"), [(0.5, True), (1.5, False)])
async def test_a_tombstone_goes_after_a_day(laid: Topics, days: float, *, missing: bool) -> None:
    for sequence, at in ((1, days_ago(3)), (2, days_ago(days))):
        await laid.tell("order", "order.contacts", "k", sequence, new_id(), at)
    await laid.world.run("order", "UPDATE outbox SET payload = NULL WHERE sequence = 2")
    assert await laid.complaints() == ([("order.contacts k", "facts [2] are missing")] if missing else [])


async def test_a_record_is_what_was_committed_under_its_number(laid: Topics) -> None:
    ids = [new_id() for _ in range(5)]
    for sequence, event_id in enumerate(ids, 1):
        await laid.tell("order", "order.events", "k", sequence, event_id, EARLIER)
    same = dict(enumerate(ids, 1))
    for sequence in (1, 2, 3, 4, 5):
        laid.lay("order.events", "k", sequence, same[sequence], EARLIER)
    assert await laid.complaints() == []
    laid.lay("order.events", "k", 2, new_id(), EARLIER)
    laid.lay("order.events", "k", 3, same[3], EARLIER, type="order.confirmed.v1")
    laid.lay("order.events", "k", 4, same[4], EARLIER, value=b'{"more": 1}')
    laid.lay("order.events", "k", 5, same[5], EARLIER, value=None)
    assert await laid.complaints() == [("order.events k", "facts [2, 3, 4, 5] are not what was committed")]


async def test_what_was_erased_from_the_outbox_may_lie_on_the_topic_until_that_is_compacted(laid: Topics) -> None:
    given, tombstone = new_id(), new_id()
    for sequence, event_id in ((1, given), (2, tombstone)):
        await laid.tell("order", "order.contacts", "k", sequence, event_id, EARLIER)
    await laid.world.run("order", "UPDATE outbox SET payload = NULL WHERE aggregateid = 'k'")
    laid.lay("order.contacts", "k", 1, given, EARLIER, value=b'{"email": "ada@example.com"}')
    assert await laid.complaints() == [("order.contacts k", "facts [2] are missing")]
    laid.lay("order.contacts", "k", 2, tombstone, EARLIER, value=None)
    assert await laid.complaints() == []


UNREADABLE: Sequence[dict[str, Any]] = (
    {"headers": ()},
    {"key": None},
    {"key": b"\xff\xfe"},
    {"headers": [("ce_sequence", b"many")]},
    {"headers": [(name, b"1") for name in ("ce_id", "ce_type", "ce_source", "ce_time", "ce_subject", "ce_sequence")]},
)


async def test_what_nobody_can_read_is_counted_and_compared_with_nothing(laid: Topics) -> None:
    for junk in UNREADABLE:
        laid.lay("order.events", "k", 1, new_id(), EARLIER, **junk)
    findings = await laid.look()
    assert findings.unreadable == len(UNREADABLE)
    assert findings.document()["unreadable_records"] == len(UNREADABLE)
    assert [each for each in findings.of[Invariant.TOPICS].violations if str(ORDER) not in each.subject] == []
