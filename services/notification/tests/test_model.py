"""The life of a delivery and of a contact, without a database."""

from collections.abc import Callable
from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from chassis.domain import new_id
from chassis.testing import MORNING, cause
from contracts.notification import Channel, NotificationFailed, NotificationSent
from contracts.order import (
    ChangeKind,
    OrderChanged,
    OrderConfirmed,
    OrderContacts,
    ShipmentsPlanned,
    ShipmentTracked,
    TrackingStatus,
)
from contracts.types import Address, Line, Money, PaymentInstrument
from contracts.types import Contact as GivenContact
from notification.model import (
    TRANSITIONS,
    WORTH_TELLING,
    Contact,
    ContactState,
    Delivery,
    DeliveryOutcome,
    NotFailedError,
    Status,
    Template,
    Verdict,
    queue_all,
)

LATER = timedelta(seconds=30)


def given_contact(order_id: UUID, email: str = "ada@example.com", phone: str | None = "+4915112345678") -> OrderContacts:
    address = Address(name="Ada Lovelace", line1="Street 1", city="Berlin", postal_code="10115", country="DE")
    return OrderContacts(
        order_id=order_id,
        user_id="ada",
        contact=GivenContact(email=email, phone=phone, locale="de"),
        shipping_address=address,
        billing_address=address,
        payment=PaymentInstrument(method="card", token="tok_ok"),
    )


def known(phone: str | None = "+4915112345678") -> Contact:
    contact = Contact(order_id=new_id())
    contact.note(given_contact(contact.order_id, phone=phone), new_id())
    return contact


def delivery(status: Status = Status.QUEUED, channel: Channel = Channel.EMAIL, attempts: int = 1) -> Delivery:
    made = Delivery.queue(known(), Template.CONFIRMED, channel, {}, cause(event_id=new_id()))
    made.status, made.attempts = status, attempts
    made.due_at = MORNING if status in {Status.QUEUED, Status.SENDING} else None
    made.sent_at = MORNING if status is Status.SENT else None
    return made


def outcome(
    of: Delivery, verdict: Verdict, retry_after: timedelta | None = LATER, attempt: int | None = None
) -> DeliveryOutcome:
    number = of.attempts if attempt is None else attempt
    return DeliveryOutcome(of.delivery_id, number, verdict, f"said {verdict}", retry_after)


def test_a_known_contact_with_a_phone_is_told_by_mail_and_sms() -> None:
    queued = queue_all(known(), Template.CONFIRMED, {"parcels": 1}, cause(event_id=new_id()))
    assert [one.channel for one in queued] == [Channel.EMAIL, Channel.SMS]
    assert {one.status for one in queued} == {Status.QUEUED}
    assert {one.due_at for one in queued} == {MORNING}


def test_without_a_phone_there_is_no_sms() -> None:
    queued = queue_all(known(phone=None), Template.CONFIRMED, {}, cause(event_id=new_id()))
    assert [one.channel for one in queued] == [Channel.EMAIL]


def test_a_template_without_sms_is_sent_by_mail_alone() -> None:
    queued = queue_all(known(), Template.RECEIVED, {}, cause(event_id=new_id()))
    assert [one.channel for one in queued] == [Channel.EMAIL]


def test_an_awaited_contact_makes_every_channel_wait() -> None:
    contact = Contact(order_id=new_id())
    queued = queue_all(contact, Template.SHIPPED, {}, cause(event_id=new_id()))
    assert {(one.channel, one.status, one.due_at) for one in queued} == {
        (Channel.EMAIL, Status.WAITING_FOR_CONTACT, None),
        (Channel.SMS, Status.WAITING_FOR_CONTACT, None),
    }


def test_a_contact_that_comes_releases_what_waits_and_skips_what_cannot_be() -> None:
    contact = Contact(order_id=new_id())
    mail, sms = queue_all(contact, Template.SHIPPED, {}, cause(event_id=new_id()))
    contact.note(given_contact(contact.order_id, phone=None), new_id())
    for one in (mail, sms):
        one.contact_settled(contact, MORNING)
    assert (mail.status, mail.due_at) == (Status.QUEUED, MORNING)
    assert (sms.status, sms.due_at) == (Status.SKIPPED, None)


def test_a_notification_must_tell_of_an_event() -> None:
    with pytest.raises(ValueError, match="tells of an event"):
        queue_all(known(), Template.CONFIRMED, {}, cause())


def test_what_is_erased_is_gone_and_does_not_come_back() -> None:
    contact = known()
    assert contact.erase()
    assert not contact.note(given_contact(contact.order_id), new_id())
    assert not contact.erase()
    assert contact.state is ContactState.ERASED
    assert (contact.email, contact.phone, contact.locale, contact.name) == (None, None, None, None)


def test_the_same_contact_again_changes_nothing() -> None:
    contact = known()
    assert not contact.note(given_contact(contact.order_id), new_id())
    assert contact.note(given_contact(contact.order_id, email="new@example.com"), new_id())
    assert contact.email == "new@example.com"


def test_a_mail_about_the_event_that_replaced_an_email_goes_to_the_former_one() -> None:
    contact, second, third = known(), new_id(), new_id()
    contact.note(given_contact(contact.order_id, email="second@example.com"), second)
    contact.note(given_contact(contact.order_id, email="second@example.com", phone=None), new_id())
    contact.note(given_contact(contact.order_id, email="third@example.com"), third)
    assert contact.former_emails == {str(second): "ada@example.com", str(third): "second@example.com"}
    mailboxes = [contact.mailbox(event_id) for event_id in (second, third, new_id())]
    assert mailboxes == ["ada@example.com", "second@example.com", "third@example.com"]
    contact.erase()
    assert contact.mailbox(second) is None


def test_customers_are_told_what_they_can_act_on_and_of_a_delivery_by_its_own_event() -> None:
    assert sorted(set(TrackingStatus) - WORTH_TELLING) == ["delivered", "expired", "in_transit", "pre_transit"]


def lines(quantities: dict[str, int]) -> list[Line]:
    return [Line(product_id=sku, quantity=quantity) for sku, quantity in quantities.items()]


def confirmed(**backordered: int) -> OrderConfirmed:
    total = Money(amount=1998, currency="EUR")
    return OrderConfirmed(order_id=new_id(), user_id="ada", total_amount=total, shipments=[], backordered=lines(backordered))


def planned(**backordered: int) -> ShipmentsPlanned:
    return ShipmentsPlanned(order_id=new_id(), user_id="ada", shipments=[], backordered=lines(backordered))


def changed(
    kind: ChangeKind, backordered: dict[str, int] | None = None, released: dict[str, int] | None = None
) -> OrderChanged:
    total = Money(amount=1998, currency="EUR")
    return OrderChanged(
        order_id=new_id(),
        user_id="ada",
        change_id=new_id(),
        kind=kind,
        items=[],
        total_amount=total,
        previous_total=total,
        backordered=lines(backordered or {}),
        released_backorders=lines(released or {}),
    )


def tracked(shipment_id: UUID, expected: date | None) -> ShipmentTracked:
    status = TrackingStatus.IN_TRANSIT
    return ShipmentTracked(
        order_id=new_id(),
        user_id="ada",
        shipment_id=shipment_id,
        status=status,
        occurred_at=MORNING,
        expected_delivery=expected,
    )


def test_what_is_sent_later_follows_the_order_through_its_changes() -> None:
    contact = Contact(order_id=new_id())
    seen = []
    for event in (
        confirmed(TEA=2, MUG=1),
        changed(ChangeKind.ADDITION, {"TEA": 1, "POT": 1}),
        changed(ChangeKind.ADDRESS),
        changed(ChangeKind.REDUCTION, released={"TEA": 2, "MUG": 1}),
        planned(TEA=1),
        changed(ChangeKind.REST_CANCELLED),
    ):
        contact.wait_for(event)
        seen.append(contact.backordered)
    assert seen == [
        {"TEA": 2, "MUG": 1},
        {"TEA": 3, "MUG": 1, "POT": 1},
        {"TEA": 3, "MUG": 1, "POT": 1},
        {"TEA": 1, "POT": 1},
        {"TEA": 1},
        None,
    ]


def test_lines_of_one_product_add_up_and_are_told_in_order() -> None:
    contact = Contact(order_id=new_id())
    event = confirmed()
    contact.wait_for(event.model_copy(update={"backordered": lines({"TEA": 2, "MUG": 1}) + lines({"TEA": 1})}))
    assert contact.outlook() == {"backordered": [{"product_id": "MUG", "quantity": 1}, {"product_id": "TEA", "quantity": 3}]}


@pytest.mark.parametrize(
    "event", [confirmed(), planned(), *(changed(kind) for kind in ChangeKind)], ids=lambda one: getattr(one, "kind", one.type)
)
def test_an_order_from_stock_leaves_nothing_to_note(event: OrderConfirmed | OrderChanged | ShipmentsPlanned) -> None:
    contact = Contact(order_id=new_id())
    assert not contact.wait_for(event)
    assert (contact.backordered, contact.outlook()) == (None, {})


def test_each_parcel_is_expected_as_its_carrier_said_last() -> None:
    contact, first, second = Contact(order_id=new_id()), new_id(), new_id()
    assert contact.expect(tracked(first, date(2026, 3, 5)))
    assert contact.expect(tracked(second, date(2026, 3, 9)))
    assert contact.expect(tracked(first, date(2026, 3, 6)))
    assert not contact.expect(tracked(first, date(2026, 3, 6)))
    assert not contact.expect(tracked(first, None))
    assert contact.outlook(first) == {"expected_delivery": "2026-03-06"}
    assert contact.outlook(second) == {"expected_delivery": "2026-03-09"}
    assert contact.outlook(new_id()) == contact.outlook() == {}


@pytest.mark.parametrize("status", [Status.QUEUED, Status.SENDING, Status.FAILED, Status.SKIPPED])
def test_a_success_counts_whenever_it_comes(status: Status) -> None:
    one = delivery(status)
    told = one.conclude(outcome(one, Verdict.ACCEPTED, attempt=0), cause())
    assert isinstance(told, NotificationSent)
    assert (told.about, told.delivery_id, told.order_id) == (one.event_id, one.delivery_id, one.order_id)
    assert (one.status, one.due_at, one.sent_at) == (Status.SENT, None, MORNING)


@pytest.mark.parametrize("status", [Status.SENT, Status.WAITING_FOR_CONTACT])
def test_a_success_is_told_once_and_only_of_what_was_sent(status: Status) -> None:
    one = delivery(status)
    before = dict(one.__dict__)
    assert one.conclude(outcome(one, Verdict.ACCEPTED), cause()) is None
    assert one.__dict__ == before


@pytest.mark.parametrize("status", [one for one in Status if one is not Status.SENDING])
@pytest.mark.parametrize("verdict", [one for one in Verdict if one is not Verdict.ACCEPTED])
def test_a_failure_of_an_attempt_that_is_over_changes_nothing(status: Status, verdict: Verdict) -> None:
    one = delivery(status)
    before = dict(one.__dict__)
    assert one.conclude(outcome(one, verdict), cause()) is None
    assert one.__dict__ == before


@pytest.mark.parametrize("verdict", [one for one in Verdict if one is not Verdict.ACCEPTED])
def test_a_failure_of_an_earlier_attempt_leaves_the_decision_to_the_later_one(verdict: Verdict) -> None:
    one = delivery(Status.SENDING, attempts=3)
    before = dict(one.__dict__)
    assert one.conclude(outcome(one, verdict, attempt=2), cause()) is None
    assert one.__dict__ == before


def test_a_passing_failure_makes_it_due_again_later() -> None:
    one = delivery(Status.SENDING)
    assert one.conclude(outcome(one, Verdict.TEMPORARY), cause()) is None
    assert (one.status, one.due_at, one.last_error) == (Status.QUEUED, MORNING + LATER, "said temporary")


@pytest.mark.parametrize(("verdict", "retry_after"), [(Verdict.PERMANENT, LATER), (Verdict.TEMPORARY, None)])
def test_a_refusal_or_the_last_attempt_gives_it_up(verdict: Verdict, retry_after: timedelta | None) -> None:
    one = delivery(Status.SENDING)
    told = one.conclude(outcome(one, verdict, retry_after), cause())
    assert isinstance(told, NotificationFailed)
    assert told.reason == f"said {verdict}"
    assert (one.status, one.due_at) == (Status.FAILED, None)


def test_what_there_is_no_need_to_say_any_more_is_skipped_and_nothing_is_told() -> None:
    one = delivery(Status.SENDING)
    assert one.conclude(outcome(one, Verdict.NEEDLESS), cause()) is None
    assert (one.status, one.due_at, one.last_error) == (Status.SKIPPED, None, "said needless")


@pytest.mark.parametrize("status", Status)
def test_only_a_failed_delivery_is_tried_again(status: Status) -> None:
    one = delivery(status, attempts=4)
    before = dict(one.__dict__)
    if status is Status.FAILED:
        record = one.retry(cause("support:sue"))
        assert (record.actor, record.attempts) == ("support:sue", 4)
        assert (one.status, one.due_at, one.earlier_attempts) == (Status.QUEUED, MORNING, 4)
    else:
        with pytest.raises(NotFailedError):
            one.retry(cause("support:sue"))
        assert one.__dict__ == before


def _claim(one: Delivery) -> None:
    if one.due_at is not None:  # what the store's claim asks for
        one.status = Status.SENDING


def _retry(one: Delivery) -> None:
    if one.status is Status.FAILED:
        one.retry(cause())


ACTIONS: dict[str, Callable[[Delivery], object]] = {
    "contact comes": lambda one: one.contact_settled(known(phone=None), MORNING),
    "claimed": _claim,
    "accepted": lambda one: one.conclude(outcome(one, Verdict.ACCEPTED), cause()),
    "not now": lambda one: one.conclude(outcome(one, Verdict.TEMPORARY), cause()),
    "never": lambda one: one.conclude(outcome(one, Verdict.PERMANENT), cause()),
    "needless": lambda one: one.conclude(outcome(one, Verdict.NEEDLESS), cause()),
    "tried again": _retry,
}
# What happens to a delivery by SMS to a customer without a phone is the one difference between the channels.
REACHED = {
    (start, channel): {
        "waiting_for_contact": {"contact comes": "queued" if channel is Channel.EMAIL else "skipped"},
        "queued": {"claimed": "sending", "accepted": "sent"},
        "sending": {
            "claimed": "sending",
            "accepted": "sent",
            "not now": "queued",
            "never": "failed",
            "needless": "skipped",
        },
        "failed": {"accepted": "sent", "tried again": "queued"},
        "sent": {},
        "skipped": {"accepted": "sent"},
    }[start]
    for start in Status
    for channel in Channel
}


@pytest.mark.parametrize("channel", Channel)
@pytest.mark.parametrize("start", Status)
@pytest.mark.parametrize("action", ACTIONS)
def test_every_pair_of_status_and_action(start: Status, action: str, channel: Channel) -> None:
    one = delivery(start, channel)
    before = dict(one.__dict__)
    ACTIONS[action](one)
    expected: dict[str, str] = REACHED[start, channel]
    assert one.status == expected.get(action, start)
    if action not in expected:
        assert one.__dict__ == before


@pytest.mark.parametrize("start", Status)
def test_the_table_names_exactly_what_can_happen(start: Status) -> None:
    reached = {end for channel in Channel for end in REACHED[start, channel].values()}
    assert TRANSITIONS[start] == reached


class DeliveryLife(RuleBasedStateMachine):
    """Claims, answers in any order, erasure and retries: sent is told once, and never followed by another sending."""

    @initialize(awaited=st.booleans())
    def queue(self, awaited: bool) -> None:  # noqa: FBT001 - hypothesis passes it by name
        self.contact = Contact(order_id=new_id()) if awaited else known()
        self.delivery = Delivery.queue(self.contact, Template.SHIPPED, Channel.EMAIL, {}, cause(event_id=new_id()))
        self.told_sent = 0
        self.claims_after_sent = 0

    @rule(erased=st.booleans())
    def settle(self, erased: bool) -> None:  # noqa: FBT001 - hypothesis passes it by name
        if erased:
            self.contact.erase()
        else:
            self.contact.note(given_contact(self.contact.order_id), new_id())
        self.delivery.contact_settled(self.contact, MORNING)

    @precondition(lambda self: self.delivery.due_at is not None)
    @rule()
    def claim(self) -> None:
        self.claims_after_sent += self.told_sent
        self.delivery.status, self.delivery.attempts = Status.SENDING, self.delivery.attempts + 1

    @precondition(lambda self: self.delivery.attempts > 0)
    @rule(verdict=st.sampled_from(Verdict), late=st.integers(0, 2), last=st.booleans())
    def answer(self, verdict: Verdict, late: int, last: bool) -> None:  # noqa: FBT001 - hypothesis passes it by name
        attempt = max(1, self.delivery.attempts - late)
        before = self.delivery.status
        told = self.delivery.conclude(outcome(self.delivery, verdict, None if last else LATER, attempt), cause())
        assert self.delivery.status is before or self.delivery.status in TRANSITIONS[before]
        self.told_sent += isinstance(told, NotificationSent)

    @precondition(lambda self: self.delivery.status is Status.FAILED)
    @rule()
    def retry(self) -> None:
        self.delivery.retry(cause("support:sue"))

    @invariant()
    def holds(self) -> None:
        if not hasattr(self, "delivery"):
            return
        assert (self.delivery.due_at is not None) == (self.delivery.status in {Status.QUEUED, Status.SENDING})
        assert (self.delivery.sent_at is not None) == (self.delivery.status is Status.SENT)
        assert self.told_sent == (self.delivery.status is Status.SENT)
        assert self.claims_after_sent == 0


TestDeliveryLife = DeliveryLife.TestCase
TestDeliveryLife.settings = settings(max_examples=100, stateful_step_count=20, deadline=None)
