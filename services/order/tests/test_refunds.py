"""Money back by the model alone: never more than was taken, to the cent what was paid, and whatever order things come in."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.domain import Refusal, new_id
from chassis.testing import MORNING, cause
from contracts.order import CancelReason, Disposition, OrderRefunded, RefundReason, RefundRequested, ReturnReason
from contracts.types import Allocation, Line, Money
from order.model import (
    ExchangeWish,
    Inspected,
    Order,
    OrderItem,
    OrderReturn,
    PricedLine,
    Receipt,
    Refund,
    RefundExceedsError,
    RefundLinesError,
    RefundState,
    RefundStateError,
    RefundWish,
    ReturnPolicy,
    ReturnWish,
    SecondPersonNeededError,
    Status,
    Terms,
    quote,
)
from order.model.terms import ShippingMethod, ShippingRate, TaxRate
from services.order.tests.test_model import ADDRESS, placed, product_of
from services.order.tests.test_pricing import GERMAN

NO_LIMIT = 10**12
EASY = ReturnPolicy(auto_approve=True, fees={ReturnReason.DOES_NOT_FIT: 300})


def paid(*lines: tuple[str, int, int, int], terms: Terms = GERMAN, included: bool = True) -> Order:
    """Sell lines (product, price, quantity, discount of the line), all of it delivered and paid."""
    order = sold(*lines, terms=terms, included=included)
    order.note_captured(order.shipments[0].shipment_id, order.total, cause())
    return order


def sold(
    *lines: tuple[str, int, int, int],
    terms: Terms = GERMAN,
    included: bool = True,
    parcels: Sequence[Mapping[str, int]] = (),
) -> Order:
    """Sell lines, all of it delivered in these parcels, or in one."""
    priced = [PricedLine(product_of(sku, price), quantity) for sku, price, quantity, _ in lines]
    order, _ = Order.place(
        user_id="ada",
        quote=quote(priced, terms, ADDRESS, None, included=included),
        contact={"email": "ada@example.com"},
        shipping_address=ADDRESS,
        billing_address=ADDRESS,
        payment_method="card",
        expected_total=None,
        deadline=timedelta(minutes=30),
        cause=cause(),
    )
    for item, (_, _, _, discount) in zip(order.items, lines, strict=True):
        item.discount_amount = discount
        item.resize(item.quantity, included=included)
    order.total_amount = sum(item.total_amount for item in order.items) + order.shipping_amount
    held = [
        Allocation(warehouse_id="berlin", lines=[Line(product_id=sku, quantity=units) for sku, units in parcel.items()])
        for parcel in parcels or [{item.product_id: item.quantity for item in order.items}]
    ]
    order.allocate(held, cause())
    order.authorize(cause())
    order.dispatch_rest(cause())
    order.deliver_rest(cause())
    return order


def units(order: Order, *quantities: int) -> dict[UUID, int]:
    return {item.item_id: quantity for item, quantity in zip(order.items, quantities, strict=False) if quantity}


def ask(order: Order, limit: int = NO_LIMIT, actor: str = "support:sue", **wish: Any) -> Refund:
    return order.ask_refund(RefundWish(RefundReason.DAMAGED, **wish), limit, cause(actor))[0]


def settle(order: Order, refund: Refund) -> OrderRefunded | None:
    total = order.money(order.refunded_amount + refund.amount)
    return order.note_refunded(refund.refund_id, order.money(refund.amount), total, cause("payment"))


TAXED = Terms(tax_rates=[TaxRate(country="DE", percent="20")])


# --- what units are worth ----------------------------------------------------------------------------------------------------


def test_ten_at_a_quarter_off_are_given_back_one_by_one_to_the_cent() -> None:
    order = paid(("MUG", 2390, 10, 5975), terms=TAXED)
    assert order.total_amount == 17925
    amounts = [ask(order, lines=units(order, 1)).amount for _ in range(10)]
    assert (sum(amounts), len(set(amounts)) <= 2, order.refundable_amount) == (17925, True, 0)


def test_one_of_two_with_a_discount_is_worth_its_share() -> None:
    order = paid(("MUG", 1000, 2, 200))
    assert order.total_amount == 1800 + order.shipping_amount
    assert [ask(order, lines=units(order, 1)).amount for _ in range(2)] == [900, 900]


def test_all_of_it_with_shipping_is_what_was_paid_and_the_taxes_too() -> None:
    order = paid(("MUG", 2499, 1, 0), ("PEN", 199, 3, 0), included=False)
    refund = ask(order, lines=units(order, 1, 3), shipping=True)
    assert refund.amount == order.total_amount == order.captured_amount
    taxes = sum(line["tax_amount"] for line in refund.lines) + refund.shipping_tax_amount
    assert taxes == sum(item.tax_amount for item in order.items) + order.shipping_tax_amount
    told = settle(order, refund)
    assert told is not None
    assert (told.complete, told.refunded.amount, order.status) == (True, order.total_amount, Status.REFUNDED)


def test_net_prices_and_free_of_tax_shipping_come_back_as_they_were_charged() -> None:
    shipping = ShippingMethod(method_id="parcel", name="Parcel", rates=[ShippingRate(price=644)], tax_class="untaxed")
    terms = Terms(shipping_methods=[shipping], tax_rates=[TaxRate(country="DE", percent="10.75")])
    order = paid(("MUG", 2499, 1, 0), terms=terms, included=False)
    refund = ask(order, lines=units(order, 1), shipping=True)
    assert (order.total_amount, refund.amount, refund.lines[0]["tax_amount"], refund.shipping_tax_amount) == (
        3412,
        3412,
        269,
        0,
    )


def test_a_refund_that_was_declined_leaves_its_unit_to_another() -> None:
    order = paid(("MUG", 333, 3, 100))
    first, second = ask(order, 0, lines=units(order, 1)), ask(order, lines=units(order, 1))
    order.decline_refund(first.refund_id, cause("finance:fay"))
    third, fourth = ask(order, lines=units(order, 1)), ask(order, lines=units(order, 1))
    assert second.amount + third.amount + fourth.amount == order.items[0].total_amount


@given(
    price=st.integers(1, 5000),
    quantity=st.integers(1, 12),
    off=st.floats(0, 1),
    percent=st.sampled_from(["0", "7", "10.75", "19", "20"]),
    included=st.booleans(),
    parts=st.lists(st.integers(1, 4), max_size=12),
)
def test_however_a_line_is_given_back_it_is_worth_its_total(
    price: int, quantity: int, off: float, percent: str, parts: Sequence[int], *, included: bool
) -> None:
    terms = Terms(tax_rates=[TaxRate(country="DE", percent=percent)])
    order = paid(("MUG", price, quantity, int(price * quantity * off)), terms=terms, included=included)
    for part in [*parts, *[1] * quantity]:
        with suppress(RefundLinesError, RefundExceedsError):
            ask(order, lines=units(order, part))
    given_back = sum(line["amount"] for one in order.refunds for line in one.lines)
    assert all(one.amount > 0 for one in order.refunds)
    if order.units_refunded(order.items[0]) == quantity:
        assert given_back == order.total_amount
    assert order.refundable_amount == order.total_amount - given_back


# --- never too much ----------------------------------------------------------------------------------------------------------


BAD: list[tuple[str, dict[str, Any], type[Refusal], str]] = [
    ("more than was taken", {"amount": 10**6}, RefundExceedsError, "amount"),
    ("more units than were sent", {"lines": [3]}, RefundLinesError, "lines"),
    ("shipping that was free", {"shipping": True}, RefundLinesError, "shipping"),
]


@pytest.mark.parametrize(("what", "wish", "refusal", "field"), BAD, ids=[bad[0] for bad in BAD])
def test_what_cannot_be_given_back_changes_nothing(what: str, wish: dict[str, Any], refusal: type[Refusal], field: str) -> None:
    order = paid(("MUG", 1000, 2, 0), terms=Terms())
    before = order.model_dump()
    if "lines" in wish:
        wish = {"lines": units(order, *wish["lines"])}
    with pytest.raises(refusal) as refused:
        ask(order, **wish)
    assert refused.value.facts["errors"][0]["field"] == field, what
    assert (order.model_dump(), order.refunds) == (before, [])


def test_nothing_is_given_back_before_it_was_taken_or_by_hand_after_a_cancellation() -> None:
    order = paid(("MUG", 1000, 2, 0), terms=Terms())
    order.captured_amount = 0
    with pytest.raises(RefundExceedsError):
        ask(order, lines=units(order, 1))
    order.captured_amount, order.order_state = 2000, "cancelled"
    with pytest.raises(RefundStateError):
        ask(order, lines=units(order, 1))


def test_shipping_is_given_back_once() -> None:
    order = paid(("MUG", 1000, 2, 0))
    assert ask(order, shipping=True).amount == order.shipping_amount
    with pytest.raises(RefundLinesError):
        ask(order, shipping=True)


# --- a second person ---------------------------------------------------------------------------------------------------------


def test_above_the_limit_another_person_agrees() -> None:
    order = paid(("MUG", 1000, 2, 0))
    refund = ask(order, limit=999, actor="finance:fay", lines=units(order, 1))
    assert (refund.state, order.refundable_amount) == (RefundState.AWAITING_APPROVAL, order.total_amount - 1000)
    with pytest.raises(SecondPersonNeededError, match="finance:fay"):
        order.approve_refund(refund.refund_id, cause("admin:fay"))
    assert refund.state == RefundState.AWAITING_APPROVAL
    fact = order.approve_refund(refund.refund_id, cause("finance:finn"))
    assert (fact.amount.amount, refund.decided_by) == (1000, "finance:finn")
    with pytest.raises(RefundStateError, match="finance:finn"):
        order.approve_refund(refund.refund_id, cause("finance:finn"))
    assert ask(order, limit=1000, lines=units(order, 1)).state == RefundState.REQUESTED


# --- what payment says -------------------------------------------------------------------------------------------------------


def test_what_is_asked_for_in_parts_counts_together() -> None:
    order = paid(("MUG", 1000, 9, 0))
    first = ask(order, limit=2500, lines=units(order, 2))
    assert first.state == RefundState.REQUESTED
    second = ask(order, limit=2500, lines=units(order, 1))
    assert second.state == RefundState.AWAITING_APPROVAL
    small = ask(order, limit=2500, amount=500)
    assert small.state == RefundState.REQUESTED, "what waits for a second person is not given on one person's word"
    order.approve_refund(second.refund_id, cause("finance:finn"))
    assert ask(order, limit=2500, amount=1).state == RefundState.AWAITING_APPROVAL
    order.note_refund_failed(first.refund_id, "expired_card", cause())
    order.decline_refund(first.refund_id, cause("finance:finn"))
    assert ask(order, limit=2500, lines=units(order, 2)).state == RefundState.REQUESTED


def test_a_refund_that_fails_is_put_before_a_person_and_asked_for_anew() -> None:
    order = paid(("MUG", 1000, 2, 0), terms=Terms())
    refund = ask(order, lines=units(order, 1))
    order.note_refund_failed(refund.refund_id, "insufficient_balance", cause("payment"))
    assert (refund.state, order.hold_reason, order.refundable_amount) == (RefundState.FAILED, "refund_failed", 1000)
    again, fact = order.retry_refund(refund.refund_id, cause("finance:fay"))
    assert fact.refund_id == again.refund_id != refund.refund_id
    assert (order.hold_reason, order.refundable_amount) == (None, 1000)
    with pytest.raises(RefundStateError):
        order.retry_refund(refund.refund_id, cause())
    with pytest.raises(RefundStateError):
        order.decline_refund(refund.refund_id, cause())
    assert settle(order, again) is not None
    assert (order.refunded_amount, order.refundable_amount, order.units_refunded(order.items[0])) == (1000, 1000, 1)


def test_of_a_refund_that_came_in_part_the_rest_is_asked_for() -> None:
    order = paid(("MUG", 1000, 2, 0), terms=Terms())
    refund = ask(order, lines=units(order, 2))
    part = order.note_refunded(refund.refund_id, order.money(600), order.money(600), cause("payment"))
    assert part is not None
    assert (part.complete, refund.state, order.refundable_amount) == (False, RefundState.REQUESTED, 0)
    order.note_refund_failed(refund.refund_id, "expired_card", cause("payment"))
    again, fact = order.retry_refund(refund.refund_id, cause("finance:fay"))
    assert (fact.amount.amount, again.kept_amount, order.refundable_amount) == (1400, 600, 0)
    assert settle(order, again) is not None
    assert (order.refunded_amount, order.status) == (2000, Status.REFUNDED)


def test_what_is_heard_twice_or_of_a_cancelled_order_is_told_once() -> None:
    order = paid(("MUG", 1000, 2, 0), terms=Terms())
    refund = ask(order, lines=units(order, 1))
    assert settle(order, refund) is not None
    history = len(order.new_history)
    assert settle(order, refund) is None
    assert order.note_refunded(None, order.money(500), order.money(1000), cause()) is None
    order.note_refund_failed(refund.refund_id, "late", cause())
    order.note_refund_failed(new_id(), "unknown", cause())
    assert (order.refunded_amount, len(order.new_history)) == (1000, history)
    told = order.note_refunded(None, order.money(1000), order.money(2000), cause())
    assert told is not None
    assert (told.refund_id, told.complete) == (None, True)


def test_money_that_came_after_the_cancellation_is_known_to_have_gone_back() -> None:
    order = placed()
    order.cancel(CancelReason.DEADLINE, cause("deadline"))
    told = order.note_refunded(None, order.total, order.total, cause("payment"))
    assert told is not None
    assert (told.complete, order.status, order.payment_state) == (True, Status.CANCELLED, "refunded")
    assert (order.captured_amount, order.refunded_amount, order.voided_at) == (3097, 3097, MORNING)
    assert order.note_refunded(None, order.total, order.total, cause("payment")) is None


def test_money_taken_after_a_refund_leaves_the_order_partly_refunded() -> None:
    order = paid(("MUG", 1000, 2, 0), terms=Terms())
    order.captured_amount = 1000
    settle(order, ask(order, lines=units(order, 1)))
    assert (order.status, order.payment_state) == (Status.REFUNDED, "refunded")
    order.note_captured(order.shipments[0].shipment_id, Money(amount=2000, currency="EUR"), cause())
    assert (order.status, order.payment_state) == (Status.DELIVERED, "partially_refunded")


# --- anything at all ---------------------------------------------------------------------------------------------------------

STEPS = (
    "lines",
    "amount",
    "shipping",
    "approve",
    "decline",
    "settle",
    "fail",
    "retry",
    "return",
    "exchange",
    "receive",
    "close",
)


@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 5), st.integers(1, 3)), max_size=40))
def test_no_sequence_gives_back_more_than_was_taken_or_a_unit_twice(steps: Sequence[tuple[str, int, int]]) -> None:
    order = paid(("MUG", 1333, 3, 100), ("PEN", 199, 5, 0))
    asked: dict[UUID, int] = {}
    paid_back = 0
    for step, which, quantity in steps:
        with suppress(Refusal):
            for fact in _step(order, step, which, quantity):
                if isinstance(fact, RefundRequested):
                    assert fact.refund_id not in asked, "each refund is asked for once"
                    asked[fact.refund_id] = fact.amount.amount
                if isinstance(fact, OrderRefunded):
                    paid_back += fact.amount.amount
        assert paid_back == order.refunded_amount <= order.captured_amount
        assert order.refundable_amount >= 0
        for item in order.items:
            refunded, received = order.units_refunded(item), sum(one.claimed(item.item_id) for one in order.returns)
            assert refunded + order.units_awaited(item) <= item.quantity
            assert received <= item.quantity
            _worth_is_exact(order, item)


def _worth_is_exact(order: Order, item: OrderItem) -> None:
    lines = [line for one in order.refunds if one.counts for line in one.lines if line["item_id"] == str(item.item_id)]
    given_back, quantity = sum(line["amount"] for line in lines), sum(line["quantity"] for line in lines)
    if quantity == item.quantity:
        assert given_back == item.total_amount
    assert 0 <= given_back <= item.total_amount


def _step(order: Order, step: str, which: int, quantity: int) -> Sequence[object]:
    if step in {"lines", "amount", "shipping"}:
        lines = {order.items[which % 2].item_id: quantity} if step == "lines" else {}
        amount = quantity * 400 if step == "amount" else 0
        wish = RefundWish(RefundReason.OTHER, lines, amount, step == "shipping")
        return [order.ask_refund(wish, 1000, cause("support:sue"))[1]]
    if step in {"return", "exchange"}:
        wishes = [ReturnWish(order.items[which % 2].item_id, quantity, ReturnReason.DOES_NOT_FIT)]
        instead = ExchangeWish([("LAMP", 1)], quantity * 300, payment={"method": "card"}) if step == "exchange" else None
        return order.request_return(wishes, "", EASY, {}, cause(), instead)[1]
    if step in {"receive", "close"}:
        return _with_return(order, order.returns[which % len(order.returns)], step, quantity) if order.returns else []
    return [_with_refund(order, order.refunds[which % len(order.refunds)], step)] if order.refunds else []


def _with_return(order: Order, back: OrderReturn, step: str, quantity: int) -> Sequence[object]:
    if step == "close":
        return order.close_return(back.return_id, cause())
    receipt = Receipt(new_id(), "berlin", [Inspected(UUID(back.lines[0]["item_id"]), quantity, Disposition.RESTOCK)])
    facts = order.receive_return(back.return_id, receipt, cause())
    assert order.receive_return(back.return_id, receipt, cause()) == [], "the same receipt is taken in once"
    return facts


def _with_refund(order: Order, refund: Refund, step: str) -> object:
    someone = cause("finance:finn")
    steps: dict[str, Callable[[], object]] = {
        "approve": lambda: order.approve_refund(refund.refund_id, someone),
        "decline": lambda: order.decline_refund(refund.refund_id, someone),
        "fail": lambda: order.note_refund_failed(refund.refund_id, "no", someone),
        "retry": lambda: order.retry_refund(refund.refund_id, someone)[1],
        "settle": lambda: settle(order, refund) if refund.state == RefundState.REQUESTED else None,
    }
    return steps[step]()
