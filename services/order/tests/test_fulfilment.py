"""Parcels by the model alone: the plan and its changes, labels, tracking; nothing lost and nothing done twice."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from chassis.domain import Refusal, new_id
from chassis.testing import MORNING, cause
from contracts.inventory import Shortage
from contracts.order import (
    CancelReason,
    LabelBought,
    LabelVoided,
    OrderConfirmed,
    OrderDelivered,
    OrderShipped,
    RefundReason,
    ShipmentDelivered,
    ShipmentDispatched,
    ShipmentTracked,
    TrackingStatus,
)
from contracts.types import Allocation, Line, Money
from order.model import (
    LabelState,
    LabelTerms,
    Order,
    RefundWish,
    Shipment,
    ShipmentLinesError,
    ShipmentState,
    ShipmentStateError,
    Sighting,
    Status,
)
from services.order.tests.test_model import BERLIN, EVERYTHING, confirmed, placed
from services.order.tests.test_pricing import GERMAN

DEADLINE = timedelta(minutes=5)


def partly_in_stock() -> Order:
    """One mug and all pens are there; the other mug is awaited."""
    order = placed()
    there = Allocation(warehouse_id="berlin", lines=[Line(product_id="MUG", quantity=1), Line(product_id="PEN", quantity=3)])
    order.allocate([there], cause(), [Line(product_id="MUG", quantity=1)])
    order.authorize(cause())
    return order


def adds_up(order: Order) -> None:
    """Nothing is in two parcels or in none, and all money due adds up to the total."""
    for item in order.items:
        key = str(item.item_id)
        lines = [line for one in order.shipments for line in one.lines if line["item_id"] == key]
        waiting = [line["quantity"] for line in order.backordered or () if line["item_id"] == key]
        assert sum(line["quantity"] for line in lines) + sum(waiting) == item.quantity
    worth = sum(one.amount for one in order.shipments)
    if not order.backordered and order.order_state == "confirmed":
        assert worth == order.total_amount
    assert worth <= order.total_amount
    assert all(one.amount >= 0 for one in order.shipments)


def terms(number: str = "TRK1") -> LabelTerms:
    return LabelTerms("shp_1", "Postline", "Economy", number, Money(amount=412, currency="EUR"), b"%PDF", None)


def seen(status: TrackingStatus, hours: float = 1, **more: object) -> Sighting:
    return Sighting(status, MORNING + timedelta(hours=hours), **more)  # type: ignore[arg-type]


# --- the plan ----------------------------------------------------------------------------------------------------------------


def test_shipping_leaves_with_the_first_parcel_and_all_parcels_are_worth_the_total() -> None:
    order = placed(terms=GERMAN)
    order.allocate(EVERYTHING, cause())
    order.authorize(cause())
    adds_up(order)
    first, second = order.shipments
    (fact,) = order.dispatch(second.shipment_id, cause())
    assert isinstance(fact, ShipmentDispatched)
    assert fact.amount.amount == 597 + 490, "the second parcel left first and carries shipping"
    adds_up(order)
    rest = order.dispatch(first.shipment_id, cause())
    assert isinstance(rest[0], ShipmentDispatched)
    assert rest[0].amount.amount + fact.amount.amount == order.total_amount


def test_a_parcel_is_kept_back_and_let_go() -> None:
    order = confirmed()
    shipment = order.shipments[0]
    order.hold_shipment(shipment.shipment_id, "address looks odd", cause())
    with pytest.raises(Refusal, match="address looks odd"):
        order.dispatch(shipment.shipment_id, cause())
    with pytest.raises(Refusal):
        order.dispatch_rest(cause())
    order.release_shipment(shipment.shipment_id, cause())
    with pytest.raises(ShipmentStateError):
        order.release_shipment(shipment.shipment_id, cause())
    assert isinstance(order.dispatch_rest(cause())[-1], OrderShipped)


def test_units_leave_apart_and_together_again() -> None:
    order = confirmed()
    mugs = order.shipments[0]
    item_id = UUID(mugs.lines[0]["item_id"])
    plan = order.split_shipment(mugs.shipment_id, {item_id: 1}, cause())
    assert sorted(one.lines[0].quantity for one in plan.shipments) == [1, 1, 3]
    adds_up(order)
    apart = next(one for one in order.shipments if one is not mugs and one.warehouse_id == mugs.warehouse_id)
    assert mugs.amount == apart.amount == 1250
    order.merge_shipments(mugs.shipment_id, [apart.shipment_id], cause())
    assert (apart.state, apart.lines, mugs.units) == (ShipmentState.CANCELLED, [], 2)
    adds_up(order)


def test_what_is_kept_back_does_not_leave_in_another_parcel() -> None:
    order = confirmed()
    mugs = order.shipments[0]
    item_id = UUID(mugs.lines[0]["item_id"])
    order.split_shipment(mugs.shipment_id, {item_id: 1}, cause())
    apart = next(one for one in order.shipments if one is not mugs and one.warehouse_id == mugs.warehouse_id)
    order.hold_shipment(apart.shipment_id, "one is chipped", cause())
    for do in (
        lambda: order.merge_shipments(mugs.shipment_id, [apart.shipment_id], cause()),
        lambda: order.merge_shipments(apart.shipment_id, [mugs.shipment_id], cause()),
        lambda: order.split_shipment(apart.shipment_id, {item_id: 1}, cause()),
        lambda: order.move_shipment(apart.shipment_id, "lyon", timedelta(minutes=5), cause()),
        lambda: order.want_label(apart.shipment_id, None, None, cause()),
    ):
        with pytest.raises(ShipmentStateError, match="release it first"):
            do()
    assert (apart.state, apart.units, mugs.units) == (ShipmentState.HELD, 1, 1)


@pytest.mark.parametrize("quantity", [0, 2, 3, 99])
def test_a_split_leaves_something_on_both_sides(quantity: int) -> None:
    order = confirmed()
    mugs = order.shipments[0]
    before = order.model_dump()
    with pytest.raises(ShipmentLinesError):
        order.split_shipment(mugs.shipment_id, {UUID(mugs.lines[0]["item_id"]): quantity}, cause())
    with pytest.raises(ShipmentLinesError):
        order.split_shipment(order.shipments[1].shipment_id, {UUID(mugs.lines[0]["item_id"]): 1}, cause())
    assert order.model_dump() == before
    adds_up(order)


def test_parcels_of_two_warehouses_do_not_become_one() -> None:
    order = confirmed()
    first, second = order.shipments
    with pytest.raises(ShipmentStateError, match="one warehouse"):
        order.merge_shipments(first.shipment_id, [second.shipment_id], cause())


def test_a_parcel_leaves_from_another_warehouse_once_that_has_it() -> None:
    order = confirmed()
    shipment = order.shipments[0]
    asked = order.move_shipment(shipment.shipment_id, "lyon", DEADLINE, cause())
    assert (asked.from_warehouse_id, asked.to_warehouse_id) == ("berlin", "lyon")
    with pytest.raises(Refusal):
        order.dispatch(shipment.shipment_id, cause())
    plan = order.note_moved(asked.move_id, "lyon", cause())
    assert plan is not None
    assert {one.warehouse_id for one in plan.shipments} == {"lyon"}
    assert order.note_moved(asked.move_id, "lyon", cause()) is None, "heard again"
    order.merge_shipments(shipment.shipment_id, [order.shipments[1].shipment_id], cause())
    adds_up(order)


def test_a_refused_move_leaves_the_parcel_where_it_was() -> None:
    order = confirmed()
    shipment = order.shipments[0]
    asked = order.move_shipment(shipment.shipment_id, "lyon", DEADLINE, cause())
    order.note_move_unanswered(shipment.shipment_id, cause("deadline"))
    assert order.hold_reason == "move_unanswered"
    order.note_move_refused(asked.move_id, [Shortage(product_id="MUG", requested=2, available=0)], cause())
    assert (shipment.state, shipment.warehouse_id) == ("planned", "berlin")
    assert order.model_dump()["hold_reason"] is None


def test_awaited_stock_gets_a_parcel_of_its_own() -> None:
    order = partly_in_stock()
    adds_up(order)
    order.dispatch(order.shipments[0].shipment_id, cause())
    assert order.status == Status.PROCESSING
    plan = order.note_stock_came([Allocation(warehouse_id="lyon", lines=[Line(product_id="MUG", quantity=1)])], cause())
    assert plan is not None
    assert (plan.backordered, [one.warehouse_id for one in plan.shipments]) == ([], ["lyon"])
    adds_up(order)
    late = next(one for one in order.shipments if one.is_open)
    assert isinstance(order.dispatch(late.shipment_id, cause())[-1], OrderShipped)
    assert sum(one.amount for one in order.shipments) == order.total_amount


def test_an_order_may_wait_for_all_of_it() -> None:
    order = placed()
    order.allocate([], cause(), [Line(product_id="MUG", quantity=2), Line(product_id="PEN", quantity=3)])
    fact = order.authorize(cause())
    assert isinstance(fact, OrderConfirmed)
    assert (fact.shipments, sum(line.quantity for line in fact.backordered)) == ([], 5)
    with pytest.raises(Refusal):
        order.dispatch_rest(cause())
    order.note_stock_came([BERLIN], cause())
    adds_up(order)


# --- labels ------------------------------------------------------------------------------------------------------------------


def test_a_label_is_bought_and_names_the_parcel() -> None:
    order = confirmed()
    shipment = order.shipments[0]
    label = order.want_label(shipment.shipment_id, None, None, cause())
    with pytest.raises(ShipmentStateError, match="has a label"):
        order.want_label(shipment.shipment_id, None, None, cause())
    assert isinstance(order.note_label_bought(label.label_id, terms(), cause()), LabelBought)
    assert (shipment.carrier, shipment.tracking_number, shipment.tracking_status) == ("Postline", "TRK1", "pre_transit")
    assert order.note_label_bought(label.label_id, terms(), cause()) is None, "heard again"
    assert label.state == LabelState.BOUGHT
    (sent, *_) = order.dispatch(shipment.shipment_id, cause())
    assert isinstance(sent, ShipmentDispatched)
    assert (sent.carrier, sent.tracking_number) == ("Postline", "TRK1")


def test_a_parcel_whose_label_failed_can_have_another() -> None:
    order = confirmed()
    shipment = order.shipments[0]
    label = order.want_label(shipment.shipment_id, None, None, cause())
    order.note_label_failed(label.label_id, "no_rate", "Hauptstraße is unknown", cause())
    assert (label.state, shipment.label_id) == (LabelState.FAILED, None)
    assert all("Hauptstraße" not in entry.notes for entry in order.new_history)
    assert order.want_label(shipment.shipment_id, None, None, cause()).label_id != label.label_id


def bought(order: Order, shipment: Shipment) -> UUID:
    label = order.want_label(shipment.shipment_id, None, None, cause())
    order.note_label_bought(label.label_id, terms(), cause())
    return label.label_id


@pytest.mark.parametrize(
    "drop",
    [
        lambda order, shipment: order.void_label(shipment.shipment_id, cause()),
        lambda order, _: order.cancel(CancelReason.CUSTOMER, cause()),
        lambda order, shipment: order.reduce(UUID(shipment.lines[0]["item_id"]), 0, cause()),
    ],
)
def test_a_label_that_is_not_needed_is_given_back(drop: Callable[[Order, Shipment], object]) -> None:
    order = confirmed()
    shipment = order.shipments[0]
    label = order.labels[bought(order, shipment)]
    drop(order, shipment)
    assert (label.state, label.due_at, shipment.tracking_number) == (LabelState.UNWANTED, MORNING, None)
    assert isinstance(order.note_label_voided(label.label_id, cause()), LabelVoided)
    assert order.note_label_voided(label.label_id, cause()) is None, "heard again"


def test_a_purchase_under_way_is_waited_for_before_it_is_given_back() -> None:
    order = confirmed()
    shipment = order.shipments[0]
    label = order.want_label(shipment.shipment_id, None, None, cause())
    label.attempts, label.due_at = 1, MORNING + timedelta(seconds=120)  # as its claim leaves it
    order.void_label(shipment.shipment_id, cause())
    assert label.due_at == MORNING + timedelta(seconds=120)
    assert order.note_label_bought(label.label_id, terms(), cause()) is None
    assert (label.state, label.due_at, label.reference) == (LabelState.UNWANTED, MORNING, "shp_1")


def test_a_label_that_comes_after_it_was_taken_for_never_sold_is_given_back() -> None:
    order = confirmed()
    label = order.want_label(order.shipments[0].shipment_id, None, None, cause())
    order.void_label(order.shipments[0].shipment_id, cause())
    order.note_label_voided(label.label_id, cause())
    order.note_label_bought(label.label_id, terms(), cause())
    assert (label.state, label.due_at) == (LabelState.UNWANTED, MORNING)


def test_another_address_means_another_label() -> None:
    order = confirmed()
    shipment = order.shipments[0]
    old = bought(order, shipment)
    order.readdress(order.shipping_address | {"line1": "Street 2"}, None, None, cause())
    assert order.labels[old].state == LabelState.UNWANTED
    assert shipment.label_id not in {None, old}
    assert order.labels[shipment.label_id].state == LabelState.WANTED


# --- on the road -------------------------------------------------------------------------------------------------------------


def on_the_road() -> tuple[Order, Shipment]:
    order = confirmed()
    shipment = order.shipments[0]
    bought(order, shipment)
    order.dispatch(shipment.shipment_id, cause())
    return order, shipment


def test_a_late_sighting_never_undoes_a_newer_one() -> None:
    order, shipment = on_the_road()
    facts = order.track(
        shipment.shipment_id, [seen(TrackingStatus.DELIVERED, 30), seen(TrackingStatus.OUT_FOR_DELIVERY, 28)], cause()
    )
    assert [type(fact) for fact in facts] == [ShipmentTracked, ShipmentTracked, ShipmentDelivered]
    assert order.track(shipment.shipment_id, [seen(TrackingStatus.IN_TRANSIT, 10)], cause()) == []
    assert order.track(shipment.shipment_id, [seen(TrackingStatus.IN_TRANSIT, 99)], cause()) == []
    assert (shipment.state, shipment.tracking_status) == ("delivered", "delivered")


def test_a_sighting_told_again_is_told_once() -> None:
    order, shipment = on_the_road()
    once = order.track(shipment.shipment_id, [seen(TrackingStatus.IN_TRANSIT)] * 3, cause())
    assert [fact.status for fact in once if isinstance(fact, ShipmentTracked)] == ["in_transit"]
    assert order.track(shipment.shipment_id, [seen(TrackingStatus.IN_TRANSIT)], cause()) == []


def test_a_scan_is_a_dispatch() -> None:
    order = confirmed()
    shipment = order.shipments[0]
    bought(order, shipment)
    facts = order.track(shipment.shipment_id, [seen(TrackingStatus.IN_TRANSIT)], cause("carrier"))
    assert [type(fact) for fact in facts] == [ShipmentDispatched, ShipmentTracked]
    assert shipment.state == ShipmentState.DISPATCHED


@pytest.mark.parametrize("told", [TrackingStatus.EXCEPTION, TrackingStatus.EXPIRED])
def test_the_trouble_of_a_label_whose_parcel_is_here_sends_nothing(told: TrackingStatus) -> None:
    order = confirmed()
    shipment = order.shipments[0]
    bought(order, shipment)
    assert order.track(shipment.shipment_id, [seen(told, tracking_number="TRK1")], cause("carrier")) == []
    assert (shipment.state, order.shipped_units, order.hold_reason) == ("planned", 0, f"delivery_{told}")
    order.void_label(shipment.shipment_id, cause())
    assert order.hold_reason is None, "another label, another way"


def given_back() -> tuple[Order, Shipment]:
    """Give a parcel another label than it had at first."""
    order = confirmed()
    shipment = order.shipments[0]
    bought(order, shipment)
    order.void_label(shipment.shipment_id, cause())
    again = order.want_label(shipment.shipment_id, None, None, cause())
    order.note_label_bought(again.label_id, terms("TRK2"), cause())
    return order, shipment


@pytest.mark.parametrize("told", [TrackingStatus.EXCEPTION, TrackingStatus.EXPIRED])
def test_what_becomes_of_a_label_that_was_given_back_is_no_news_of_the_parcel(told: TrackingStatus) -> None:
    order, shipment = given_back()
    assert order.track(shipment.shipment_id, [seen(told, tracking_number="TRK1")], cause("carrier")) == []
    assert (shipment.state, shipment.tracking_status, order.hold_reason) == ("planned", "pre_transit", None)


def test_a_carrier_that_has_a_parcel_by_a_label_that_was_given_back_is_put_before_a_person_once() -> None:
    order, shipment = given_back()
    old = next(one for one in order.labels.values() if one.tracking_number == "TRK1")
    on_its_way = [seen(TrackingStatus.IN_TRANSIT, tracking_number="TRK1")]
    assert order.track(shipment.shipment_id, on_its_way, cause("carrier")) == []
    assert (shipment.state, order.hold_reason, old.error) == ("planned", "carrier_has_it", "carrier_has_it")
    order.note_label_open(old.label_id, "SHIPMENT.REFUND.UNAVAILABLE", timedelta(hours=6), cause())
    order.resolve_hold("The parcel comes back.", cause("support:sue"))
    on_its_way.append(seen(TrackingStatus.OUT_FOR_DELIVERY, 20, tracking_number="TRK1"))
    assert order.track(shipment.shipment_id, on_its_way, cause("carrier")) == []
    assert (shipment.state, order.hold_reason) == ("planned", None)


def test_a_carrier_that_has_what_was_cancelled_is_put_before_a_person() -> None:
    order = confirmed()
    shipment = order.shipments[0]
    bought(order, shipment)
    order.cancel(CancelReason.CUSTOMER, cause())
    facts = order.track(shipment.shipment_id, [seen(TrackingStatus.IN_TRANSIT, tracking_number="TRK1")], cause("carrier"))
    assert (facts, order.status, order.hold_reason) == ([], Status.CANCELLED, "carrier_has_it")


def test_a_carrier_that_has_what_is_kept_back_is_put_before_a_person() -> None:
    order = confirmed()
    shipment = order.shipments[0]
    bought(order, shipment)
    order.hold_shipment(shipment.shipment_id, "address looks odd", cause())
    facts = order.track(shipment.shipment_id, [seen(TrackingStatus.ATTEMPT_FAILED)], cause("carrier"))
    assert [type(fact) for fact in facts] == [ShipmentTracked]
    assert (shipment.state, order.hold_reason) == ("held", "carrier_has_it")


# --- trouble on the road -----------------------------------------------------------------------------------------------------


def test_trouble_on_the_way_is_shown_until_it_is_over() -> None:
    order, shipment = on_the_road()
    order.track(shipment.shipment_id, [seen(TrackingStatus.ATTEMPT_FAILED, 5)], cause())
    assert order.hold_reason == "delivery_attempt_failed"
    order.track(shipment.shipment_id, [seen(TrackingStatus.OUT_FOR_DELIVERY, 20)], cause())
    assert order.hold_reason is None


def test_a_parcel_that_goes_on_hides_no_trouble_of_another() -> None:
    order, shipment = on_the_road()
    other = next(one for one in order.shipments if one is not shipment)
    order.dispatch(other.shipment_id, cause())
    order.track(shipment.shipment_id, [seen(TrackingStatus.RETURNED, 5)], cause())
    order.track(other.shipment_id, [seen(TrackingStatus.IN_TRANSIT, 6)], cause())
    assert order.hold_reason == "delivery_returned"
    order.track(other.shipment_id, [seen(TrackingStatus.EXCEPTION, 7)], cause())
    assert order.hold_reason == "delivery_exception", "the newest word"
    order.deliver(other.shipment_id, cause())
    assert order.hold_reason == "delivery_returned"
    order.resolve_hold("Sent once more.", cause("support:sue"))
    assert order.hold_reason is None


MONEY: list[tuple[str, Callable[[Order], object]]] = [
    ("disputed", lambda order: order.note_dispute(order.total, "fraudulent", cause())),
    ("payment_overpaid", lambda order: order.note_incident("overpaid", order.total, cause())),
    ("payment_authorization_expired", lambda order: order.lose_hold("card_declined", order.total, cause())),
]


@pytest.mark.parametrize(("reason", "come"), MONEY)
def test_trouble_on_the_way_never_hides_that_money_is_to_be_looked_at(reason: str, come: Callable[[Order], object]) -> None:
    order, shipment = on_the_road()
    order.track(shipment.shipment_id, [seen(TrackingStatus.ATTEMPT_FAILED, 5)], cause())
    come(order)
    assert order.hold_reason == reason
    order.track(shipment.shipment_id, [seen(TrackingStatus.OUT_FOR_DELIVERY, 20)], cause())
    order.track(shipment.shipment_id, [seen(TrackingStatus.EXCEPTION, 21)], cause())
    assert order.hold_reason == reason
    order.resolve_hold("The money is there.", cause("finance:fay"))
    assert order.hold_reason == "delivery_exception", "it was there all the time"


def test_a_dispute_that_ends_leaves_the_trouble_on_the_way() -> None:
    order, shipment = on_the_road()
    order.track(shipment.shipment_id, [seen(TrackingStatus.EXCEPTION, 5)], cause())
    order.note_dispute(order.total, "product_not_received", cause())
    order.note_dispute_closed(cause(), won=True)
    assert order.hold_reason == "delivery_exception"


def test_a_refund_that_is_tried_again_leaves_the_trouble_on_the_way() -> None:
    order, shipment = on_the_road()
    order.note_captured(shipment.shipment_id, order.money(shipment.amount), cause())
    refund, _ = order.ask_refund(RefundWish(RefundReason.DAMAGED, amount=100), 1000, cause("finance:fay"))
    order.note_refund_failed(refund.refund_id, "card_closed", cause())
    order.track(shipment.shipment_id, [seen(TrackingStatus.EXCEPTION, 5)], cause())
    with pytest.raises(Refusal, match="retried"):
        order.resolve_hold("Sent by hand.", cause("finance:fay"))
    assert order.hold_reason == "refund_failed"
    order.retry_refund(refund.refund_id, cause("finance:fay"))
    assert order.hold_reason == "delivery_exception"


@pytest.mark.parametrize(
    ("told", "later", "asked"),
    [
        (TrackingStatus.IN_TRANSIT, timedelta(days=40), True),
        (TrackingStatus.RETURNED, timedelta(hours=1), False),
        (TrackingStatus.EXPIRED, timedelta(days=1), True),
        (TrackingStatus.EXPIRED, timedelta(days=40), False),
        (TrackingStatus.EXCEPTION, timedelta(days=40), False),
    ],
)
def test_a_parcel_whose_way_is_over_is_not_asked_about_for_ever(
    told: TrackingStatus,
    later: timedelta,
    asked: bool,  # noqa: FBT001
) -> None:
    order, shipment = on_the_road()
    order.track(shipment.shipment_id, [seen(told)], cause(at=MORNING + later))
    assert (shipment.look_at is not None) == asked


def test_a_parcel_that_turns_up_is_asked_about_again() -> None:
    order, shipment = on_the_road()
    order.track(shipment.shipment_id, [seen(TrackingStatus.EXPIRED)], cause(at=MORNING + timedelta(days=40)))
    turns_up = MORNING + timedelta(days=41)
    order.track(shipment.shipment_id, [seen(TrackingStatus.IN_TRANSIT, 41 * 24)], cause(at=turns_up))
    assert shipment.look_at == turns_up + timedelta(hours=6)


def test_the_last_parcel_that_arrives_ends_the_order() -> None:
    order, shipment = on_the_road()
    order.dispatch(order.shipments[1].shipment_id, cause())
    order.track(shipment.shipment_id, [seen(TrackingStatus.DELIVERED)], cause())
    other = next(one for one in order.shipments if one is not shipment)
    facts = order.deliver(other.shipment_id, cause())
    assert isinstance(facts[-1], OrderDelivered)
    assert order.status == Status.DELIVERED


def test_another_orders_parcel_is_not_found() -> None:
    order = confirmed()
    for act in (
        lambda: order.dispatch(uuid4(), cause()),
        lambda: order.hold_shipment(uuid4(), "why", cause()),
        lambda: order.track(new_id(), [seen(TrackingStatus.DELIVERED)], cause()),
    ):
        with pytest.raises(Refusal) as refused:
            act()
        assert refused.value.status == 404
