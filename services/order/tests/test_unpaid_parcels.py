"""Parcels that left and were never paid, by the model alone: what their order says, and what goes back for them."""

from collections.abc import Sequence
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.domain import new_id
from chassis.testing import cause
from contracts.order import Disposition, RefundRequested, ReturnReason
from order.model import (
    Inspected,
    Order,
    Receipt,
    RefundExceedsError,
    RefundLinesError,
    ReturnPolicy,
    ReturnWish,
    Shipment,
    TaxRate,
    Terms,
)
from services.order.tests.test_refunds import ask, settle, sold, units
from services.order.tests.test_returns import MUGS_AND_PENS, SUPPORT, approved, asked, came, wish


def parcel(order: Order, sku: str) -> Shipment:
    return next(one for one in order.shipments if one.lines[0]["product_id"] == sku)


def pay(order: Order, *parcels: Shipment) -> None:
    """Have the money of parcels taken, one by one."""
    for one in parcels:
        order.note_captured(one.shipment_id, order.money(order.captured_amount + one.amount), cause("payment"))


def lose(order: Order, one: Shipment, untaken: int | None = None) -> None:
    """Have the money of a parcel not be taken, or so much of it."""
    amount = one.amount if untaken is None else untaken
    order.note_capture_failed(one.shipment_id, order.money(amount), cause("payment"))


def half_paid() -> Order:
    """Sell two mugs and three pens in a parcel each: the money of the mugs could not be taken, then that of the pens was."""
    order = sold(*MUGS_AND_PENS, terms=Terms(), parcels=({"MUG": 2}, {"PEN": 3}))
    lose(order, parcel(order, "MUG"))
    pay(order, parcel(order, "PEN"))
    return order


def all_back(order: Order, *items: int) -> list[int]:
    """Have all units of lines come back at once; answers what is given for them."""
    back = approved(order, *(wish(order, order.items[item].quantity, item) for item in items), policy=SUPPORT)
    units_ = [Inspected(order.items[item].item_id, order.items[item].quantity, Disposition.RESTOCK) for item in items]
    return asked_for(order.receive_return(back.return_id, Receipt(new_id(), "berlin", units_), cause()))


def asked_for(facts: Sequence[object]) -> list[int]:
    return [fact.amount.amount for fact in facts if isinstance(fact, RefundRequested)]


def test_an_order_says_that_a_parcel_is_unpaid_until_it_is_paid() -> None:
    order = half_paid()
    assert (order.payment_state, order.captured_amount, order.hold_reason) == ("capture_failed", 597, "capture_failed")
    settle(order, ask(order, lines=units(order, 0, 1)))
    assert order.payment_state == "capture_failed"
    pay(order, parcel(order, "MUG"))
    assert (order.payment_state, order.captured_amount, order.hold_reason) == ("partially_refunded", order.total_amount, None)
    late = half_paid()
    late.note_captured(parcel(late, "MUG").shipment_id, late.money(500), cause("payment"))
    assert (late.payment_state, late.captured_amount) == ("partially_captured", 597), "an older figure, heard late"


def test_what_was_never_paid_is_given_nothing_for_and_what_was_paid_all_of_it() -> None:
    for lines, amounts in (([0], []), ([1], [597]), ([0, 1], [597])):
        order = half_paid()
        assert all_back(order, *lines) == amounts, lines
        assert order.hold_reason == "capture_failed", "it is no new matter"
    order = half_paid()
    assert [all_back(order, 1), all_back(order, 0), order.refundable_amount] == [[597], [], 0]


def test_the_promise_to_a_customer_who_did_not_pay_is_no_more() -> None:
    order = half_paid()
    fee = ReturnPolicy(fees={ReturnReason.DOES_NOT_FIT: 450})
    assert asked(order, wish(order, 2), policy=fee).refund_amount == 0
    assert asked(order, wish(order, 3, item=1), policy=fee).refund_amount == 147


def test_of_one_line_the_unpaid_units_come_back_first() -> None:
    order = sold(("MUG", 1000, 10, 0), terms=Terms(), parcels=({"MUG": 3}, {"MUG": 7}))
    unpaid, paid_one = sorted(order.shipments, key=lambda one: one.units)
    lose(order, unpaid)
    pay(order, paid_one)
    amounts = []
    for quantity in (2, 2):
        back = approved(order, wish(order, quantity))
        amounts.append(asked_for(order.receive_return(back.return_id, came(order, quantity), cause())))
    assert amounts == [[], [1000]]
    with pytest.raises(RefundLinesError, match="6 units were sent"):
        ask(order, lines=units(order, 7))
    assert ask(order, lines=units(order, 6)).amount == order.refundable_amount + 6000 == 6000


def test_what_was_never_paid_is_not_given_back_by_hand() -> None:
    order = sold(*MUGS_AND_PENS, parcels=({"MUG": 2}, {"PEN": 3}))
    carries_shipping = next(one for one in order.shipments if one.shipping_amount)
    (other,) = (one for one in order.shipments if one is not carries_shipping)
    lose(order, carries_shipping)
    pay(order, other)
    quantities = [2, 0] if other.lines[0]["product_id"] == "PEN" else [0, 3]
    with pytest.raises(RefundLinesError, match="never paid"):
        ask(order, lines=units(order, *quantities))
    with pytest.raises(RefundLinesError, match="never paid"):
        ask(order, shipping=True)
    assert order.refunds == []
    all_back(order, 0, 1)
    assert (order.refundable_amount, sum(one.amount for one in order.refunds)) == (0, other.amount)


def test_money_given_before_it_could_not_be_taken_is_put_before_a_person() -> None:
    order = sold(*MUGS_AND_PENS, terms=Terms(), parcels=({"MUG": 2}, {"PEN": 3}))
    pay(order, parcel(order, "PEN"))
    back = approved(order, wish(order, 1))
    assert asked_for(order.receive_return(back.return_id, came(order, 1), cause())) == [1250], "payment waits for it"
    order.note_refund_failed(order.refunds[0].refund_id, "exceeds_captured", cause("payment"))
    lose(order, parcel(order, "MUG"))
    assert all_back(order, 1) == []
    assert order.hold_reason == "refund_short"
    order.decline_refund(order.refunds[0].refund_id, cause("finance:fay"))
    assert ask(order, amount=597).amount == 597
    assert order.hold_reason is None


@given(
    wares=st.lists(st.tuples(st.integers(100, 3000), st.integers(1, 4), st.integers(0, 50)), min_size=1, max_size=3),
    included=st.booleans(),
    data=st.data(),
)
def test_when_all_is_back_so_is_the_money_that_was_paid_for_it(
    wares: list[tuple[int, int, int]], data: st.DataObject, *, included: bool
) -> None:
    parcels: list[dict[str, int]] = [{}, {}, {}]
    for at in [at for at, (_, quantity, _) in enumerate(wares) for _ in range(quantity)]:
        one = parcels[data.draw(st.integers(0, 2))]
        one[f"P{at}"] = one.get(f"P{at}", 0) + 1
    lines = [(f"P{at}", price, quantity, discount) for at, (price, quantity, discount) in enumerate(wares)]
    terms = Terms(tax_rates=[TaxRate(country="DE", percent="19")])
    order = sold(*lines, terms=terms, included=included, parcels=[one for one in parcels if one])
    for shipment in list(order.shipments):
        if data.draw(st.booleans()):
            pay(order, shipment)
        else:
            lose(order, shipment, data.draw(st.integers(1, shipment.amount)))
    paid_in_all = order.total_amount - sum(one.untaken_amount for one in order.shipments)
    for key in data.draw(st.permutations([item.item_id for item in order.items for _ in range(item.quantity)])):
        by_hand = data.draw(st.booleans())
        with suppress(RefundLinesError, RefundExceedsError):
            if by_hand and ask(order, lines={key: 1}):
                continue
        back = approved(order, ReturnWish(key, 1, ReturnReason.OTHER))
        inspected = [Inspected(key, 1, Disposition.RESTOCK)]
        order.receive_return(back.return_id, Receipt(new_id(), "berlin", inspected), cause())
        assert sum(one.amount for one in order.refunds) <= paid_in_all
    assert sum(one.amount for one in order.refunds) == paid_in_all
