"""The job: sent once known as sent, retried while the provider says not now, given up in the end."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from chassis import links
from chassis.domain import new_id
from chassis.testing import MORNING, perform, told
from contracts.notification import Channel, NotificationFailed, NotificationSent
from notification.gateway import PermanentError, StubProvider, TemporaryError
from notification.handlers import (
    deliver,
    note_delivery,
    notify_cancelled,
    notify_confirmed,
    notify_payment_due,
    notify_received,
    notify_shipped,
    notify_tracking,
    resend_delivery,
    retry_delivery,
)
from notification.letters import Letters
from notification.model import DeliveryOutcome, DeliveryUnknownError, NotFailedError, NothingToPayError, Verdict
from notification.store import LEASE, DeliveryDue, ResendDelivery, RetryDelivery

pytestmark = pytest.mark.database


class Recording:
    """A provider that writes down every attempt, and answers as told."""

    def __init__(self, *answers: Exception | None) -> None:
        self.answers = list(answers)
        self.attempts: list[Any] = []

    async def send(self, message: Any) -> str:
        self.attempts.append(message)
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer
        return "provider-1"


@pytest.fixture
async def queued(desk: Any, story: Any) -> Any:
    """Make an order whose customer is to get one e-mail."""
    await desk.know(story)
    await perform(desk.database, notify_received, story.placed)
    return story


async def row(desk: Any) -> dict[str, Any]:
    [one] = await desk.rows()
    return dict(one)


async def test_a_message_is_sent_and_told(desk: Any, queued: Any) -> None:
    mailer = Recording()
    assert await desk.round(mailer, mailer) == 1
    sent = await row(desk)
    assert (sent["status"], sent["attempts"], sent["provider_message_id"]) == ("sent", 1, "provider-1")
    assert (sent["sent_at"], sent["due_at"]) == (desk.clock(), None)
    [event] = await told(desk.database, queued.order_id)
    assert event == NotificationSent(
        order_id=queued.order_id,
        delivery_id=sent["delivery_id"],
        template="received",
        channel=Channel.EMAIL,
        about=sent["event_id"],
    )
    [mail] = mailer.attempts
    assert (mail.to, mail.delivery_id, mail.order_id) == (queued.email, sent["delivery_id"], queued.order_id)
    assert await desk.round(mailer, mailer) == 0


async def test_sms_goes_to_the_phone_in_the_customers_language(desk: Any, stories: Any) -> None:
    story = stories(locale="de-AT")
    await desk.know(story)
    await perform(desk.database, notify_confirmed, story.confirmed)
    mailer, texter = Recording(), Recording()
    await desk.round(mailer, texter)
    [message] = texter.attempts
    assert message.to == story.phone
    assert "ist bestätigt" in message.body


async def test_messages_of_a_parcel_carry_a_link_to_its_order_the_same_at_every_attempt(desk: Any, story: Any) -> None:
    await desk.know(story)
    await perform(desk.database, notify_shipped, story.dispatched)
    await perform(desk.database, notify_tracking, story.out_for_delivery)
    mailer, texter = (Recording(*(TemporaryError("busy") for _ in range(2))) for _ in range(2))
    await desk.round(mailer, texter)
    desk.clock.forward(seconds=1)
    await desk.round(mailer, texter)
    mails, texts = [mail.text for mail in mailer.attempts], [text.body for text in texter.attempts]
    assert (len(mails), len(texts)) == (4, 4)
    assert set(mails[:2]) == set(mails[2:])
    assert set(texts[:2]) == set(texts[2:])
    [token] = {word.rpartition("/track/")[2] for one in mails + texts for word in one.split() if "/track/" in word}
    assert all(f"https://shop.example/track/{token}" in one for one in mails + texts)
    last = MORNING + timedelta(days=90)
    secrets = ["a canary of a secret"]
    assert links.read(token, secrets, "tracking", last - timedelta(seconds=1)) == str(story.order_id)
    with pytest.raises(links.LinkExpiredError):
        links.read(token, secrets, "tracking", last)


async def test_without_links_set_up_messages_carry_none(desk: Any, story: Any, stub: StubProvider) -> None:
    desk.letters = Letters("Waybill")
    await desk.know(story)
    await perform(desk.database, notify_shipped, story.dispatched)
    mailer = Recording()
    await desk.round(mailer, stub)
    [mail] = mailer.attempts
    assert "PX1" in mail.text
    assert "http" not in mail.text


@pytest.mark.usefixtures("queued")
async def test_a_message_that_an_older_version_queued_is_written(desk: Any) -> None:
    async with desk.database.transaction() as transaction:
        await transaction.fetch("UPDATE delivery SET facts = facts - 'shipping_amount' - 'tax_amount'")
    mailer = Recording()
    await desk.round(mailer, mailer)
    assert (await row(desk))["status"] == "sent"


async def test_not_now_is_tried_again_by_the_schedule_and_then_given_up(desk: Any, queued: Any) -> None:
    mailer = Recording(*(TemporaryError("busy") for _ in range(3)))
    waits = []
    for _ in range(3):
        assert await desk.round(mailer, mailer) == 1
        due_at = (await row(desk))["due_at"]
        waits.append(None if due_at is None else (due_at - desk.clock()).total_seconds())
        assert await desk.round(mailer, mailer) == 0
        desk.clock.forward(seconds=waits[-1] or 0)
    assert waits == [1, 10, None]
    failed = await row(desk)
    assert (failed["status"], failed["attempts"], failed["last_error"]) == ("failed", 3, "busy")
    [event] = await told(desk.database, queued.order_id)
    assert isinstance(event, NotificationFailed)
    assert event.reason == "busy"
    assert len({mail.delivery_id for mail in mailer.attempts}) == 1


async def test_never_is_given_up_at_once(desk: Any, queued: Any) -> None:
    mailer = Recording(PermanentError("no such mailbox"))
    await desk.round(mailer, mailer)
    assert (await row(desk))["status"] == "failed"
    [event] = await told(desk.database, queued.order_id)
    assert isinstance(event, NotificationFailed)


@pytest.mark.usefixtures("queued")
async def test_after_an_unknown_outcome_the_same_message_goes_again(desk: Any) -> None:
    mailer = Recording(TemporaryError("the mail server did not answer in time"))
    await desk.round(mailer, mailer)
    desk.clock.forward(seconds=1)
    await desk.round(mailer, mailer)
    assert (await row(desk))["status"] == "sent"
    first, second = mailer.attempts
    assert first == second


@pytest.mark.usefixtures("queued")
async def test_a_process_that_dies_leaves_the_delivery_to_the_next_after_the_lease(desk: Any) -> None:
    [abandoned] = await desk.claim()
    mailer = Recording()
    desk.clock.forward(seconds=LEASE.total_seconds() - 1)
    assert await desk.round(mailer, mailer) == 0
    desk.clock.forward(seconds=1)
    assert await desk.round(mailer, mailer) == 1
    assert mailer.attempts[0].delivery_id == abandoned.delivery_id
    assert (await row(desk))["attempts"] == 2


@pytest.mark.usefixtures("queued")
async def test_the_late_failure_of_an_abandoned_attempt_does_not_disturb_the_next(desk: Any) -> None:
    [first] = await desk.claim()
    desk.clock.forward(seconds=LEASE.total_seconds())
    [second] = await desk.claim()
    late = DeliveryOutcome(first.delivery_id, first.attempt, Verdict.PERMANENT, "never")
    await perform(desk.database, note_delivery, late)
    assert (await row(desk))["status"] == "sending"
    await perform(desk.database, note_delivery, DeliveryOutcome(second.delivery_id, second.attempt, Verdict.ACCEPTED, "p"))
    assert (await row(desk))["status"] == "sent"


async def test_two_answers_of_success_are_told_once(desk: Any, queued: Any) -> None:
    [due] = await desk.claim()
    taken = DeliveryOutcome(due.delivery_id, due.attempt, Verdict.ACCEPTED, "p")
    await perform(desk.database, note_delivery, taken, taken)
    await perform(desk.database, note_delivery, taken)
    assert len(await told(desk.database, queued.order_id)) == 1


async def test_concurrent_processes_never_claim_the_same_delivery(desk: Any, stories: Any) -> None:
    told_of = [stories(phone=None) for _ in range(50)]
    await desk.know(*told_of)
    await perform(desk.database, notify_received, *(story.placed for story in told_of))

    async def claim() -> list[Any]:
        async with desk.database.transaction() as transaction:
            return [due.delivery_id for due in await DeliveryDue.claim(transaction, 10)]

    claimed = [delivery for some in await asyncio.gather(*(claim() for _ in range(6))) for delivery in some]
    assert len(claimed) == len(set(claimed))
    assert len(claimed) == 50


@pytest.mark.usefixtures("queued")
async def test_a_success_known_to_this_process_is_never_sent_again(desk: Any, stub: StubProvider) -> None:
    [due] = await desk.claim()
    first = await deliver(due, stub, stub, desk.letters, desk.settings)  # the transaction of its outcome is lost
    desk.clock.forward(seconds=LEASE.total_seconds())
    assert await desk.round(stub, stub) == 1
    assert stub.count == 1
    sent = await row(desk)
    assert (sent["status"], sent["provider_message_id"]) == ("sent", first.detail)


@pytest.mark.usefixtures("queued")
async def test_facts_a_template_cannot_write_fail_the_delivery_without_personal_data(desk: Any) -> None:
    async with desk.database.transaction() as transaction:
        await transaction.fetch("UPDATE delivery SET facts = '{}'")
    mailer = Recording()
    await desk.round(mailer, mailer)
    failed = await row(desk)
    assert (failed["status"], failed["last_error"]) == ("failed", "en/received cannot be written for email: UndefinedError")
    assert mailer.attempts == []


async def test_a_phone_withdrawn_meanwhile_fails_the_sms(desk: Any, story: Any, stub: StubProvider) -> None:
    await desk.know(story)
    await perform(desk.database, notify_shipped, story.dispatched)
    story.phone = None
    await desk.know(story)
    await desk.round(stub, stub)
    assert await desk.statuses(story.order_id) == {("shipped", "email"): "sent", ("shipped", "sms"): "failed"}


@pytest.mark.parametrize("end", [(notify_cancelled, "cancelled"), (notify_confirmed, "confirmed")], ids=["cancelled", "paid"])
async def test_who_was_to_be_asked_to_pay_is_not_once_the_order_is_paid_or_cancelled(
    desk: Any, stories: Any, end: tuple[Any, str]
) -> None:
    """The mail server is away while the order is decided: what waited for it is not sent any more, however it waited."""
    story, (function, template) = stories(phone=None), end
    await desk.know(story)
    await perform(desk.database, notify_payment_due, story.transfer_due, story.challenged)
    mailer = Recording(TemporaryError("the mail server cannot be used"))
    [first, abandoned] = await desk.claim()
    await desk.send([first], mailer, mailer)
    await perform(desk.database, function, getattr(story, template))
    desk.clock.forward(seconds=LEASE.total_seconds())
    mailer.attempts.clear()
    assert await desk.round(mailer, mailer) == 3
    rows = {row["template"]: (row["status"], row["last_error"], row["due_at"]) for row in await desk.rows()}
    settled = ("skipped", "the order was paid or cancelled meanwhile", None)
    assert rows == {"transfer_due": settled, "payment_challenge": settled, template: ("sent", None, None)}
    assert [mail.delivery_id for mail in mailer.attempts] == [(await desk.rows())[-1]["delivery_id"]]
    late = DeliveryOutcome(abandoned.delivery_id, abandoned.attempt, Verdict.ACCEPTED, "p")
    await perform(desk.database, note_delivery, late)
    assert (await desk.statuses(story.order_id))[abandoned.template, "email"] == "sent"


@pytest.mark.parametrize("end", [(notify_cancelled, "cancelled"), (notify_confirmed, "confirmed")], ids=["cancelled", "paid"])
async def test_staff_have_nobody_asked_to_pay_again_once_the_order_is_paid_or_cancelled(
    desk: Any, stories: Any, end: tuple[Any, str]
) -> None:
    story, (function, template) = stories(phone=None), end
    await desk.know(story)
    await perform(desk.database, notify_payment_due, story.transfer_due, story.challenged)
    mailer = Recording(PermanentError("no such mailbox"))
    await desk.round(mailer, mailer)
    failed, sent = (row["delivery_id"] for row in await desk.rows())
    await perform(desk.database, resend_delivery, ResendDelivery(sent, "the customer deleted it"))
    assert await desk.round(mailer, mailer) == 1
    await perform(desk.database, function, getattr(story, template))
    for command, wish in ((retry_delivery, RetryDelivery(failed)), (resend_delivery, ResendDelivery(sent, "lost"))):
        with pytest.raises(NothingToPayError):
            await perform(desk.database, command, wish)
    mailer.attempts.clear()
    await desk.round(mailer, mailer)
    assert [mail.subject.rpartition(" ")[2] for mail in mailer.attempts] == [template]


@pytest.mark.usefixtures("queued")
async def test_staff_try_a_failed_delivery_again_with_all_attempts(desk: Any) -> None:
    mailer = Recording(PermanentError("no such mailbox"), TemporaryError("busy"), TemporaryError("busy"))
    await desk.round(mailer, mailer)
    wish = RetryDelivery((await row(desk))["delivery_id"])
    await perform(desk.database, retry_delivery, wish, actor="support:sue")
    for seconds in (1, 10, 0):
        assert await desk.round(mailer, mailer) == 1
        desk.clock.forward(seconds=seconds)
    sent = await row(desk)
    assert (sent["status"], sent["attempts"], sent["earlier_attempts"]) == ("sent", 4, 1)
    async with desk.database.transaction() as transaction:
        [kept] = await transaction.fetch("SELECT * FROM delivery_retry")
    assert (kept["actor"], kept["attempts"], kept["error"]) == ("support:sue", 1, "no such mailbox")
    with pytest.raises(NotFailedError):
        await perform(desk.database, retry_delivery, wish)
    with pytest.raises(DeliveryUnknownError):
        await perform(desk.database, retry_delivery, RetryDelivery(new_id()))


@pytest.mark.usefixtures("queued")
async def test_the_next_due_time_is_known(desk: Any) -> None:
    async def next_due() -> Any:
        async with desk.database.transaction() as transaction:
            return await DeliveryDue.next_due(transaction)

    assert await next_due() == desk.clock()
    await desk.claim()
    assert await next_due() == desk.clock() + LEASE
    stub = StubProvider()
    desk.clock.forward(seconds=LEASE.total_seconds())
    await desk.round(stub, stub)
    assert await next_due() is None


async def test_the_cause_of_the_outcome_is_the_event_it_tells_of(desk: Any, queued: Any) -> None:
    [due] = await desk.claim()
    assert (due.cause.event_id, due.cause.correlation_id) == ((await row(desk))["event_id"], str(queued.order_id))


@pytest.mark.parametrize("size", [1, 100])
async def test_claims_and_outcomes_cost_the_same_statements_whatever_their_number(
    desk: Any, stories: Any, stub: StubProvider, size: int
) -> None:
    told_of = [stories(phone=None) for _ in range(size)]
    await desk.know(*told_of)
    await perform(desk.database, notify_received, *(story.placed for story in told_of))
    before = desk.database.statements
    assert await desk.round(stub, stub) == size
    # claim: begin, one statement, commit; outcomes: begin, load, write, outbox, commit
    assert desk.database.statements - before == 8
    assert stub.count == size


def test_the_lease_is_longer_than_any_attempt_may_take(desk: Any) -> None:
    longest = type(desk.settings).model_fields["send_timeout_seconds"].metadata[1].le
    assert timedelta(seconds=longest) < LEASE
