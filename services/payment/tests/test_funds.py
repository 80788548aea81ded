"""What is decided over all payments of an order: what a parcel takes of which, what goes first, and when an answer is due."""

from collections.abc import Sequence
from uuid import UUID

import pytest

from chassis.domain import new_id
from chassis.testing import MORNING, cause
from contracts.order import ShipmentDispatched
from contracts.payment import (
    AdditionAuthorized,
    AdditionDeclined,
    AdditionVoided,
    PaymentCaptured,
    PaymentCaptureFailed,
    PaymentRefunded,
    PaymentVoided,
)
from contracts.types import Money
from payment.model import Action, Capture, OrderFunds, Payment, Status

WHY = cause(at=MORNING)
ORDER = UUID(int=7)


def euros(amount: int) -> Money:
    return Money(amount=amount, currency="EUR")


def pay(amount: int, change_id: UUID | None = None, *, held: bool = True) -> Payment:
    payment = Payment.request(ORDER, "alice", euros(amount), WHY, change_id)
    payment.sent_at = MORNING
    if held:
        payment.authorize(f"pi_{payment.payment_id}", WHY)
    return payment


def parcel(amount: int, currency: str = "EUR") -> Capture:
    money = Money(amount=amount, currency=currency)
    event = ShipmentDispatched(
        order_id=ORDER, user_id="alice", shipment_id=new_id(), warehouse_id="north", lines=[], amount=money
    )
    return Capture.due_for(event, WHY)


def three() -> list[Payment]:
    """Hold 30.00 for an order, and 5.00 and 7.00 for what was added."""
    return [pay(3000), pay(500, new_id()), pay(700, new_id())]


def drawn(capture: Capture) -> list[tuple[UUID, int, bool]]:
    return [(one.payment_id, one.amount, one.final) for one in capture.draws]


def take_all(funds: OrderFunds, capture: Capture) -> Sequence[object]:
    told: list[object] = []
    while (draw := capture.next_draw) is not None:
        told += funds.take(capture, draw.payment_id, WHY)
    return told


def test_an_order_without_a_payment_has_no_funds() -> None:
    with pytest.raises(LookupError):
        OrderFunds([])


def test_the_main_payment_comes_first_and_then_the_oldest() -> None:
    main, first, second = three()
    funds = OrderFunds([second, first, main])
    assert funds.main is main
    assert funds.addition(first.change_id or ORDER) is first
    assert funds.addition(new_id()) is None
    with pytest.raises(LookupError):
        funds.payment(new_id())


def test_money_is_drawn_of_the_oldest_payment_first() -> None:
    main, first, second = three()
    capture = parcel(3600)
    assert OrderFunds([main, first, second], [capture]).draw(capture, WHY) is None
    assert drawn(capture) == [(main.payment_id, 3000, True), (first.payment_id, 500, True), (second.payment_id, 100, False)]


def test_a_second_parcel_draws_beside_the_first() -> None:
    main, first, second = three()
    one, other = parcel(3200), parcel(1000)
    funds = OrderFunds([main, first, second], [one, other])
    funds.draw(one, WHY)
    funds.draw(other, WHY)
    assert drawn(other) == [(first.payment_id, 300, False), (second.payment_id, 700, True)]


def test_the_parcel_that_left_first_goes_first_where_there_is_not_enough_for_both() -> None:
    first, second = parcel(2000), parcel(1500)
    funds = OrderFunds([pay(3000)], [second, first])
    refused = funds.draw(second, WHY)
    assert refused is not None
    assert refused.code == "amount_exceeds_authorization"
    assert funds.draw(first, WHY) is None
    assert [one.amount for one in first.draws] == [2000]


def test_captured_is_told_once_when_all_of_it_is_taken() -> None:
    main, first, _ = payments = three()
    capture = parcel(3500)
    funds = OrderFunds(payments, [capture])
    funds.draw(capture, WHY)
    assert funds.take(capture, main.payment_id, WHY) == []
    [told] = funds.take(capture, first.payment_id, WHY)
    assert isinstance(told, PaymentCaptured)
    assert (told.amount, told.captured, told.payment_id) == (euros(3500), euros(3500), main.payment_id)
    assert funds.take(capture, first.payment_id, WHY) == [], "an outcome that comes again is told no more"


def test_a_refused_part_is_told_once_with_what_is_missing() -> None:
    main, first, second = payments = three()
    capture = parcel(3700)
    funds = OrderFunds(payments, [capture])
    funds.draw(capture, WHY)
    funds.take(capture, main.payment_id, WHY)
    [told] = funds.refuse(capture, first.payment_id, "expired_card", WHY)
    assert isinstance(told, PaymentCaptureFailed)
    assert (told.amount, told.code, told.payment_id) == (euros(700), "expired_card", first.payment_id)
    assert (capture.pending, capture.taken, second.captured_amount) == (False, 3000, 0)
    assert (first.status, second.open_amount) == (Status.VOIDING, 500), "what was to be taken of both is let go"
    assert funds.refuse(capture, first.payment_id, "expired_card", WHY) == []
    assert funds.take(capture, second.payment_id, WHY) == []


@pytest.mark.parametrize(
    ("capture", "code"),
    [
        (parcel(4201), "amount_exceeds_authorization"),
        (parcel(0), "amount_exceeds_authorization"),
        (parcel(100, "USD"), "currency_mismatch"),
    ],
)
def test_what_is_not_held_is_not_drawn(capture: Capture, code: str) -> None:
    told = OrderFunds(three(), [capture]).draw(capture, WHY)
    assert told is not None
    assert (told.code, capture.draws, capture.pending) == (code, [], False)


def test_a_parcel_waits_for_a_payment_that_may_yet_be_held_and_for_no_other() -> None:
    main, addition, capture = pay(3000), pay(500, new_id(), held=False), parcel(3500)
    funds = OrderFunds([main, addition], [capture])
    assert funds.draw(capture, WHY) is None
    assert (capture.draws, capture.pending) == ([], True)
    funds.withdraw(addition.change_id or ORDER, "alice", WHY)
    told = funds.draw(capture, WHY)
    assert told is not None
    assert told.code == "amount_exceeds_authorization"


def test_less_is_let_go_of_the_newest_first_and_never_what_a_parcel_is_due() -> None:
    main, first, second = payments = three()
    capture = parcel(3300)
    funds = OrderFunds(payments, [capture])
    funds.draw(capture, WHY)
    told = funds.reduce(new_id(), 1000, euros(3200), WHY)
    assert told.amount == euros(900), "as far as it is held"
    assert [one.released_amount for one in payments] == [0, 200, 700]
    assert [(one.status, one.action) for one in (first, second)] == [
        (Status.AUTHORIZED, None),
        (Status.VOIDING, Action.VOID),
    ]
    take_all(funds, capture)
    assert [one.open_amount for one in payments] == [0, 0, 0]
    assert main.status == Status.CAPTURED


def test_more_is_no_reduction() -> None:
    payments = three()
    assert OrderFunds(payments).reduce(new_id(), -100, euros(4300), WHY).amount == euros(0)
    assert [one.released_amount for one in payments] == [0, 0, 0]


def test_an_addition_of_nothing_is_held_at_once() -> None:
    funds, addition = OrderFunds([pay(3000)]), pay(0, new_id(), held=False)
    assert isinstance(funds.include(addition, WHY), AdditionAuthorized)
    assert (addition.status, addition.action, addition.postings) == (Status.AUTHORIZED, None, [])


def test_an_addition_to_a_cancelled_order_is_barred() -> None:
    main = pay(3000)
    funds = OrderFunds([main])
    funds.cancel(WHY)
    for amount in (0, 500):
        addition = Payment.request(ORDER, "alice", euros(amount), WHY, new_id())
        assert funds.include(addition, WHY) is None
        assert (addition.status, addition.due_at) == (Status.VOIDED, None)
    [told] = funds.void(main, WHY)
    assert isinstance(told, PaymentVoided)
    assert told.amount == euros(3000)


def test_a_withdrawal_that_comes_first_bars_and_is_answered_once() -> None:
    funds, change_id = OrderFunds([pay(3000)]), new_id()
    barred, told = funds.withdraw(change_id, "alice", WHY)
    assert isinstance(told, AdditionVoided)
    assert (told.amount, barred.status, barred.due_at) == (euros(0), Status.VOIDED, None)
    assert funds.withdraw(change_id, "alice", WHY) == (barred, None)


def test_a_declined_addition_changes_no_other_payment() -> None:
    main, addition = pay(3000), pay(500, new_id(), held=False)
    before = dict(main.__dict__)
    [told] = OrderFunds([main, addition]).decline(addition, "card_declined", WHY)
    assert isinstance(told, AdditionDeclined)
    assert main.__dict__ == before


def test_a_cancellation_is_answered_when_the_last_payment_is_let_go() -> None:
    main, first, second = payments = three()
    funds = OrderFunds(payments)
    assert funds.cancel(WHY) == []
    assert funds.cancel(WHY) == []
    assert funds.void(second, WHY) == []
    assert funds.void(main, WHY) == []
    [told] = funds.void(first, WHY)
    assert isinstance(told, PaymentVoided)
    assert told.amount == euros(4200)
    assert [*funds.void(first, WHY), *funds.cancel(WHY)] == []


def test_a_cancellation_waits_for_what_is_unknown() -> None:
    main, addition = pay(3000), pay(500, new_id(), held=False)
    funds = OrderFunds([main, addition])
    assert funds.cancel(WHY) == []
    assert funds.void(main, WHY) == [], "whether the addition is held is not known yet"
    [told] = funds.decline(addition, "card_declined", WHY)
    assert isinstance(told, PaymentVoided)
    assert told.amount == euros(3000)


def test_a_cancellation_with_money_taken_is_answered_by_the_sum_of_the_refunds() -> None:
    main, first, second = payments = three()
    capture = parcel(3200)
    funds = OrderFunds(payments, [capture])
    funds.draw(capture, WHY)
    take_all(funds, capture)
    funds.cancel(WHY)
    funds.void(first, WHY)
    funds.void(second, WHY)
    assert funds.refund(first, WHY) is None
    told = funds.refund(main, WHY)
    assert isinstance(told, PaymentRefunded)
    assert (told.amount, told.refunded) == (euros(3200), euros(3200))
    assert funds.refund(main, WHY) is None


def test_a_cancellation_between_two_parts_takes_no_more() -> None:
    main, first, _ = payments = three()
    capture = parcel(3500)
    funds = OrderFunds(payments, [capture])
    funds.draw(capture, WHY)
    capture.draws[0].sent_at = capture.sent_at = MORNING
    assert funds.cancel(WHY) == [], "what was asked for has its outcome first"
    [told] = funds.take(capture, main.payment_id, WHY)
    assert isinstance(told, PaymentCaptureFailed)
    assert (told.amount, told.code) == (euros(500), "order_cancelled")
    assert (first.status, first.captured_amount) == (Status.VOIDING, 0)
    assert main.status == Status.REFUNDING
