"""A payment's state machine: every pair of states, every verb in every state, and what the ledger makes of it."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.domain import Cause, new_id
from chassis.testing import MORNING, cause
from contracts.order import ShipmentDispatched
from contracts.payment import AdditionAuthorized, AdditionDeclined, PaymentAuthorized, PaymentDeclined
from contracts.types import Money
from payment.model import (
    TRANSITIONS,
    Account,
    Action,
    Capture,
    CaptureConcludedError,
    CaptureStatus,
    Entry,
    InvalidTransitionError,
    Payment,
    PaymentKey,
    Status,
    retry_delay,
)

TOTAL = 3000
WHY = cause(at=MORNING)


def fresh(*, sent: bool = True, change_id: UUID | None = None) -> Payment:
    payment = Payment.request(new_id(), "alice", Money(amount=TOTAL, currency="EUR"), WHY, change_id)
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
    payment.capture(new_id(), TOTAL, WHY, final=True)
    return payment


def cancel(payment: Payment) -> None:
    payment.bar(WHY)
    payment.settle(WHY, capturing=False)


def withdraw(payment: Payment) -> None:
    payment.withdraw(WHY)
    payment.settle(WHY, capturing=False)


def lapsed() -> Payment:
    payment = authorized()
    payment.lapse(WHY)
    return payment


def voiding() -> Payment:
    payment = authorized()
    cancel(payment)
    return payment


def voided() -> Payment:
    payment = voiding()
    payment.void(WHY)
    return payment


def refunding() -> Payment:
    payment = captured()
    cancel(payment)
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

VERBS: dict[str, tuple[Callable[[Payment], object], dict[Status, Status]]] = {
    "authorize": (lambda p: p.authorize("pi_2", WHY), {Status.PENDING: Status.AUTHORIZED}),
    "decline": (lambda p: p.decline("card_declined", WHY), {Status.PENDING: Status.DECLINED}),
    "cancel": (cancel, {Status.AUTHORIZED: Status.VOIDING, Status.LAPSED: Status.VOIDING, Status.CAPTURED: Status.REFUNDING}),
    "withdraw": (withdraw, {Status.AUTHORIZED: Status.VOIDING, Status.LAPSED: Status.VOIDING}),
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
    for _ in range(2):
        for tell, _ in VERBS.values():
            tell(payment)
    ended = dict(payment.__dict__)
    for tell, _ in VERBS.values():
        tell(payment)
    assert payment.__dict__ == ended


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


def test_addition_is_told_as_the_changes() -> None:
    change_id = new_id()
    held, refused = fresh(change_id=change_id), fresh(change_id=change_id)
    told, declined = held.authorize("pi_1", WHY), refused.decline("card_declined", WHY)
    assert isinstance(told, AdditionAuthorized)
    assert isinstance(declined, AdditionDeclined)
    assert (told.change_id, told.amount.amount, declined.change_id, declined.code) == (
        change_id,
        TOTAL,
        change_id,
        "card_declined",
    )
    assert held.key == PaymentKey(held.order_id, change_id)


@pytest.mark.parametrize("stop", [cancel, withdraw])
def test_authorization_that_nobody_waits_for_is_let_go_untold(stop: Callable[[Payment], None]) -> None:
    payment = fresh()
    stop(payment)
    assert [payment.status, payment.action] == ["pending", "authorize"], "the PSP was asked: what it says comes first"
    assert payment.authorize("pi_1", WHY) is None
    assert (payment.status, payment.action) == (Status.VOIDING, Action.VOID)
    payment.void(WHY)
    assert (payment.status, payment.let_go_amount) == (Status.VOIDED, TOTAL)


@pytest.mark.parametrize("stop", [cancel, withdraw])
def test_decline_that_nobody_waits_for_is_untold(stop: Callable[[Payment], None]) -> None:
    payment = fresh()
    stop(payment)
    assert payment.decline("card_declined", WHY) is None
    assert (payment.status, payment.due_at) == (Status.DECLINED, None)


@pytest.mark.parametrize("stop", [cancel, withdraw])
def test_payment_never_sent_is_barred_at_once(stop: Callable[[Payment], None]) -> None:
    payment = fresh(sent=False)
    stop(payment)
    assert (payment.status, payment.due_at, payment.postings) == (Status.VOIDED, None, [])


def test_payment_of_nothing_needs_no_psp() -> None:
    payment = Payment.request(new_id(), "alice", Money(amount=0, currency="EUR"), WHY, new_id())
    assert isinstance(payment.authorize(None, WHY), AdditionAuthorized)
    payment.settle(WHY, capturing=False)
    payment.ask_by(MORNING, WHY, doubtful=True)
    assert (payment.status, payment.action, payment.postings) == (Status.AUTHORIZED, None, [])
    payment.withdraw(WHY)
    assert (payment.status, payment.action, payment.let_go_amount) == (Status.VOIDED, None, 0)


def test_giving_back_waits_for_a_capture_under_way() -> None:
    payment = authorized()
    payment.bar(WHY)
    payment.settle(WHY, capturing=True)
    assert [payment.status, payment.action] == ["authorized", None]
    payment.capture(new_id(), 1000, WHY, final=False)
    payment.settle(WHY, capturing=False)
    assert [payment.status, payment.action] == ["voiding", "void"]
    payment.void(WHY)
    assert [payment.status, payment.action] == ["refunding", "refund"], "captured money is still to be given back"
    payment.refund(WHY)
    assert (payment.status, payment.refunded_amount, payment.let_go_amount) == (Status.REFUNDED, 1000, 2000)


def test_withdrawal_keeps_what_was_captured() -> None:
    payment = authorized()
    payment.capture(new_id(), 1000, WHY, final=False)
    withdraw(payment)
    payment.void(WHY)
    assert (payment.status, payment.captured_amount, payment.let_go_amount, payment.action) == (
        Status.CAPTURED,
        1000,
        2000,
        None,
    )


def test_reduced_payment_is_let_go_with_the_last_capture() -> None:
    payment, change_id = authorized(), new_id()
    payment.release(change_id, 500, WHY)
    assert (payment.open_amount, payment.status) == (2500, Status.AUTHORIZED)
    payment.capture(new_id(), 2500, WHY, final=True)
    assert (payment.status, payment.open_amount, payment.let_go_amount) == (Status.CAPTURED, 0, 0)
    assert [(one.entry, one.reference) for one in payment.postings if one.entry == Entry.RELEASE] == [
        (Entry.RELEASE, change_id)
    ]


@pytest.mark.parametrize(("part", "ends"), [(0, Status.VOIDED), (1000, Status.CAPTURED)])
def test_payment_with_nothing_left_to_take_is_let_go(part: int, ends: Status) -> None:
    payment = authorized()
    if part:
        payment.capture(new_id(), part, WHY, final=False)
    payment.release(new_id(), TOTAL - part, WHY)
    payment.settle(WHY, capturing=False)
    assert [payment.status, payment.action] == ["voiding", "void"]
    payment.void(WHY)
    assert (payment.status, payment.action, payment.let_go_amount, payment.refunded_amount) == (ends, None, 0, 0)


def test_reduction_that_the_last_capture_did_not_know_of_is_let_go_afterwards() -> None:
    payment = authorized()
    payment.release(new_id(), 500, WHY)
    payment.capture(new_id(), 2500, WHY, final=False)
    assert payment.status == Status.AUTHORIZED, "the PSP still holds what is not needed"
    payment.settle(WHY, capturing=False)
    assert [payment.status, payment.action] == ["voiding", "void"]


def test_all_captured_in_parts_leaves_the_psp_nothing_to_let_go() -> None:
    payment = authorized()
    for part in (1000, 2000):
        payment.capture(new_id(), part, WHY, final=False)
    assert (payment.status, payment.action) == (Status.CAPTURED, None)


@pytest.mark.parametrize("amount", [0, -1, TOTAL + 1])
def test_release_of_what_is_not_held_is_refused(amount: int) -> None:
    payment = authorized()
    before = dict(payment.__dict__)
    with pytest.raises(InvalidTransitionError):
        payment.release(new_id(), amount, WHY)
    assert payment.__dict__ == before


@pytest.mark.parametrize("amount", [0, -1, TOTAL + 1])
def test_capture_of_what_is_not_held_is_refused(amount: int) -> None:
    payment = authorized()
    before = dict(payment.__dict__)
    with pytest.raises(InvalidTransitionError):
        payment.capture(new_id(), amount, WHY, final=True)
    assert payment.__dict__ == before


def test_unknown_outcome_is_asked_again_later_and_later() -> None:
    payment = fresh()
    payment.attempts = 3
    payment.ask_again(Action.AUTHORIZE, WHY)
    assert payment.due_at == MORNING + timedelta(seconds=4)
    payment.ask_again(Action.VOID, WHY)
    assert payment.due_at == MORNING + timedelta(seconds=4), "an outcome of something else changes nothing"


@pytest.mark.parametrize("stop", [Payment.bar, Payment.withdraw])
def test_where_a_customer_waits_for_the_end_it_is_asked_again_within_8_seconds(stop: Callable[[Payment, Cause], None]) -> None:
    payment = fresh()
    payment.begin(MORNING, MORNING + timedelta(seconds=20))
    stop(payment, WHY)
    payment.attempts = 7
    payment.ask_again(Action.AUTHORIZE, WHY)
    assert payment.due_at == MORNING + timedelta(seconds=8)


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


def test_capture_has_one_outcome() -> None:
    capture = dispatched(1000)
    capture.draw(new_id(), 1000, final=True)
    [draw] = capture.draws
    capture.succeed(draw, WHY)
    with pytest.raises(CaptureConcludedError):
        capture.fail("card_declined")
    with pytest.raises(CaptureConcludedError):
        capture.succeed(draw, WHY)
    capture.ask_again(WHY)
    capture.ask_by(MORNING)
    assert (capture.status, capture.due_at, capture.taken) == (CaptureStatus.CAPTURED, None, 1000)


def test_draws_take_turns_and_the_last_one_concludes_the_capture() -> None:
    capture, first, second = dispatched(1000), new_id(), new_id()
    capture.draw(first, 700, final=False)
    capture.draw(second, 300, final=False)
    assert capture.next_draw is capture.draws[0]
    capture.attempts = 5
    capture.succeed(capture.draws[0], WHY)
    assert (capture.pending, capture.next_draw, capture.attempts, capture.due_at) == (True, capture.draws[1], 0, MORNING)
    capture.fail("expired_card")
    assert (capture.taken, [one.status for one in capture.draws]) == (700, [CaptureStatus.CAPTURED, CaptureStatus.FAILED])


@given(
    parts=st.lists(st.integers(min_value=1, max_value=1500), max_size=6),
    less=st.integers(min_value=0, max_value=1500),
    cancelled=st.booleans(),
    lapses=st.booleans(),
)
def test_ledger_follows_every_movement(parts: list[int], less: int, cancelled: bool, lapses: bool) -> None:  # noqa: FBT001 - drawn
    payment = authorized()
    for part in parts:
        if 0 < part <= payment.available_amount:
            payment.capture(new_id(), part, WHY, final=False)
    if 0 < less <= payment.available_amount:
        payment.release(new_id(), less, WHY)
    if lapses:
        payment.lapse(WHY)
    if cancelled:
        cancel(payment)
        payment.void(WHY)
        payment.refund(WHY)
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
