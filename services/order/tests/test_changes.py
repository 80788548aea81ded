"""Changes before shipping by the model alone, and thousands of random commands against a naive count of units and money."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from chassis.domain import NotFoundError, Refusal, new_id
from chassis.testing import MORNING, cause
from contracts.order import (
    CancelReason,
    ChangeKind,
    ChangeRefusal,
    OrderCancelled,
    OrderChanged,
    OrderChangeWithdrawn,
    OrderDelivered,
    OrderShipped,
    ShipmentDispatched,
)
from contracts.types import Allocation, Line, Money
from order.model import (
    ChangePendingError,
    ChangeRefusedError,
    ChangeState,
    Order,
    PricedLine,
    Product,
    Quote,
    ShipmentState,
    Status,
    Terms,
    quote,
    shipping_with,
)
from order.model.changes import Cut
from services.order.tests.test_fulfilment import adds_up, bought, partly_in_stock
from services.order.tests.test_model import ADDRESS, EVERYTHING, confirmed, placed
from services.order.tests.test_pricing import GERMAN

QUARTER = timedelta(minutes=15)


def item_of(order: Order, sku: str) -> UUID:
    return next(item.item_id for item in order.items if item.product_id == sku)


def more(price: int = 500, quantity: int = 1, terms: Terms = GERMAN, *, included: bool = True) -> Quote:
    product = Product(sku="CUP", name="Cup", price=price, currency="EUR", active=True, sequence=1, weight_grams=100)
    return quote([PricedLine(product, quantity)], Terms(tax_rates=terms.tax_rates), ADDRESS, None, included=included)


def requested(order: Order, quantity: int = 1) -> UUID:
    fact = order.request_addition(more(quantity=quantity), (order.shipping_amount, 0), QUARTER, cause("customer:ada"))
    assert fact.difference == Money(amount=500 * quantity, currency="EUR")
    return fact.change_id


def cut(facts: Sequence[Cut]) -> OrderChanged:
    """Give what is told of a cut that does not complete the order."""
    (fact,) = facts
    assert isinstance(fact, OrderChanged)
    return fact


# --- less ------------------------------------------------------------------------------------------------------------------


def test_fewer_units_free_stock_and_money() -> None:
    order = confirmed()
    fact = cut(order.reduce(item_of(order, "PEN"), 1, cause("customer:ada")))
    assert (fact.kind, fact.previous_total.amount, fact.total_amount.amount) == (ChangeKind.REDUCTION, 3097, 3097 - 2 * 199)
    assert fact.released == [Allocation(warehouse_id="lyon", lines=[Line(product_id="PEN", quantity=2)])]
    assert [line.quantity for line in fact.items] == [2, 1]
    assert order.units == 3
    adds_up(order)


def test_a_line_can_be_taken_out_and_its_parcel_goes() -> None:
    order = confirmed()
    fact = cut(order.reduce(item_of(order, "MUG"), 0, cause()))
    assert [line.product_id for line in fact.items] == ["PEN"]
    assert [one.state for one in order.shipments] == ["cancelled", "planned"]
    assert order.status == Status.PROCESSING
    adds_up(order)


def test_what_is_awaited_is_cut_first() -> None:
    order = partly_in_stock()
    fact = cut(order.reduce(item_of(order, "MUG"), 1, cause()))
    assert (fact.released, fact.released_backorders) == ([], [Line(product_id="MUG", quantity=1)])
    assert order.backordered == []
    adds_up(order)


@pytest.mark.parametrize(("quantity", "slug"), [(3, "change-refused"), (2, "change-refused")])
def test_a_line_only_shrinks(quantity: int, slug: str) -> None:
    order = confirmed()
    before = order.model_dump()
    with pytest.raises(ChangeRefusedError) as refused:
        order.reduce(item_of(order, "MUG"), quantity, cause())
    assert (refused.value.slug, order.model_dump()) == (slug, before)


def test_the_last_unit_is_cancelled_and_not_cut() -> None:
    order = confirmed()
    order.reduce(item_of(order, "MUG"), 0, cause())
    with pytest.raises(ChangeRefusedError, match="cancel"):
        order.reduce(item_of(order, "PEN"), 0, cause())


def test_what_was_taken_for_a_parcel_stays_right_when_the_rest_is_cut() -> None:
    order = placed(None, GERMAN, (107, 33), included=False)
    order.allocate(EVERYTHING, cause())
    order.authorize(cause())
    mug = item_of(order, "MUG")
    parcel = next(one for one in order.shipments if any(line["item_id"] == str(mug) for line in one.lines))
    order.split_shipment(parcel.shipment_id, {mug: 1}, cause())
    (fact,) = order.dispatch(parcel.shipment_id, cause())
    assert isinstance(fact, ShipmentDispatched)
    order.cancel_rest(cause(), "")
    assert (order.total_amount, order.units) == (fact.amount.amount, parcel.units)


def test_what_has_left_cannot_be_cut() -> None:
    order = confirmed()
    order.dispatch(order.shipments[0].shipment_id, cause())
    with pytest.raises(ChangeRefusedError) as refused:
        order.reduce(item_of(order, "MUG"), 1, cause())
    assert refused.value.facts["least"] == 2
    with pytest.raises(NotFoundError):
        order.reduce(new_id(), 0, cause())


def test_a_label_stays_with_its_parcel_as_long_as_something_is_in_it() -> None:
    order = confirmed()
    shipment = order.shipments[0]
    label = order.labels[bought(order, shipment)]
    order.reduce(item_of(order, "MUG"), 1, cause())
    assert (label.is_live, shipment.units) == (True, 1)
    order.reduce(item_of(order, "MUG"), 0, cause())
    assert label.is_live is False


def test_the_rest_is_cancelled_and_what_left_stays() -> None:
    order = placed(terms=GERMAN)
    order.allocate(EVERYTHING, cause())
    order.authorize(cause())
    (sent, *_) = order.dispatch(order.shipments[0].shipment_id, cause())
    fact, *completed = order.cancel_rest(cause("customer:ada"), "")
    assert isinstance(fact, OrderChanged)
    assert (fact.kind, order.units, order.status) == (ChangeKind.REST_CANCELLED, 2, Status.SHIPPED)
    assert [type(one) for one in completed] == [OrderShipped]
    assert isinstance(sent, ShipmentDispatched)
    assert order.total_amount == sent.amount.amount == 2500 + 490
    with pytest.raises(ChangeRefusedError, match="has left"):
        order.cancel_rest(cause(), "")
    adds_up(order)


def test_a_cut_that_leaves_only_what_has_arrived_tells_that_all_of_it_has() -> None:
    order = confirmed()
    order.dispatch(order.shipments[0].shipment_id, cause())
    order.deliver(order.shipments[0].shipment_id, cause())
    facts = order.reduce(item_of(order, "PEN"), 0, cause())
    assert [type(fact) for fact in facts] == [OrderChanged, OrderShipped, OrderDelivered]
    assert (order.status, order.fulfilment_state) == (Status.DELIVERED, "delivered")


def test_an_order_is_paid_in_full_once_its_unpaid_rest_is_cancelled_and_not_any_more_when_more_is_added() -> None:
    order = confirmed()
    sent, _ = order.shipments
    order.dispatch(sent.shipment_id, cause())
    order.note_captured(sent.shipment_id, order.money(sent.amount), cause())
    assert order.payment_state == "partially_captured"
    order.cancel_rest(cause(), "")
    assert order.payment_state == "captured"
    change_id = requested(order)
    held = [Allocation(warehouse_id="berlin", lines=[Line(product_id="CUP", quantity=1)])]
    order.note_addition_reserved(change_id, held, [], cause())
    order.note_addition_authorized(change_id, cause())
    assert order.payment_state == "partially_captured"


# --- more ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stock_first", [True, False])
def test_more_comes_about_when_stock_and_money_are_had(stock_first: bool) -> None:  # noqa: FBT001
    order = confirmed()
    change_id = requested(order, quantity=2)
    held = [Allocation(warehouse_id="berlin", lines=[Line(product_id="CUP", quantity=2)])]
    facts: list[Any] = []
    for stock in (stock_first, not stock_first):
        if stock:
            facts.append(order.note_addition_reserved(change_id, held, [], cause()))
        else:
            facts.append(order.note_addition_authorized(change_id, cause()))
    assert facts[0] is None
    changed = facts[1]
    assert isinstance(changed, OrderChanged)
    assert (changed.total_amount.amount, changed.previous_total.amount) == (3097 + 1000, 3097)
    assert [one.lines for one in changed.added] == [held[0].lines]
    adds_up(order)
    assert order.note_addition_authorized(change_id, cause()) is None, "heard again"


@pytest.mark.parametrize("reason", list(ChangeRefusal))
def test_a_change_that_does_not_come_about_leaves_the_order_as_it_was(reason: ChangeRefusal) -> None:
    order = confirmed()
    total, items = order.total_amount, len(order.items)
    change_id = requested(order)
    with pytest.raises(ChangePendingError):
        requested(order)
    fact = order.withdraw(change_id, reason, cause())
    assert isinstance(fact, OrderChangeWithdrawn)
    assert (order.total_amount, len(order.items), order.status) == (total, items, Status.PROCESSING)
    assert order.withdraw(change_id, reason, cause()) is None, "heard again"
    assert order.note_addition_authorized(change_id, cause()) is None, "too late"
    assert order.changes[0].money_at is None, "money is still to be given back"
    order.note_stock_followed(change_id, cause())
    order.note_money_followed(change_id, cause())
    assert order.changes[0].stock_at == order.changes[0].money_at == MORNING


def test_a_cancellation_takes_a_requested_change_with_it() -> None:
    order = confirmed()
    change_id = requested(order)
    assert isinstance(order.cancel(CancelReason.CUSTOMER, cause()), OrderCancelled)
    held = [Allocation(warehouse_id="berlin", lines=[Line(product_id="CUP", quantity=1)])]
    assert order.note_addition_reserved(change_id, held, [], cause()) is None
    assert (order.changes[0].state, order.changes[0].deadline_at) == (ChangeState.WITHDRAWN, None)


def test_more_weight_may_cost_more_shipping() -> None:
    order = placed(terms=GERMAN)
    order.allocate(EVERYTHING, cause())
    order.authorize(cause())
    heavy = quote([PricedLine(_product("IRON", 900, 9_000), 1)], GERMAN, ADDRESS, "parcel", included=True)
    shipping = shipping_with(order, heavy)
    assert shipping[0] == 990
    change_id = order.request_addition(heavy, shipping, QUARTER, cause()).change_id
    order.note_addition_reserved(
        change_id, [Allocation(warehouse_id="berlin", lines=[Line(product_id="IRON", quantity=1)])], [], cause()
    )
    order.note_addition_authorized(change_id, cause())
    assert (order.shipping_amount, order.total_amount) == (990, 3097 + 990 + 900)
    adds_up(order)


def _product(sku: str, price: int, grams: int) -> Product:
    return Product(sku=sku, name=sku, price=price, currency="EUR", active=True, sequence=1, weight_grams=grams)


def test_what_comes_in_for_a_requested_change_joins_it() -> None:
    order = confirmed()
    change_id = requested(order, quantity=2)
    order.note_addition_reserved(change_id, [], [Line(product_id="CUP", quantity=2)], cause())
    came = [Allocation(warehouse_id="berlin", lines=[Line(product_id="CUP", quantity=1)])]
    assert order.note_stock_came(came, cause()) is None
    changed = order.note_addition_authorized(change_id, cause())
    assert isinstance(changed, OrderChanged)
    assert (changed.backordered, [one.lines for one in changed.added]) == (
        [Line(product_id="CUP", quantity=1)],
        [came[0].lines],
    )
    adds_up(order)


# --- elsewhere -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("part", "value"), [("country", "FR"), ("region", "BY")])
def test_an_address_stays_where_its_price_was_made_for(part: str, value: str) -> None:
    order = confirmed()
    with pytest.raises(ChangeRefusedError) as refused:
        order.readdress(order.shipping_address | {part: value}, None, None, cause())
    assert refused.value.facts["errors"][0]["field"] == f"shipping_address.{part}"


def test_an_address_is_of_no_use_once_all_has_left() -> None:
    order = confirmed()
    order.dispatch_rest(cause())
    with pytest.raises(ChangeRefusedError, match="has left"):
        order.readdress(order.shipping_address | {"line1": "Street 9"}, None, None, cause())
    fact = order.readdress(None, None, {"email": "new@example.com"}, cause())
    assert (fact.kind, fact.total_amount, order.contact) == (ChangeKind.ADDRESS, order.total, {"email": "new@example.com"})


# --- any of it, in any order -------------------------------------------------------------------------------------------------

SKUS = ("MUG", "PEN")


class OrderMachine(RuleBasedStateMachine):
    """Random commands and facts; a plain count of units and money must agree after each of them.

    `held` is what stock holds for the order by the facts told so far, `due` the money of parcels that left.
    """

    @initialize(
        mugs=st.integers(0, 2),
        pens=st.integers(0, 3),
        place=st.sampled_from(["berlin", "lyon"]),
        prices=st.sampled_from([(1250, 199), (107, 33), (1, 1)]),
        included=st.booleans(),
    )
    def confirm(self, mugs: int, pens: int, place: str, prices: tuple[int, int], *, included: bool) -> None:
        """Begin with a confirmed order of which some is in stock."""
        self.order = placed(None, GERMAN, prices, included=included)
        there = Counter({("berlin", "MUG"): mugs, (place, "PEN"): pens})
        allocations = [
            Allocation(warehouse_id=where, lines=[Line(product_id=sku, quantity=units)])
            for (where, sku), units in there.items()
            if units
        ]
        waiting = [("MUG", 2 - mugs), ("PEN", 3 - pens)]
        self.order.allocate(allocations, cause(), [Line(product_id=sku, quantity=units) for sku, units in waiting if units])
        self.order.authorize(cause())
        self.held: Counter[tuple[str, str]] = there
        self.authorised = self.order.total_amount
        self.due = 0
        self.change: UUID | None = None

    def attempt(self, act: Any) -> Any:
        """Carry out a command, or be refused and see that nothing has changed."""
        before = self.picture()
        try:
            return act()
        except Refusal:
            assert self.picture() == before
            return None

    def picture(self) -> Any:
        order = self.order
        parts = [one.model_dump() for one in (*order.items, *order.shipments, *order.labels.values(), *order.changes)]
        return order.model_dump(), parts

    def note(self, facts: Any) -> None:
        """Do with stock and money what the others do when they hear these facts."""
        for fact in facts if isinstance(facts, list) else [facts]:
            if isinstance(fact, ShipmentDispatched):
                self.due += fact.amount.amount
                for line in fact.lines:
                    self.held[fact.warehouse_id, line.product_id] -= line.quantity
            if isinstance(fact, OrderChanged):
                self.authorised += fact.total_amount.amount - fact.previous_total.amount
                for part in fact.released:
                    for line in part.lines:
                        self.held[part.warehouse_id, line.product_id] -= line.quantity
                for shipment in fact.added:
                    for line in shipment.lines:
                        self.held[shipment.warehouse_id, line.product_id] += line.quantity
            if isinstance(fact, OrderCancelled):
                self.held.clear()
                self.authorised = 0

    open_shipments = property(lambda self: [one for one in self.order.shipments if one.is_open])

    @rule(pick=st.integers(0, 9), carrier=st.booleans())
    def dispatch(self, pick: int, carrier: bool) -> None:  # noqa: FBT001
        if self.open_shipments:
            one = self.open_shipments[pick % len(self.open_shipments)]
            self.note(self.attempt(lambda: self.order.dispatch(one.shipment_id, cause(), "X" if carrier else None)))

    @rule(pick=st.integers(0, 9))
    def deliver(self, pick: int) -> None:
        if self.order.shipments:
            one = self.order.shipments[pick % len(self.order.shipments)]
            self.attempt(lambda: self.order.deliver(one.shipment_id, cause()))

    @rule(pick=st.integers(0, 9), quantity=st.integers(0, 4))
    def reduce(self, pick: int, quantity: int) -> None:
        item = self.order.items[pick % len(self.order.items)]
        self.note(self.attempt(lambda: self.order.reduce(item.item_id, quantity, cause())))

    @rule()
    def cancel_rest(self) -> None:
        if self.order.shipped_units:
            self.note(self.attempt(lambda: self.order.cancel_rest(cause(), "")))

    @precondition(lambda self: self.order.version > 20)
    @rule()
    def cancel(self) -> None:
        self.note(self.attempt(lambda: self.order.cancel(CancelReason.CUSTOMER, cause())))

    @rule(pick=st.integers(0, 9), quantity=st.integers(1, 3))
    def split(self, pick: int, quantity: int) -> None:
        if self.open_shipments:
            one = self.open_shipments[pick % len(self.open_shipments)]
            lines = {UUID(one.lines[0]["item_id"]): quantity}
            self.attempt(lambda: self.order.split_shipment(one.shipment_id, lines, cause()))

    @rule(pick=st.integers(0, 9))
    def merge(self, pick: int) -> None:
        if len(self.open_shipments) > 1:
            one, other = self.open_shipments[pick % len(self.open_shipments)], self.open_shipments[0]
            self.attempt(lambda: self.order.merge_shipments(one.shipment_id, [other.shipment_id], cause()))

    @rule(pick=st.integers(0, 9), release=st.booleans())
    def hold(self, pick: int, release: bool) -> None:  # noqa: FBT001
        if self.open_shipments:
            one = self.open_shipments[pick % len(self.open_shipments)]
            if release:
                self.attempt(lambda: self.order.release_shipment(one.shipment_id, cause()))
            else:
                self.attempt(lambda: self.order.hold_shipment(one.shipment_id, "why", cause()))

    @rule(pick=st.integers(0, 9), granted=st.booleans())
    def move(self, pick: int, granted: bool) -> None:  # noqa: FBT001
        if self.open_shipments:
            one = self.open_shipments[pick % len(self.open_shipments)]
            there = "lyon" if one.warehouse_id == "berlin" else "berlin"
            asked = self.attempt(lambda: self.order.move_shipment(one.shipment_id, there, QUARTER, cause()))
            if asked is not None and granted:
                self.order.note_moved(asked.move_id, there, cause())
                for line in asked.lines:
                    self.held[asked.from_warehouse_id, line.product_id] -= line.quantity
                    self.held[there, line.product_id] += line.quantity
            elif asked is not None:
                self.order.note_move_refused(asked.move_id, [], cause())

    @rule(sku=st.sampled_from(SKUS), quantity=st.integers(1, 3), place=st.sampled_from(["berlin", "lyon"]))
    def stock_comes(self, sku: str, quantity: int, place: str) -> None:
        """Stock gives an order no more than it waits for."""
        waiting = sum(line["quantity"] for line in self.order.backordered or () if line["product_id"] == sku)
        come = min(waiting, quantity)
        if come and self.order.order_state == "confirmed":
            self.order.note_stock_came([Allocation(warehouse_id=place, lines=[Line(product_id=sku, quantity=come)])], cause())
            self.held[place, sku] += come

    @rule(quantity=st.integers(1, 3), decided=st.sampled_from([None, True, False]))
    def ask_for_more(self, quantity: int, decided: bool | None) -> None:  # noqa: FBT001
        fact = self.attempt(
            lambda: self.order.request_addition(
                more(quantity=quantity, included=self.order.prices_include_tax),
                (self.order.shipping_amount, self.order.shipping_tax_amount),
                QUARTER,
                cause(),
            )
        )
        self.change = fact.change_id if fact is not None else self.change
        if decided is not None:
            self.decide(decided)

    @rule(granted=st.booleans())
    def decide_about_more(self, granted: bool) -> None:  # noqa: FBT001
        self.decide(granted)

    def decide(self, granted: bool) -> None:  # noqa: FBT001
        """Have stock and money answer what was asked for last, if it is still asked for."""
        change = next((one for one in self.order.changes if one.change_id == self.change and one.is_requested), None)
        if change is None:
            return
        if not granted:
            self.order.withdraw(change.change_id, ChangeRefusal.PAYMENT_DECLINED, cause())
            return
        held = [Allocation(warehouse_id="berlin", lines=[Line(product_id="CUP", quantity=change.items[0]["quantity"])])]
        self.order.note_addition_reserved(change.change_id, held, [], cause())
        self.note(self.order.note_addition_authorized(change.change_id, cause()))

    @rule(pick=st.integers(0, 9), buy=st.booleans())
    def label(self, pick: int, buy: bool) -> None:  # noqa: FBT001
        if self.open_shipments:
            one = self.open_shipments[pick % len(self.open_shipments)]
            if buy:
                self.attempt(lambda: bought(self.order, one))
            else:
                self.attempt(lambda: self.order.void_label(one.shipment_id, cause()))

    @invariant()
    def units_agree(self) -> None:
        adds_up(self.order)
        order = self.order
        assert +self.held == +Counter(
            {
                (place, sku): sum(
                    line["quantity"]
                    for one in order.shipments
                    if one.is_open and one.warehouse_id == place
                    for line in one.lines
                    if line["product_id"] == sku
                )
                for place in ("berlin", "lyon")
                for sku in (*SKUS, "CUP")
            }
        )
        if order.order_state == "confirmed":
            assert order.units == sum(item.quantity for item in order.items)
            sent = [one for one in order.shipments if one.dispatched_at is not None]
            assert order.shipped_units == sum(one.units for one in sent)
            assert order.delivered_units == sum(one.units for one in sent if one.state == ShipmentState.DELIVERED)

    @invariant()
    def money_agrees(self) -> None:
        order = self.order
        if order.order_state == "confirmed":
            assert self.authorised == order.total_amount
            assert self.due == sum(one.amount for one in order.shipments if one.dispatched_at is not None) <= order.total_amount
            if order.status in {Status.SHIPPED, Status.DELIVERED}:
                assert self.due == order.total_amount, "all that is due is taken once all has left"
        assert order.tax_amount <= order.total_amount

    @invariant()
    def labels_agree(self) -> None:
        live = [label for label in self.order.labels.values() if label.is_live]
        carrying = {one.label_id for one in self.order.shipments if one.label_id is not None}
        assert {label.label_id for label in live} <= carrying, "a label that is paid belongs to a parcel"
        assert len({label.shipment_id for label in live}) == len(live), "one live label for each parcel"


OrderMachine.TestCase.settings = settings(max_examples=500, stateful_step_count=40, deadline=None)
TestAnyOrderOfCommands = OrderMachine.TestCase
