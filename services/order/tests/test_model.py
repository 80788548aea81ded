"""The order's rules: its status, its transitions, its money."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from itertools import pairwise
from itertools import product as pairs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.domain import Refusal, new_id
from chassis.testing import cause
from contracts.order import CancelReason, OrderConfirmed, OrderDelivered, OrderShipped
from contracts.types import Allocation, Line, Money
from order.model import (
    TRANSITIONS,
    Action,
    Order,
    OrderState,
    PriceChangedError,
    PricedLine,
    Product,
    Status,
    Terms,
    allowed_actions,
    public_status,
    quote,
)
from order.model.cart import UnknownProductError, price_lines

ADDRESS = {"name": "Ada", "line1": "Street 1", "city": "Berlin", "postal_code": "10115", "country": "DE"}
BERLIN = Allocation(warehouse_id="berlin", lines=[Line(product_id="MUG", quantity=2)])
LYON = Allocation(warehouse_id="lyon", lines=[Line(product_id="PEN", quantity=3)])
EVERYTHING = (BERLIN, LYON)
FREE = Terms()


def product_of(sku: str, price: int) -> Product:
    return Product(sku=sku, name=sku.title(), price=price, currency="EUR", active=True, sequence=1)


def placed(
    expected_total: Money | None = None,
    terms: Terms = FREE,
    prices: tuple[int, int] = (1250, 199),
    *,
    included: bool = True,
) -> Order:
    """Two mugs at 12.50 and three pens at 1.99, or at other prices: 30.97."""
    mug, pen = prices
    lines = [PricedLine(product_of("MUG", mug), 2), PricedLine(product_of("PEN", pen), 3)]
    order, _ = Order.place(
        user_id="ada",
        quote=quote(lines, terms, ADDRESS, None, included=included),
        contact={"email": "ada@example.com"},
        shipping_address=ADDRESS,
        billing_address=ADDRESS,
        payment_method="card",
        expected_total=expected_total,
        deadline=timedelta(minutes=30),
        cause=cause(),
    )
    return order


def confirmed() -> Order:
    order = placed()
    order.allocate(EVERYTHING, cause())
    order.authorize(cause())
    return order


def test_total_is_the_sum_of_the_lines() -> None:
    order = placed()
    assert order.total == Money(amount=2 * 1250 + 3 * 199, currency="EUR")
    assert sum(item.subtotal for item in order.items) == order.total_amount


def test_another_expected_total_is_refused_with_both() -> None:
    with pytest.raises(PriceChangedError) as refusal:
        placed(Money(amount=1, currency="EUR"))
    assert refusal.value.facts["total_amount"] == {"amount": 3097, "currency": "EUR"}


@pytest.mark.parametrize("stock_first", [True, False])
def test_confirmed_when_stock_and_money_are_known_in_either_order(stock_first: bool) -> None:  # noqa: FBT001
    order = placed()
    if stock_first:
        facts = [order.allocate(EVERYTHING, cause()), order.authorize(cause())]
    else:
        facts = [order.authorize(cause()), order.allocate(EVERYTHING, cause())]
    assert facts[0] is None
    assert isinstance(facts[1], OrderConfirmed)
    assert order.status == Status.PROCESSING
    assert [one.amount for one in order.shipments] == [2500, 597]
    assert order.deadline_at is None


def test_shipments_are_worth_the_total() -> None:
    order = confirmed()
    assert sum(one.amount for one in order.shipments) == order.total_amount


def test_a_fact_heard_twice_changes_nothing() -> None:
    order = confirmed()
    version = order.version
    assert order.allocate(EVERYTHING, cause()) is None
    assert order.authorize(cause()) is None
    assert order.version == version


def test_facts_that_come_after_the_cancellation_do_not_revive_it() -> None:
    order = placed()
    order.cancel(CancelReason.CUSTOMER, cause())
    assert order.allocate(EVERYTHING, cause()) is None
    assert order.authorize(cause()) is None
    assert order.status == Status.CANCELLED
    assert order.shipments == []


def test_a_cancelled_order_is_at_rest_when_stock_and_money_are_back() -> None:
    order = confirmed()
    fact = order.cancel(CancelReason.CUSTOMER, cause("customer:ada"))
    assert fact.total_amount == order.total
    assert all(one.state == "cancelled" for one in order.shipments)
    order.note_released(cause("inventory"))
    order.note_voided(cause("payment"))
    assert order.released_at is not None
    assert order.voided_at is not None
    assert order.payment_state == "voided"


def test_parcels_leave_one_by_one_and_the_order_is_shipped_with_the_last() -> None:
    order = confirmed()
    first, second = (one.shipment_id for one in order.shipments)
    facts = order.dispatch(first, cause("warehouse:bob"), "DHL", "T1")
    assert [type(fact).__name__ for fact in facts] == ["ShipmentDispatched"]
    assert order.status == Status.PROCESSING
    facts = order.dispatch(second, cause("warehouse:bob"))
    assert isinstance(facts[-1], OrderShipped)
    assert order.status == Status.SHIPPED


def test_what_has_left_is_not_cancelled() -> None:
    order = confirmed()
    order.dispatch(order.shipments[0].shipment_id, cause())
    before = order.model_dump()
    with pytest.raises(Refusal) as refusal:
        order.cancel(CancelReason.CUSTOMER, cause())
    assert refusal.value.slug == "invalid-transition"
    assert order.model_dump() == before
    assert "cancel" in order.actions, "the rest can still be"
    order.dispatch(order.shipments[1].shipment_id, cause())
    assert "cancel" not in order.actions


def test_a_parcel_leaves_once() -> None:
    order = confirmed()
    order.dispatch(order.shipments[0].shipment_id, cause())
    with pytest.raises(Refusal):
        order.dispatch(order.shipments[0].shipment_id, cause())
    assert order.shipped_units == 2


def test_delivered_when_every_parcel_arrived() -> None:
    order = confirmed()
    order.dispatch_rest(cause())
    facts = order.deliver_rest(cause())
    assert isinstance(facts[-1], OrderDelivered)
    assert order.status == Status.DELIVERED


def test_a_later_and_smaller_captured_figure_changes_nothing() -> None:
    order = confirmed()
    order.dispatch_rest(cause())
    for captured in (3097, 2500):
        order.note_captured(order.shipments[0].shipment_id, Money(amount=captured, currency="EUR"), cause())
    assert order.captured_amount == 3097
    assert order.payment_state == "captured"


def test_every_change_appends_to_the_history_with_actor_and_event() -> None:
    order = placed()
    event_id = new_id()
    order.cancel(CancelReason.CUSTOMER, cause("customer:ada", event_id=event_id), "changed my mind")
    last = order.new_history[-1]
    assert (last.status, last.actor, last.event_id, last.notes) == ("Cancelled", "customer:ada", event_id, "changed my mind")
    assert len(order.new_history) == order.version


def in_status(status: Status) -> Order:
    """Bring an order to a status."""
    order = placed()
    if status == Status.PENDING:
        return order
    if status == Status.CANCELLED:
        order.cancel(CancelReason.CUSTOMER, cause())
        return order
    order = confirmed()
    if status == Status.PROCESSING:
        return order
    order.dispatch_rest(cause())
    if status == Status.SHIPPED:
        return order
    order.deliver_rest(cause())
    if status == Status.DELIVERED:
        return order
    order.note_captured(order.shipments[0].shipment_id, order.total, cause())
    order.note_refunded(None, order.total, order.total, cause())
    return order


@pytest.mark.parametrize(("start", "end"), list(pairs(Status, Status)))
def test_every_pair_of_statuses(start: Status, end: Status) -> None:
    """A person's command succeeds exactly where the table says so, and leaves the order untouched elsewhere."""
    order = in_status(start)
    assert order.status == start
    commands: dict[Status, Callable[[], object]] = {
        Status.CANCELLED: lambda: order.cancel(CancelReason.STAFF, cause()),
        Status.SHIPPED: lambda: order.dispatch_rest(cause()),
        Status.DELIVERED: lambda: order.deliver_rest(cause()),
    }
    if end not in commands:
        assert TRANSITIONS[start].get(end) is None
        return
    allowed = TRANSITIONS[start].get(end) is not None
    before = order.model_dump()
    if allowed:
        commands[end]()
        assert order.status == end
    else:
        with pytest.raises(Refusal):
            commands[end]()
        assert order.model_dump() == before


@given(
    units=st.integers(0, 5),
    shipped=st.integers(0, 5),
    delivered=st.integers(0, 5),
    captured=st.integers(0, 3),
    refunded=st.integers(0, 3),
    state=st.sampled_from(list(OrderState)),
)
def test_the_public_status_is_total_and_ordered(
    units: int, shipped: int, delivered: int, captured: int, refunded: int, state: OrderState
) -> None:
    shipped, refunded = min(shipped, units), min(refunded, captured)
    delivered = min(delivered, shipped)
    status = public_status(state, units=units, shipped=shipped, delivered=delivered, captured=captured, refunded=refunded)
    assert (status == Status.CANCELLED) == (units == 0)
    if status == Status.DELIVERED:
        assert delivered == units
    if status == Status.PROCESSING:
        assert shipped < units
    actions = allowed_actions(status, open_units=units - shipped, shipped=shipped, delivered=delivered)
    assert set(actions) <= set(Action)
    assert (Action.RETURN in actions) == (delivered > 0 and status != Status.REFUNDED)


FACTS = ("allocate", "authorize", "cancel", "released", "voided", "dispatch", "deliver", "captured")


@given(st.lists(st.sampled_from(FACTS), max_size=20))
def test_any_sequence_of_facts_and_commands_keeps_the_rules(sequence: Sequence[str]) -> None:
    order = placed()
    statuses = [order.status]
    for step in sequence:
        with suppress(Refusal):
            _step(order, step)
        statuses.append(order.status)
    assert len(order.new_history) == order.version
    assert order.captured_amount <= order.total_amount
    assert order.delivered_units <= order.shipped_units <= max(order.units, 0)
    for before, after in pairwise(statuses):
        assert before == after or after in TRANSITIONS[Status(before)]
    if order.status == Status.CANCELLED:
        assert order.shipped_units == 0
        assert not any(one.dispatched_at for one in order.shipments)


def _pay(order: Order) -> None:
    order.note_captured(order.shipments[0].shipment_id, Money(amount=2500, currency="EUR"), cause())


def _step(order: Order, step: str) -> None:
    steps: dict[str, Callable[[], object]] = {
        "allocate": lambda: order.allocate(EVERYTHING, cause()),
        "authorize": lambda: order.authorize(cause()),
        "cancel": lambda: order.cancel(CancelReason.CUSTOMER, cause()),
        "released": lambda: order.note_released(cause()) if order.order_state == "cancelled" else None,
        "voided": lambda: order.note_voided(cause()) if order.order_state == "cancelled" else None,
        "dispatch": lambda: order.dispatch(order.shipments[0].shipment_id, cause()) if order.shipments else None,
        "deliver": lambda: order.deliver(order.shipments[0].shipment_id, cause()) if order.shipments else None,
        "captured": lambda: _pay(order) if order.shipped_units else None,
    }
    steps[step]()


def test_lines_of_one_product_become_one() -> None:
    mug = product_of("MUG", 1250)
    lines = price_lines([("MUG", 1), ("MUG", 2)], {"MUG": mug}, "EUR")
    assert [(line.product.sku, line.quantity, line.subtotal) for line in lines] == [("MUG", 3, 3750)]


def test_an_unknown_product_names_its_line() -> None:
    with pytest.raises(UnknownProductError) as refusal:
        price_lines([("MUG", 1), ("GHOST", 1)], {"MUG": product_of("MUG", 1)}, "EUR")
    assert refusal.value.facts["errors"][0]["field"] == "items.1.product_id"
