"""The payment's state machine: every pair of states, every verb in every state, and what the ledger makes of it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.domain import new_id
from chassis.testing import MORNING, cause
from contracts import Event
from contracts.order import ShipmentDispatched
from contracts.payment import PaymentAuthorized, PaymentDeclined, PaymentRefunded, PaymentVoided
from contracts.types import Money
from payment.model import (
    TRANSITIONS,
    Account,
    Action,
    Capture,
    CaptureConcludedError,
    CaptureStatus,
    Entry,
    Hold,
    InvalidTransitionError,
    Payment,
    Status,
    retry_delay,
)

TOTAL = 3000
WHY = cause(at=MORNING)


def fresh(*, sent: bool = True) -> Payment:
    payment = Payment.request(new_id(), "alice", Money(amount=TOTAL, currency="EUR"), WHY)
    if sent:
        payment.sent_at = MORNING
    return payment


def authorized() -> Payment:
    payment = fresh()
    payment.authorize("pi_1", WHY)
    return payment


def declined() -> Payment:
    payment = fresh()
    payment.decline("card_declined", WHY)
    return payment


def captured() -> Payment:
    payment = authorized()
    payment.capture(new_id(), TOTAL, WHY)
    return payment


def lapsed() -> Payment:
    payment = authorized()
    payment.lapse(WHY)
    return payment


def voiding() -> Payment:
    payment = authorized()
    payment.cancel(WHY, capturing=False)
    return payment


def voided() -> Payment:
    payment = voiding()
    payment.void(WHY)
    return payment


def refunding() -> Payment:
    payment = captured()
    payment.cancel(WHY, capturing=False)
    return payment


def refunded() -> Payment:
    payment = refunding()
    payment.refund(WHY)
    return payment


IN_STATE: dict[Status, Callable[[], Payment]] = {
    Status.PENDING: fresh,
    Status.AUTHORIZED: authorized,
    Status.DECLINED: declined,
    Status.CAPTURED: captured,
    Status.LAPSED: lapsed,
    Status.VOIDING: voiding,
    Status.VOIDED: voided,
    Status.REFUNDING: refunding,
    Status.REFUNDED: refunded,
}

VERBS: dict[str, tuple[Callable[[Payment], Event | None], dict[Status, Status]]] = {
    "authorize": (lambda p: p.authorize("pi_2", WHY), {Status.PENDING: Status.AUTHORIZED}),
    "decline": (lambda p: p.decline("card_declined", WHY), {Status.PENDING: Status.DECLINED}),
    "cancel": (
        lambda p: p.cancel(WHY, capturing=False),
        {Status.AUTHORIZED: Status.VOIDING, Status.LAPSED: Status.VOIDING, Status.CAPTURED: Status.REFUNDING},
    ),
    "void": (lambda p: p.void(WHY), {Status.VOIDING: Status.VOIDED}),
    "refund": (lambda p: p.refund(WHY), {Status.REFUNDING: Status.REFUNDED}),
    "lapse": (lambda p: p.lapse(WHY), {Status.AUTHORIZED: Status.LAPSED}),
}


def test_states_of_the_tests_are_the_states_of_the_table() -> None:
    assert set(IN_STATE) == set(TRANSITIONS) == set(Status)
    assert all(make().status == status for status, make in IN_STATE.items())


@pytest.mark.parametrize("before", Status)
@pytest.mark.parametrize("after", Status)
def test_every_pair_of_states(before: Status, after: Status) -> None:
    payment = IN_STATE[before]()
    if after in TRANSITIONS[before]:
        payment._become(after, WHY)  # noqa: SLF001 - the table's only gate
        assert payment.status == after
    else:
        with pytest.raises(InvalidTransitionError):
            payment._become(after, WHY)  # noqa: SLF001 - the table's only gate
        assert payment.status == before


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_in_every_state(verb: str, status: Status) -> None:
    tell, leads_to = VERBS[verb]
    payment = IN_STATE[status]()
    tell(payment)
    assert payment.status == leads_to.get(status, status)
    assert payment.authorized_amount >= payment.captured_amount + payment.released_amount


@pytest.mark.parametrize("status", Status)
def test_outcomes_that_come_again_change_nothing(status: Status) -> None:
    payment = IN_STATE[status]()
    late: list[Callable[[Payment], Event | None]] = [tell for tell, _ in VERBS.values()]
    for tell in late:
        tell(payment)
    told = [tell(payment) for tell in late]
    assert told.count(None) >= len(told) - 1, "a cancellation goes on step by step, everything else has happened"


def test_authorization_is_told_with_the_amount_held() -> None:
    payment = fresh()
    event = payment.authorize("pi_1", WHY)
    assert event == PaymentAuthorized(
        order_id=payment.order_id,
        user_id="alice",
        payment_id=payment.payment_id,
        amount=Money(amount=TOTAL, currency="EUR"),
    )
    assert (payment.action, payment.due_at) == (None, None)


def test_authorization_of_a_cancelled_order_is_let_go_untold() -> None:
    payment = fresh()
    assert payment.cancel(WHY, capturing=False) is None
    assert payment.authorize("pi_1", WHY) is None
    assert (payment.status, payment.action) == (Status.VOIDING, Action.VOID)
    answer = payment.void(WHY)
    assert isinstance(answer, PaymentVoided)
    assert answer.amount.amount == TOTAL


def test_decline_of_a_cancelled_order_answers_the_cancellation() -> None:
    payment = fresh()
    payment.cancel(WHY, capturing=False)
    answer = payment.decline("card_declined", WHY)
    assert isinstance(answer, PaymentVoided)
    assert answer.amount.amount == 0


def test_payment_never_sent_is_barred_at_once() -> None:
    payment = fresh(sent=False)
    answer = payment.cancel(WHY, capturing=False)
    assert isinstance(answer, PaymentVoided)
    assert (answer.amount.amount, payment.status, payment.due_at) == (0, Status.VOIDED, None)
    assert payment.cancel(WHY, capturing=False) is None


def test_declined_payment_answers_a_cancellation_once() -> None:
    payment = declined()
    assert isinstance(payment.cancel(WHY, capturing=False), PaymentVoided)
    assert payment.cancel(WHY, capturing=False) is None


def test_cancellation_waits_for_a_capture_under_way() -> None:
    payment = authorized()
    assert payment.cancel(WHY, capturing=True) is None
    assert [payment.status, payment.action] == ["authorized", None]
    payment.capture(new_id(), 1000, WHY)
    payment.settle(WHY, capturing=False)
    assert [payment.status, payment.action] == ["voiding", "void"]
    assert payment.void(WHY) is None, "captured money is still to be given back"
    answer = payment.refund(WHY)
    assert isinstance(answer, PaymentRefunded)
    assert (answer.amount.amount, answer.refunded.amount, payment.released_amount) == (1000, 1000, 2000)


@pytest.mark.parametrize("amount", [0, -1, TOTAL + 1])
def test_capture_of_what_is_not_held_is_refused(amount: int) -> None:
    payment = authorized()
    before = dict(payment.__dict__)
    with pytest.raises(InvalidTransitionError):
        payment.capture(new_id(), amount, WHY)
    assert payment.__dict__ == before


def test_unknown_outcome_is_asked_again_later_and_later() -> None:
    payment = fresh()
    payment.attempts = 3
    payment.ask_again(Action.AUTHORIZE, WHY)
    assert payment.due_at == MORNING + timedelta(seconds=4)
    payment.ask_again(Action.VOID, WHY)
    assert payment.due_at == MORNING + timedelta(seconds=4), "an outcome of something else changes nothing"


def test_refused_compensation_stays_due_and_says_why() -> None:
    payment = voiding()
    payment.ask_again(Action.VOID, WHY, "payment_intent_unexpected_state")
    assert (payment.code, payment.due_at) == ("payment_intent_unexpected_state", MORNING + timedelta(seconds=60))


def test_back_off_doubles_up_to_a_minute() -> None:
    assert [retry_delay(attempts).total_seconds() for attempts in (0, 1, 2, 3, 6, 7, 8, 10_000)] == [1, 1, 2, 4, 32, 60, 60, 60]


def test_notice_hurries_what_is_open_and_nothing_else() -> None:
    soon = MORNING + timedelta(seconds=2)
    waiting, held = fresh(), authorized()
    waiting.due_at = MORNING + timedelta(seconds=50)
    waiting.ask_by(soon, WHY, doubtful=False)
    held.ask_by(soon, WHY, doubtful=False)
    assert (waiting.due_at, held.due_at) == (soon, None)
    held.ask_by(soon, WHY, doubtful=True)
    assert [held.action, held.due_at] == ["inquire", MORNING]
    held.stand(WHY)
    assert [held.action, held.due_at, held.status] == [None, None, "authorized"]


def dispatched(amount: int) -> Capture:
    event = ShipmentDispatched(
        order_id=new_id(),
        user_id="alice",
        shipment_id=new_id(),
        warehouse_id="north",
        lines=[],
        amount=Money(amount=amount, currency="EUR"),
    )
    return Capture.due_for(event, WHY)


@pytest.mark.parametrize(
    ("hold", "amount", "refusal"),
    [
        (Hold("authorized", barred=False, open_amount=1000, currency="EUR"), 1000, None),
        (Hold("authorized", barred=False, open_amount=1000, currency="EUR"), 1001, "amount_exceeds_authorization"),
        (Hold("authorized", barred=False, open_amount=1000, currency="EUR"), 0, "amount_exceeds_authorization"),
        (Hold("authorized", barred=False, open_amount=1000, currency="USD"), 1000, "currency_mismatch"),
        (Hold("authorized", barred=True, open_amount=1000, currency="EUR"), 1000, "order_cancelled"),
        (Hold("declined", barred=False, open_amount=0, currency="EUR"), 1000, "not_authorized"),
        (Hold("lapsed", barred=False, open_amount=0, currency="EUR"), 1000, "not_authorized"),
    ],
)
def test_what_may_be_captured(hold: Hold, amount: int, refusal: str | None) -> None:
    assert dispatched(amount).refusal(hold) == refusal


def test_capture_once_asked_is_asked_until_answered() -> None:
    capture = dispatched(1000)
    capture.sent_at = MORNING
    assert capture.refusal(Hold("authorized", barred=True, open_amount=0, currency="EUR")) is None


def test_capture_has_one_outcome() -> None:
    capture = dispatched(1000)
    capture.succeed()
    with pytest.raises(CaptureConcludedError):
        capture.fail("card_declined")
    capture.ask_again(WHY)
    capture.ask_by(MORNING)
    assert (capture.status, capture.due_at) == (CaptureStatus.CAPTURED, None)


@given(parts=st.lists(st.integers(min_value=1, max_value=1500), max_size=6), cancelled=st.booleans(), lapses=st.booleans())
def test_ledger_follows_every_movement(parts: list[int], cancelled: bool, lapses: bool) -> None:  # noqa: FBT001 - drawn
    payment = authorized()
    for part in parts:
        if 0 < part <= payment.open_amount:
            payment.capture(new_id(), part, WHY)
    if lapses:
        payment.lapse(WHY)
    if cancelled:
        payment.cancel(WHY, capturing=False)
        told = [payment.void(WHY), payment.refund(WHY)]
        assert len([event for event in told if event is not None]) == 1, "a cancellation has one answer"
    balance = dict.fromkeys(Account, 0)
    for posting in payment.postings:
        balance[posting.debit] += posting.amount
        balance[posting.credit] -= posting.amount
    assert sum(balance.values()) == 0
    assert balance[Account.AUTHORIZED] == payment.open_amount
    assert balance[Account.PSP_RECEIVABLE] == payment.captured_amount - payment.refunded_amount
    places = [(posting.entry, posting.reference) for posting in payment.postings]
    assert len(places) == len(set(places)), "a movement is posted once"
    if cancelled:
        assert payment.open_amount == 0
        assert payment.captured_amount == payment.refunded_amount


def test_each_kind_of_entry_names_two_accounts() -> None:
    payment = voided()
    assert [posting.entry for posting in payment.postings] == [Entry.HOLD, Entry.RELEASE]
    assert all(posting.debit != posting.credit for posting in payment.postings)


def test_decline_is_told_with_the_reason() -> None:
    payment = fresh()
    event = payment.decline("expired_card", WHY)
    assert isinstance(event, PaymentDeclined)
    assert event.code == "expired_card"
