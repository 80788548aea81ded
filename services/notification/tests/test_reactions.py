"""What the service does with events, on a real database: queue once, wait for the contact, forget."""

import asyncio
from datetime import date
from typing import Any

import asyncpg
import pytest

from chassis import batch
from chassis.batch import Function, Item
from chassis.domain import new_id
from chassis.reactions import Erased
from chassis.testing import Hands, cause, hear_again, perform, told
from contracts.notification import Channel, NotificationFailed, NotificationSent
from contracts.order import ChangeKind, TrackingStatus
from contracts.types import Line
from notification.gateway import StubProvider
from notification.handlers import (
    forget_contact,
    note_contact,
    note_plan,
    notify_cancelled,
    notify_change_refused,
    notify_changed,
    notify_confirmed,
    notify_delivered,
    notify_invoice_issued,
    notify_payment_due,
    notify_received,
    notify_refunded,
    notify_return_approved,
    notify_return_declined,
    notify_return_received,
    notify_return_requested,
    notify_shipped,
    notify_tracking,
)
from notification.model import CHANNELS, WORTH_TELLING, Template
from notification.settings import Settings

from .conftest import EMAIL, euros

pytestmark = pytest.mark.database


async def test_each_event_queues_its_messages(desk: Any, story: Any) -> None:
    await desk.know(story)
    await perform(desk.database, notify_received, story.placed)
    await perform(desk.database, notify_confirmed, story.confirmed)
    await perform(desk.database, notify_shipped, story.dispatched)
    await perform(desk.database, notify_delivered, story.delivered)
    await perform(desk.database, notify_changed, story.changed)
    await perform(desk.database, notify_change_refused, story.withdrawn)
    await perform(desk.database, notify_tracking, story.out_for_delivery)
    await perform(desk.database, notify_payment_due, story.transfer_due, story.challenged)
    await perform(desk.database, notify_invoice_issued, story.invoiced)
    await perform(desk.database, notify_return_requested, story.return_requested)
    await perform(desk.database, notify_return_approved, story.return_approved)
    await perform(desk.database, notify_return_declined, story.return_declined)
    await perform(desk.database, notify_return_received, story.return_received)
    await perform(desk.database, notify_refunded, story.refunded)
    await perform(desk.database, notify_cancelled, story.cancelled)
    told_of = {(template, channel) for template, channels in CHANNELS.items() for channel in channels}
    assert await desk.statuses(story.order_id) == dict.fromkeys(told_of, "queued")  # the table takes every template there is
    assert {template for template, _ in told_of} == set(Template)


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
    await perform(desk.database, notify_changed, *(story.changed_to(kind) for kind in ChangeKind))
    await perform(desk.database, notify_tracking, *(story.tracked(status) for status in TrackingStatus))
    await perform(desk.database, notify_return_approved, story.approved_with(euros(0), new_id()))
    await perform(desk.database, notify_payment_due, story.transfer_due, story.challenged)
    text = repr([dict(row) for row in await desk.rows(story.order_id)])
    assert "MUG" in text
    assert "/track/" not in text  # whoever holds a link may look: it is nowhere but in the message
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
    due = await desk.claim()
    assert {one.template: one.recipient.email for one in due} == {"received": "new@example.com", "changed": EMAIL}


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


EVERY_MESSAGE = [
    (notify_received, "placed"),
    (notify_confirmed, "confirmed"),
    (notify_cancelled, "cancelled"),
    (notify_shipped, "dispatched"),
    (notify_delivered, "delivered"),
    (notify_changed, "changed"),
    (notify_change_refused, "withdrawn"),
    (notify_tracking, "out_for_delivery"),
    (notify_payment_due, "transfer_due"),
    (notify_payment_due, "challenged"),
    (notify_invoice_issued, "invoiced"),
    (notify_return_requested, "return_requested"),
    (notify_return_approved, "return_approved"),
    (notify_return_declined, "return_declined"),
    (notify_return_received, "return_received"),
    (notify_refunded, "refunded"),
]


@pytest.mark.parametrize(("function", "event"), EVERY_MESSAGE)
@pytest.mark.parametrize("contact_first", [True, False])
async def test_every_message_goes_whichever_of_contact_and_event_came_first(
    desk: Any,
    stories: Any,
    stub: StubProvider,
    function: Any,
    event: str,
    contact_first: bool,  # noqa: FBT001 - what the row says
) -> None:
    story = stories(locale="de-AT")
    if contact_first:
        await desk.know(story)
    await perform(desk.database, function, getattr(story, event))
    if not contact_first:
        assert set((await desk.statuses(story.order_id)).values()) == {"waiting_for_contact"}
        await desk.know(story)
    await desk.round(stub, stub)
    assert set((await desk.statuses(story.order_id)).values()) == {"sent"}


async def test_of_a_parcels_way_customers_are_told_the_steps_that_matter_and_no_others(desk: Any, stories: Any) -> None:
    story = stories(phone=None)
    await desk.know(story)
    await perform(desk.database, notify_tracking, *(story.tracked(status) for status in TrackingStatus))
    assert [row["facts"]["status"] for row in await desk.rows()] == [one for one in TrackingStatus if one in WORTH_TELLING]
    assert {row["template"] for row in await desk.rows()} == {"tracking"}


async def test_a_delivery_is_told_once_though_carrier_and_shop_both_say_it(desk: Any, story: Any) -> None:
    await desk.know(story)
    await perform(desk.database, notify_tracking, story.tracked(TrackingStatus.DELIVERED))
    await perform(desk.database, notify_delivered, story.delivered)
    await perform(desk.database, notify_tracking, story.tracked(TrackingStatus.DELIVERED))
    assert set(await desk.statuses(story.order_id)) == {("delivered", "email"), ("delivered", "sms")}


async def test_a_step_is_told_once_for_each_parcel_however_often_the_carrier_says_it(
    desk: Any, stories: Any, stub: StubProvider
) -> None:
    story, second = stories(phone=None), new_id()
    failed, again = (story.tracked(TrackingStatus.ATTEMPT_FAILED) for _ in range(2))
    await desk.know(story)
    await perform(desk.database, notify_tracking, failed, again)  # two events in one batch
    await perform(desk.database, notify_tracking, story.tracked(TrackingStatus.ATTEMPT_FAILED, date(2026, 3, 6)))
    assert await desk.round(stub, stub) == 1
    desk.database.workforce = hands = Hands(room=9)
    await perform(desk.database, notify_tracking, story.tracked(TrackingStatus.ATTEMPT_FAILED))  # after it was sent
    assert hands.begun == {}
    await perform(desk.database, notify_tracking, story.tracked(TrackingStatus.ATTEMPT_FAILED, shipment_id=second))
    await perform(desk.database, notify_tracking, story.tracked(TrackingStatus.OUT_FOR_DELIVERY))
    seen = [(row["facts"]["shipment_id"], row["facts"]["status"]) for row in await desk.rows(story.order_id)]
    assert seen == [
        (str(story.shipment_id), "attempt_failed"),
        (str(second), "attempt_failed"),
        (str(story.shipment_id), "out_for_delivery"),
    ]
    assert len(hands.begun["deliver"]) == 2


async def test_a_step_told_by_several_events_at_once_is_one_message_by_each_channel(desk: Any, stories: Any) -> None:
    told_of = [stories() for _ in range(10)]
    await desk.know(*told_of)
    await asyncio.gather(*(desk.hear((notify_tracking, story.out_for_delivery)) for story in told_of for _ in range(6)))
    assert [row["status"] for row in await desk.rows()] == ["queued"] * 20


async def test_a_repeated_step_does_not_wait_twice_for_the_contact(desk: Any, story: Any, stub: StubProvider) -> None:
    first, again = story.out_for_delivery, story.out_for_delivery
    await desk.hear((notify_tracking, first), (notify_tracking, again), (note_contact, story.contacts))
    assert await desk.statuses(story.order_id) == {("tracking", "email"): "queued", ("tracking", "sms"): "queued"}
    assert await desk.round(stub, stub) == 2
    assert stub.count == 2


async def test_a_parcels_message_tells_what_is_known_by_then(desk: Any, stories: Any) -> None:
    story = stories(phone=None)
    await desk.know(story)
    pre_transit = story.tracked(TrackingStatus.PRE_TRANSIT, date(2026, 3, 5))
    await perform(desk.database, notify_confirmed, story.confirmed_with(TEA=2))
    await perform(desk.database, note_plan, story.replanned(TEA=1))
    await perform(desk.database, notify_tracking, pre_transit)
    await perform(desk.database, notify_shipped, story.dispatched)
    confirmed, shipped = [row["facts"] for row in await desk.rows()]
    assert confirmed["backordered"] == [{"product_id": "TEA", "quantity": 2}]
    assert shipped["backordered"] == [{"product_id": "TEA", "quantity": 1}]
    assert shipped["expected_delivery"] == "2026-03-05"
    other = story.dispatched.model_copy(update={"shipment_id": new_id()})
    await perform(desk.database, note_plan, story.replanned())
    await perform(desk.database, notify_shipped, other)
    last = (await desk.rows())[-1]["facts"]
    assert not {"backordered", "expected_delivery"} & set(last)


async def test_what_is_sent_later_is_known_within_one_batch_and_outlives_contact_and_erasure(desk: Any, story: Any) -> None:
    tea = [Line(product_id="TEA", quantity=1)]
    await desk.hear(
        (notify_confirmed, story.confirmed),
        (notify_changed, story.changed_to(ChangeKind.ADDITION, backordered=tea)),
        (note_contact, story.contacts),
        (notify_shipped, story.dispatched),
    )
    facts = {row["template"]: row["facts"] for row in await desk.rows()}
    assert "backordered" not in facts["confirmed"]
    assert facts["changed"]["backordered"] == facts["shipped"]["backordered"] == [{"product_id": "TEA", "quantity": 1}]
    assert facts["changed"]["kind"] == "addition"
    await perform(desk.database, forget_contact, Erased("order.contacts", str(story.order_id)))
    await perform(desk.database, notify_tracking, story.tracked(TrackingStatus.IN_TRANSIT, date(2026, 3, 5)))
    async with desk.database.transaction() as transaction:
        [row] = await transaction.fetch("SELECT state, email, backordered, expected_delivery FROM contact")
    assert tuple(row) == ("erased", None, {"TEA": 1}, {str(story.shipment_id): "2026-03-05"})


async def test_the_table_refuses_a_step_that_does_not_say_which(desk: Any, story: Any) -> None:
    await desk.know(story)
    await perform(desk.database, notify_tracking, story.out_for_delivery)
    with pytest.raises(asyncpg.CheckViolationError):
        async with desk.database.transaction() as transaction:
            await transaction.fetch("UPDATE delivery SET facts = facts - 'status'")


@pytest.mark.parametrize("size", [1, 200])
async def test_a_batch_about_changes_and_parcels_costs_the_same_statements_whatever_its_size(
    desk: Any, stories: Any, size: int
) -> None:
    told_of = [stories() for _ in range(size)]
    await desk.know(*told_of)
    costs = []
    for function, events in (
        (notify_confirmed, [story.confirmed_with(TEA=1) for story in told_of]),
        (notify_changed, [story.changed for story in told_of]),
        (notify_tracking, [story.tracked(TrackingStatus.PRE_TRANSIT) for story in told_of]),
        (notify_tracking, [story.tracked(TrackingStatus.IN_TRANSIT, date(2026, 3, 5)) for story in told_of]),
        (notify_tracking, [story.out_for_delivery for story in told_of]),
        (notify_shipped, [story.dispatched for story in told_of]),
    ):
        before = desk.database.statements
        await desk.hear(*((function, event) for event in events))
        costs.append(desk.database.statements - before)
    # begin, commit, inbox and contacts; then what there is of: contacts written, new deliveries
    assert costs == [6, 5, 4, 5, 5, 5]
    assert len(await desk.rows()) == 8 * size


async def test_what_may_go_back_is_told_in_sum_with_what_is_given_for_it(desk: Any, story: Any) -> None:
    exchange = new_id()
    await desk.know(story)
    await perform(desk.database, notify_return_approved, story.return_approved, story.approved_with(euros(0), exchange))
    await perform(desk.database, notify_return_received, story.return_received)
    facts = [row["facts"] for row in await desk.rows() if row["channel"] == "email"]
    two = [{"product_id": "MUG", "quantity": 2}]
    returned = {"lines": two, "return_id": str(story.return_id)}
    assert facts == [
        {**returned, "refund_amount": {"amount": 1998, "currency": "EUR"}, "exchange_order_id": None},
        {**returned, "refund_amount": None, "exchange_order_id": str(exchange)},
        {"lines": two},
    ]


async def test_the_money_of_a_cancelled_order_is_told_with_its_cancellation_alone(desk: Any, story: Any) -> None:
    await desk.know(story)
    await perform(desk.database, notify_cancelled, story.cancelled)
    await perform(desk.database, notify_refunded, story.refunded_for(None))
    assert {template for template, _ in await desk.statuses(story.order_id)} == {"cancelled"}


@pytest.mark.parametrize("wanted", [True, False])
async def test_invoices_are_told_where_the_shop_wants_it(
    desk: Any,
    story: Any,
    wanted: bool,  # noqa: FBT001 - what the setting says
) -> None:
    await desk.know(story)
    desk.database.remembered[Settings] = desk.settings.model_copy(update={"mail_invoices": wanted})
    try:
        await perform(desk.database, notify_invoice_issued, story.invoiced)
    finally:
        del desk.database.remembered[Settings]
    assert set(await desk.statuses(story.order_id)) == ({("invoice_issued", "email")} if wanted else set())


ENDS = {"cancelled": notify_cancelled, "confirmed": notify_confirmed}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("asked_first", [True, False])
@pytest.mark.parametrize("contact_first", [True, False])
@pytest.mark.parametrize("one_batch", [True, False])
async def test_nobody_is_asked_to_pay_for_an_order_that_is_paid_or_cancelled(
    desk: Any,
    stories: Any,
    stub: StubProvider,
    end: str,
    asked_first: bool,  # noqa: FBT001 - what the row says
    contact_first: bool,  # noqa: FBT001
    one_batch: bool,  # noqa: FBT001
) -> None:
    story, other = stories(), stories()
    desk.database.workforce = hands = Hands(room=9)  # what may go at once is handed over in the very transaction
    asked: list[Any] = [(notify_payment_due, story.transfer_due), (notify_payment_due, story.challenged)]
    ended: list[Any] = [(ENDS[end], getattr(story, end))]
    known: list[Any] = [(note_contact, one.contacts) for one in (story, other)] + [(notify_payment_due, other.transfer_due)]
    pairs = asked + ended if asked_first else ended + asked
    pairs = known + pairs if contact_first else pairs + known
    for batch_of in [pairs] if one_batch else [[pair] for pair in pairs]:
        await desk.hear(*batch_of)
    await desk.send(hands.begun["deliver"], stub, stub)
    await desk.round(stub, stub)
    ends = {end: "sent", "transfer_due": "skipped", "payment_challenge": "skipped"}
    assert await desk.statuses(story.order_id) == {(one, by): status for one, status in ends.items() for by in Channel}
    assert await desk.statuses(other.order_id) == {("transfer_due", by): "sent" for by in Channel}
    assert stub.count == 4
    assert [type(event) for event in await told(desk.database, story.order_id)] == [NotificationSent] * 2


async def test_a_replaced_email_is_told_of_it_too_until_the_customer_is_forgotten(desk: Any, story: Any) -> None:
    former = story.email
    desk.database.workforce = hands = Hands(room=1)
    await desk.hear((note_contact, story.contacts))
    story.email = "second@example.com"
    await desk.hear((note_contact, story.contacts), (note_contact, story.contacts))
    await perform(desk.database, notify_changed, story.changed_to(ChangeKind.ADDRESS))
    [warned, changed] = [due for due in hands.begun["deliver"] if due.channel is Channel.EMAIL]
    assert [(due.template, due.recipient.email) for due in (warned, changed)] == [
        ("changed", former),
        ("changed", "second@example.com"),
    ]
    assert "If it was not you" in desk.letters.mail(warned, warned.recipient).text
    story.email = "third@example.com"
    hands.free = 0
    await desk.know(story)
    due = await desk.claim()
    assert [one.recipient.email for one in due if one.channel is Channel.EMAIL] == ["second@example.com"]
    assert "example.com" not in repr([dict(row) for row in await desk.rows(story.order_id)])
    await perform(desk.database, forget_contact, Erased("order.contacts", str(story.order_id)))
    async with desk.database.transaction() as transaction:
        [row] = await transaction.fetch("SELECT state, former_emails FROM contact")
    assert tuple(row) == ("erased", None)


async def test_where_nobody_sends_sms_none_are_queued(desk: Any, story: Any) -> None:
    await desk.know(story)
    desk.database.remembered[Settings] = desk.settings
    try:
        await perform(desk.database, notify_confirmed, story.confirmed)
        desk.database.remembered[Settings] = desk.settings.model_copy(update={"sms_url": "https://sms.example"})
        await perform(desk.database, notify_shipped, story.dispatched)
    finally:
        del desk.database.remembered[Settings]
    assert set(await desk.statuses(story.order_id)) == {("confirmed", "email"), ("shipped", "email"), ("shipped", "sms")}


@pytest.mark.parametrize("size", [1, 100])
async def test_a_batch_about_money_and_returns_costs_the_same_statements_whatever_its_size(
    desk: Any, stories: Any, size: int
) -> None:
    told_of = [stories() for _ in range(size)]
    await desk.know(*told_of)
    costs = []
    for function, event in EVERY_MESSAGE[-8:]:
        before = desk.database.statements
        await desk.hear(*((function, getattr(story, event)) for story in told_of))
        costs.append(desk.database.statements - before)
    # begin, commit, inbox, contacts, new deliveries
    assert costs == [5] * 8
