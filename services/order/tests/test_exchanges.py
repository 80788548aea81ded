"""Exchanges by the model alone: what is credited for what comes back, and what becomes of the order that it is to pay."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.testing import cause
from contracts.order import (
    CancelReason,
    Disposition,
    RefundReason,
    RefundRequested,
    ReturnClosed,
    ReturnReason,
    ReturnReceived,
    ReturnRefusal,
)
from contracts.types import Allocation, Line
from order.model import (
    ExchangePaymentError,
    ExchangePriceError,
    ExchangeStage,
    ExchangeWish,
    ExchangeWorthlessError,
    Inspected,
    InvalidTransitionError,
    Order,
    OrderReturn,
    Receipt,
    RefundExceedsError,
    RefundLinesError,
    RefundState,
    ReturnPolicy,
    ReturnWish,
    ShipmentStateError,
    Step,
    Terms,
    quote,
)
from order.model.cart import PricedLine, Product
from services.order.tests.test_model import ADDRESS
from services.order.tests.test_pricing import GERMAN
from services.order.tests.test_refunds import ask, paid, units
from services.order.tests.test_returns import came, kinds, wish

EASY = ReturnPolicy(auto_approve=True)
CARD = {"method": "card", "token": "tok_ok", "gift_card": None, "credit": None}
MUG_AND_PENS = (("MUG", 1250, 2, 0), ("PEN", 199, 3, 0))


def delivered(lines: Any = MUG_AND_PENS, terms: Terms | None = None) -> Order:
    return paid(*lines, terms=terms or Terms())


def wanted(total: int, *, paid_by: dict[str, Any] | None = CARD) -> ExchangeWish:
    return ExchangeWish([("LAMP", 1)], total, payment=paid_by)


def exchanged(
    order: Order,
    total: int,
    *wishes: ReturnWish,
    policy: ReturnPolicy = EASY,
    paid_by: dict[str, Any] | None = CARD,
) -> tuple[OrderReturn, list[Any]]:
    asked = wishes or (wish(order, 2),)
    back, facts = order.request_return(asked, "", policy, {}, cause("customer:ada"), wanted(total, paid_by=paid_by))
    return back, list(facts)


def placed(order: Order, back: OrderReturn, total: int) -> Order:
    """Place the order of an exchange, and confirm it."""
    lamp = Product(sku="LAMP", name="Lamp", price=total, currency="EUR", active=True, sequence=1, weight_grams=0)
    other, fact = Order.place(
        user_id=order.user_id,
        quote=quote([PricedLine(lamp, 1)], Terms(), order.shipping_address, None, included=True),
        contact=order.contact,
        shipping_address=ADDRESS,
        billing_address=ADDRESS,
        payment_method="card",
        expected_total=None,
        deadline=EASY.patience,
        cause=cause("customer:ada"),
        exchange=order.exchange_of(back.return_id),
    )
    assert (fact.exchange_for, fact.order_id) == (order.order_id, UUID((back.exchange or {})["order_id"]))
    other.allocate([Allocation(warehouse_id="berlin", lines=[Line(product_id="LAMP", quantity=1)])], cause())
    other.authorize(cause())
    return other


def refunds(facts: Sequence[object]) -> list[tuple[str, int, UUID | None]]:
    asked = [fact for fact in facts if isinstance(fact, RefundRequested)]
    return [(fact.reason, fact.amount.amount, fact.exchange_order_id) for fact in asked]


def steps(order: Order) -> list[tuple[UUID, Step, str | None]]:
    return [(one.order_id, one.step, one.reason) for one in order.steps]


def key(back: OrderReturn) -> UUID:
    return UUID((back.exchange or {})["order_id"])


# --- asked for and placed ------------------------------------------------------------------------------------------------


def test_what_comes_back_pays_no_more_than_the_other_order_costs() -> None:
    for total, credit_, difference in ((2000, 2000, 0), (2500, 2500, 0), (4000, 2500, 1500)):
        order = delivered()
        back, (_, approved) = exchanged(order, total)
        assert back.exchange is not None
        assert (back.exchange["credit"], back.exchange["difference"]) == (credit_, difference)
        assert (approved.exchange_order_id, approved.refund_amount.amount) == (key(back), 2500)
        assert back.exchange["payment"] is None, "how it is paid is not kept"
        assert order.exchange == {"by": [{"order_id": str(key(back)), "return_id": str(back.return_id)}]}


def test_a_difference_must_be_paid_and_what_is_worth_nothing_is_not_exchanged() -> None:
    order = delivered()
    with pytest.raises(ExchangePaymentError) as unpaid:
        exchanged(order, 2501, paid_by=None)
    assert unpaid.value.facts["difference"]["amount"] == 1
    fee = ReturnPolicy(auto_approve=True, fees={ReturnReason.DOES_NOT_FIT: 2500})
    with pytest.raises(ExchangeWorthlessError):
        exchanged(order, 100, policy=fee)
    assert (order.returns, order.exchange) == ([], None)
    assert exchanged(order, 2500, paid_by=None)[0].exchange_stage == ExchangeStage.PLACED


def test_support_agrees_at_no_higher_price_or_to_the_return_alone() -> None:
    order = delivered()
    back, facts = exchanged(order, 3000, policy=ReturnPolicy())
    assert (len(facts), back.exchange_stage, order.exchange) == (1, ExchangeStage.WANTED, None)
    with pytest.raises(ExchangePriceError) as dearer:
        order.approve_return(back.return_id, EASY, cause("support:sue"), "", 3001)
    assert (dearer.value.facts["difference"]["amount"], back.state, back.refund_amount) == (501, "requested", 2500)
    fact = order.approve_return(back.return_id, EASY, cause("support:sue"), "", 2900)
    assert (fact.exchange_order_id, back.exchange_stage) == (key(back), ExchangeStage.PLACED)
    other = delivered()
    back, _ = exchanged(other, 3000, policy=ReturnPolicy())
    assert other.approve_return(back.return_id, EASY, cause("support:sue")).exchange_order_id is None
    assert (back.exchange_stage, (back.exchange or {})["payment"]) == (ExchangeStage.ENDED, None)


# --- what came -----------------------------------------------------------------------------------------------------------


def test_the_other_order_waits_until_what_came_back_pays_it() -> None:
    order = delivered()
    back, _ = exchanged(order, 2000)
    other = placed(order, back, 2000)
    (parcel,) = other.shipments
    assert (parcel.state, parcel.hold_reason, other.status) == ("held", "awaits_return", "Processing")
    for refused in (other.dispatch, other.release_shipment):
        with pytest.raises((ShipmentStateError, InvalidTransitionError)):
            refused(parcel.shipment_id, cause("warehouse:wim"))
    half = order.receive_return(back.return_id, came(order, 1), cause("warehouse:wim"))
    assert kinds(half) == [ReturnReceived], "no money goes back for a part"
    facts = order.receive_return(back.return_id, came(order, 1), cause("warehouse:wim"))
    assert kinds(facts) == [ReturnReceived, RefundRequested, RefundRequested, ReturnClosed]
    assert refunds(facts) == [(RefundReason.EXCHANGE, 2000, other.order_id), (RefundReason.RETURN, 500, None)]
    moved = order.refunds[0]
    told = order.note_refunded(moved.refund_id, order.money(2000), order.money(2000), cause())
    assert told is not None
    assert told.exchange_order_id == other.order_id
    assert order.note_refunded(moved.refund_id, order.money(2000), order.money(2000), cause()) is None
    assert steps(order) == [(other.order_id, Step.RELEASE, None)]
    other.release_exchange(cause())
    other.release_exchange(cause())
    assert [type(fact).__name__ for fact in other.dispatch(parcel.shipment_id, cause())] == [
        "ShipmentDispatched",
        "OrderShipped",
    ]


@pytest.mark.parametrize("how", ["fewer", "refused", "late", "declined", "withdrawn"])
def test_what_does_not_come_or_is_worth_too_little_cancels_the_other_order(how: str) -> None:
    order = delivered()
    back, _ = exchanged(order, 2000)
    other = placed(order, back, 2000)
    facts: list[Any] = []
    if how in {"fewer", "refused"}:
        facts += order.receive_return(back.return_id, came(order, 1), cause())
        if how == "fewer":
            facts += order.expire_return(back.return_id, cause("deadline"))
        else:
            facts += order.receive_return(back.return_id, came(order, 1, Disposition.DAMAGED, refund=False), cause())
    elif how == "late":
        facts += order.expire_return(back.return_id, cause("deadline"))
    else:
        refusal = ReturnRefusal.STAFF if how == "declined" else ReturnRefusal.CUSTOMER
        facts.append(order.decline_return(back.return_id, refusal, cause()))
    reason = {"late": CancelReason.DEADLINE, "withdrawn": CancelReason.CUSTOMER}.get(how, CancelReason.STAFF)
    assert steps(order) == [(other.order_id, Step.CANCEL, reason)]
    assert refunds(facts) == ([(RefundReason.RETURN, 1250, None)] if how in {"fewer", "refused"} else [])
    cancelled = other.cancel_exchange(reason, cause(), "the goods did not come")
    assert cancelled is not None
    assert (cancelled.reason, other.cancel_exchange(reason, cause(), "again")) == (reason, None)
    assert order.dissolve_exchange(back.return_id, cause()) == [], "it knows already"


def test_fewer_units_pay_an_order_that_costs_no_more() -> None:
    order = delivered()
    back, _ = exchanged(order, 1000)
    order.receive_return(back.return_id, came(order, 1), cause())
    facts = order.close_return(back.return_id, cause())
    assert refunds(facts) == [(RefundReason.EXCHANGE, 1000, key(back)), (RefundReason.RETURN, 250, None)]


def test_whatever_cancels_the_other_order_makes_the_return_an_ordinary_one() -> None:
    order = delivered()
    back, _ = exchanged(order, 2000)
    other = placed(order, back, 2000)
    order.receive_return(back.return_id, came(order, 1), cause())
    other.cancel(CancelReason.CUSTOMER, cause("customer:ada"))
    assert steps(other) == [(order.order_id, Step.DISSOLVE, None)]
    assert refunds(order.dissolve_exchange(back.return_id, cause())) == [(RefundReason.RETURN, 1250, None)]
    assert order.dissolve_exchange(back.return_id, cause()) == []
    facts = order.receive_return(back.return_id, came(order, 1), cause())
    assert refunds(facts) == [(RefundReason.RETURN, 1250, None)]


def test_what_ends_the_other_order_after_it_was_paid_leaves_the_rest_to_payment() -> None:
    order = delivered()
    back, _ = exchanged(order, 2000)
    other = placed(order, back, 2000)
    order.receive_return(back.return_id, came(order, 2), cause())
    other.cancel(CancelReason.CUSTOMER, cause("customer:ada"))
    assert (order.dissolve_exchange(back.return_id, cause()), back.exchange_stage) == ([], ExchangeStage.SETTLED)
    assert sum(one.amount for one in order.refunds) == 2500


def test_a_unit_that_came_for_an_exchange_is_given_for_with_the_rest_of_it_alone() -> None:
    order = delivered()
    back, _ = exchanged(order, 2000)
    order.receive_return(back.return_id, came(order, 1), cause())
    with pytest.raises(RefundLinesError, match="0 units were sent"):
        ask(order, lines=units(order, 1))
    facts = order.receive_return(back.return_id, came(order, 1), cause())
    assert refunds(facts) == [(RefundReason.EXCHANGE, 2000, key(back)), (RefundReason.RETURN, 500, None)]


def test_a_line_is_worth_no_more_than_it_cost_where_a_unit_was_given_for_before() -> None:
    order = delivered()
    by_hand = ask(order, limit=0, lines=units(order, 1))
    order.decline_refund(by_hand.refund_id, cause("finance:fay"))
    back, _ = exchanged(order, 2000)
    order.receive_return(back.return_id, came(order, 1), cause())
    by_hand.state = RefundState.REQUESTED  # an older version let it be asked for now, and knew no worth of an exchange
    del (back.exchange or {})["worth"]
    assert refunds(order.receive_return(back.return_id, came(order, 1), cause())) == [(RefundReason.RETURN, 1250, None)]
    assert sum(one.amount for one in order.refunds) == order.items[0].total_amount


def test_a_move_that_failed_is_asked_for_anew_or_the_other_order_is_cancelled() -> None:
    order = delivered()
    back, _ = exchanged(order, 2500)
    order.receive_return(back.return_id, came(order, 2), cause())
    (moved,) = order.refunds
    order.note_refund_failed(moved.refund_id, "exceeds_captured", cause())
    again, asked = order.retry_refund(moved.refund_id, cause("finance:fay"))
    assert asked.exchange_order_id == key(back)
    order.note_refund_failed(again.refund_id, "exceeds_captured", cause())
    order.decline_refund(again.refund_id, cause("finance:fay"))
    assert steps(order) == [(key(back), Step.CANCEL, CancelReason.STAFF)]


def test_the_credit_notes_of_both_refunds_come_to_the_units() -> None:
    order = delivered((("MUG", 1250, 2, 100), ("PEN", 199, 3, 7)), GERMAN)
    lines = [wish(order, 2), wish(order, 3, item=1)]
    back, _ = exchanged(order, 1001, *lines)
    receipt = Receipt(
        back.return_id,
        "berlin",
        [Inspected(item.item_id, item.quantity, Disposition.RESTOCK) for item in order.items],
    )
    order.receive_return(back.return_id, receipt, cause())
    moved, rest = order.refunds
    for number, item in enumerate(order.items):
        assert moved.lines[number]["quantity"] == item.quantity
        assert rest.lines[number]["quantity"] == 0
        for name in ("amount", "tax_amount"):
            whole = {"amount": item.total_amount, "tax_amount": item.tax_amount}[name]
            assert moved.lines[number][name] + rest.lines[number][name] == whole


def test_an_exchange_is_not_refused_for_a_cent_that_another_unit_took() -> None:
    order = paid(("MUG", 103, 3, 0), terms=GERMAN, included=False)
    back, _ = exchanged(order, 200, wish(order, 1), policy=ReturnPolicy())
    assert (back.refund_amount, (back.exchange or {})["difference"]) == (123, 77)
    assert ask(order, lines=units(order, 1)).amount == 122
    order.approve_return(back.return_id, EASY, cause("support:sue"), "", 200)
    assert ((back.exchange or {})["credit"], ask(order, lines=units(order, 1)).amount) == (123, 123)
    facts = order.receive_return(back.return_id, came(order, 1), cause())
    assert refunds(facts) == [(RefundReason.EXCHANGE, 123, key(back))]
    assert sum(one.amount for one in order.refunds) == order.items[0].total_amount == 368


# --- nothing is lost -----------------------------------------------------------------------------------------------------


@given(
    prices=st.lists(st.tuples(st.integers(1, 3000), st.integers(1, 4)), min_size=1, max_size=3),
    total=st.integers(1, 9000),
    fee=st.integers(0, 900),
    discount=st.integers(0, 1),
    terms=st.sampled_from([Terms(), GERMAN]),
    goodwill=st.integers(0, 400),
    data=st.data(),
)
def test_what_is_moved_and_what_goes_back_is_what_came_less_what_the_customer_bears(
    prices: list[tuple[int, int]], total: int, fee: int, discount: int, terms: Terms, goodwill: int, data: st.DataObject
) -> None:
    lines = [(f"P{number}", price, quantity, discount) for number, (price, quantity) in enumerate(prices)]
    order = delivered(lines, terms)
    policy = ReturnPolicy(auto_approve=True, fees={ReturnReason.DOES_NOT_FIT: fee})
    wishes = [
        ReturnWish(item.item_id, data.draw(st.integers(1, item.quantity)), ReturnReason.DOES_NOT_FIT) for item in order.items
    ]
    try:
        back, _ = exchanged(order, total, *wishes, policy=policy)
    except ExchangeWorthlessError:
        assert order.returns == []
        return
    promised = (back.exchange or {})["credit"]
    assert 0 < promised <= min(total, back.refund_amount)
    if data.draw(st.booleans()):
        order.refunded_amount = min(goodwill, order.captured_amount)  # given back in some other way meanwhile
    facts: list[Any] = []
    accepted: dict[UUID, int] = {}
    for number, one in enumerate(wishes):
        came_in = data.draw(st.integers(0, one.quantity))
        taken = data.draw(st.booleans())
        if came_in:
            units = [Inspected(one.item_id, came_in, Disposition.RESTOCK, taken)]
            facts += order.receive_return(back.return_id, Receipt(UUID(int=number + 1), "berlin", units), cause())
            accepted[one.item_id] = came_in if taken else 0
    if back.state in {"approved", "partially_received"}:
        facts += order.close_return(back.return_id, cause())
    items = {item.item_id: item for item in order.items}
    worth = sum(items[key].charge(units, included=True).total for key, units in accepted.items())
    due = max(0, min(max(0, worth - fee), order.captured_amount - order.refunded_amount))
    asked = refunds(facts)
    assert sum(amount for _, amount, _ in asked) == due
    moved = [amount for _, amount, order_id in asked if order_id is not None]
    assert moved == ([promised] if due >= promised else [])
    cancels = [one for one in order.steps if one.step is Step.CANCEL]
    assert len(cancels) == (0 if moved else 1)
    assert sum(line["amount"] for one in order.refunds for line in one.lines) == (worth if asked else 0)
    assert sum(line["quantity"] for one in order.refunds for line in one.lines) == (sum(accepted.values()) if asked else 0)


@given(
    price=st.integers(1, 3000),
    quantity=st.integers(2, 6),
    discount=st.integers(0, 1),
    included=st.booleans(),
    data=st.data(),
)
def test_an_exchange_comes_about_whatever_else_of_the_line_is_given_back_meanwhile(
    price: int, quantity: int, discount: int, data: st.DataObject, *, included: bool
) -> None:
    order = paid(("MUG", price, quantity, discount), included=included)
    item = order.items[0]
    before = data.draw(st.integers(0, quantity - 1))
    exchange_of = data.draw(st.integers(1, quantity - before))
    by_hand = []
    for number in range(quantity - exchange_of + 1):
        if number == before:
            try:
                back, _ = exchanged(order, 10**6, wish(order, exchange_of))
            except ExchangeWorthlessError:
                return
        elif data.draw(st.booleans()):
            with suppress(RefundExceedsError):  # a unit that was sold for nothing
                by_hand.append(ask(order, limit=0, lines=units(order, 1)))
    for refund in by_hand:
        if data.draw(st.booleans()):
            order.decline_refund(refund.refund_id, cause("finance:fay"))
    facts = order.receive_return(back.return_id, came(order, exchange_of), cause())
    assert refunds(facts) == [(RefundReason.EXCHANGE, (back.exchange or {})["credit"], key(back))]
    for _ in range(quantity - order.units_refunded(item)):
        with suppress(RefundExceedsError):
            ask(order, lines=units(order, 1))
    if order.units_refunded(item) == quantity:
        assert sum(one.amount for one in order.refunds if one.counts) == item.total_amount
