"""What the service does with events, on a real database: queue once, wait for the contact, forget."""

import asyncio
from typing import Any

import pytest

from chassis import batch
from chassis.batch import Function, Item
from chassis.domain import new_id
from chassis.reactions import Erased
from chassis.testing import Hands, cause, hear_again, perform, told
from contracts.notification import NotificationFailed
from notification.gateway import StubProvider
from notification.handlers import (
    forget_contact,
    note_contact,
    notify_cancelled,
    notify_confirmed,
    notify_delivered,
    notify_received,
    notify_shipped,
)

pytestmark = pytest.mark.database


async def test_each_event_queues_its_messages(desk: Any, story: Any) -> None:
    await desk.know(story)
    await perform(desk.database, notify_received, story.placed)
    await perform(desk.database, notify_confirmed, story.confirmed)
    await perform(desk.database, notify_shipped, story.dispatched)
    await perform(desk.database, notify_delivered, story.delivered)
    assert await desk.statuses(story.order_id) == {
        ("received", "email"): "queued",
        ("confirmed", "email"): "queued",
        ("confirmed", "sms"): "queued",
        ("shipped", "email"): "queued",
        ("shipped", "sms"): "queued",
        ("delivered", "email"): "queued",
        ("delivered", "sms"): "queued",
    }


async def test_a_cancellation_is_told_with_its_reason(desk: Any, story: Any) -> None:
    await desk.know(story)
    await perform(desk.database, notify_cancelled, story.cancelled)
    rows = await desk.rows(story.order_id)
    assert [row["channel"] for row in rows] == ["email", "sms"]
    assert rows[0]["facts"] == {"reason": "out_of_stock", "total_amount": {"amount": 1998, "currency": "EUR"}}


async def test_no_personal_data_are_copied_into_deliveries(desk: Any, story: Any) -> None:
    await desk.know(story)
    await perform(desk.database, notify_received, story.placed)
    await perform(desk.database, notify_shipped, story.dispatched)
    text = repr([dict(row) for row in await desk.rows(story.order_id)])
    assert "MUG" in text
    assert not [canary for canary in ("Canary", "canary", story.phone, story.email) if canary in text]


async def test_nothing_waits_when_the_contact_comes_first(desk: Any, story: Any) -> None:
    await desk.know(story)
    await perform(desk.database, notify_confirmed, story.confirmed)
    assert set((await desk.statuses(story.order_id)).values()) == {"queued"}


async def test_messages_wait_for_a_contact_that_comes_later(desk: Any, story: Any, stub: StubProvider) -> None:
    await perform(desk.database, notify_confirmed, story.confirmed)
    assert set((await desk.statuses(story.order_id)).values()) == {"waiting_for_contact"}
    assert await desk.round(stub, stub) == 0
    desk.database.workforce = hands = Hands()
    await desk.know(story)
    assert hands.woken == ["deliver"]
    assert await desk.round(stub, stub) == 2
    assert set((await desk.statuses(story.order_id)).values()) == {"sent"}


async def test_what_is_ready_is_handed_to_the_workers_as_far_as_they_have_room(desk: Any, stories: Any) -> None:
    first, second = stories(), stories()
    desk.database.workforce = hands = Hands(room=3)
    await desk.hear((note_contact, first.contacts), (notify_confirmed, first.confirmed), (notify_confirmed, second.confirmed))
    await desk.know(second)
    handed = [(due.order_id, due.channel, due.attempt, due.recipient.email) for due in hands.begun["deliver"]]
    assert handed == [(one.order_id, channel, 1, one.email) for one in (first, second) for channel in ("email", "sms")]
    assert {status for one in (first, second) for status in (await desk.statuses(one.order_id)).values()} == {"sending"}
    desk.database.workforce = hands = Hands(room=1)
    await perform(desk.database, notify_shipped, first.dispatched)
    assert (len(hands.begun["deliver"]), hands.woken) == (1, ["deliver"])
    assert await desk.round(StubProvider(), StubProvider()) == 1  # the other one; what was handed over is under its lease


async def test_a_delivery_that_is_there_already_is_not_handed_over_again(desk: Any, story: Any) -> None:
    await desk.know(story)
    await perform(desk.database, notify_received, story.placed)
    desk.database.workforce = hands = Hands(room=9)
    told_of = (await desk.rows(story.order_id))[0]["event_id"]
    again = Item(story.placed, Function.of(notify_received), cause(event_id=told_of), event_id=new_id())  # past the inbox
    await batch.run(desk.database, [again])
    assert hands.begun == {}
    assert len(await desk.rows(story.order_id)) == 1


async def test_event_and_contact_in_either_order_within_one_batch(desk: Any, stories: Any) -> None:
    first, second = stories(), stories(phone=None)
    await desk.hear((notify_confirmed, first.confirmed), (note_contact, first.contacts))
    await desk.hear((note_contact, second.contacts), (notify_confirmed, second.confirmed))
    assert await desk.statuses(first.order_id) == {("confirmed", "email"): "queued", ("confirmed", "sms"): "queued"}
    assert await desk.statuses(second.order_id) == {("confirmed", "email"): "queued"}


async def test_event_and_contact_handled_at_the_same_moment_never_miss_each_other(desk: Any, stories: Any) -> None:
    told_of = [stories() for _ in range(40)]
    await asyncio.gather(
        *(
            desk.hear((function, getattr(story, event)))
            for story in told_of
            for function, event in ((notify_confirmed, "confirmed"), (note_contact, "contacts"), (notify_received, "placed"))
        )
    )
    statuses = [row["status"] for row in await desk.rows()]
    assert statuses == ["queued"] * 120


async def test_without_a_phone_the_waiting_sms_is_skipped(desk: Any, stories: Any) -> None:
    story = stories(phone=None)
    await perform(desk.database, notify_confirmed, story.confirmed)
    await desk.know(story)
    assert await desk.statuses(story.order_id) == {("confirmed", "email"): "queued", ("confirmed", "sms"): "skipped"}


async def test_the_same_event_again_queues_nothing(desk: Any, story: Any) -> None:
    await desk.know(story)
    assert await hear_again(desk.database, notify_received, story.placed, times=3) == [1, 0, 0]
    assert len(await desk.rows(story.order_id)) == 1


async def test_an_event_replayed_after_the_inbox_forgot_it_queues_nothing(desk: Any, story: Any) -> None:
    await desk.know(story)
    event = story.placed
    item = Item(event, Function.of(notify_received), cause(event_id=new_id()), event_id=None)
    for _ in range(2):
        await batch.run(desk.database, [item])
    assert len(await desk.rows(story.order_id)) == 1


async def test_two_parcels_are_two_messages(desk: Any, stories: Any) -> None:
    story = stories(phone=None)
    await desk.know(story)
    await perform(desk.database, notify_shipped, story.dispatched, story.dispatched)
    assert [row["template"] for row in await desk.rows(story.order_id)] == ["shipped", "shipped"]


async def test_a_changed_contact_is_where_the_next_message_goes(desk: Any, stories: Any) -> None:
    story = stories()
    await desk.know(story)
    await perform(desk.database, notify_received, story.placed)
    story.email = "new@example.com"
    await desk.know(story)
    [due] = await desk.claim()
    assert due.recipient.email == "new@example.com"


async def test_an_erased_customer_is_forgotten_and_what_was_queued_or_waiting_fails(
    desk: Any, story: Any, stories: Any, stub: StubProvider
) -> None:
    waiting = stories()
    await desk.know(story)
    await perform(desk.database, notify_received, story.placed)
    await perform(desk.database, notify_received, waiting.placed)
    for order_id in (story.order_id, waiting.order_id):
        await perform(desk.database, forget_contact, Erased("order.contacts", str(order_id)))
    assert await desk.round(stub, stub) == 2
    assert stub.count == 0
    for order_id in (story.order_id, waiting.order_id):
        assert await desk.statuses(order_id) == {("received", "email"): "failed"}
        [event] = await told(desk.database, order_id)
        assert isinstance(event, NotificationFailed)
        assert event.reason == "erased"
    async with desk.database.transaction() as transaction:
        rows = await transaction.fetch("SELECT state, email, phone, locale, name FROM contact")
    assert [tuple(row) for row in rows] == [("erased", None, None, None, None)] * 2


async def test_what_comes_after_the_erasure_fails_and_brings_nothing_back(desk: Any, story: Any, stub: StubProvider) -> None:
    await perform(desk.database, forget_contact, Erased("order.contacts", str(story.order_id)))
    await desk.know(story)
    await perform(desk.database, notify_confirmed, story.confirmed)
    await desk.round(stub, stub)
    assert await desk.statuses(story.order_id) == {("confirmed", "email"): "failed"}
    assert stub.count == 0


@pytest.mark.parametrize("size", [1, 200])
async def test_a_batch_costs_the_same_statements_whatever_its_size(desk: Any, stories: Any, size: int) -> None:
    told_of = [stories() for _ in range(size)]
    costs = []
    for function, event in ((notify_received, "placed"), (note_contact, "contacts"), (notify_confirmed, "confirmed")):
        before = desk.database.statements
        await desk.hear(*((function, getattr(story, event)) for story in told_of))
        costs.append(desk.database.statements - before)
    # begin, commit, inbox and contacts; then: new deliveries | waiting ones, contacts written, deliveries written | new ones
    assert costs == [5, 7, 5]
    assert len(await desk.rows()) == 3 * size
