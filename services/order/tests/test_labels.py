"""Labels, moves and silent parcels as due rows: whatever a carrier answers or leaves open, a parcel has one label or none."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

import pytest

from chassis.database import Database
from chassis.domain import Cause, new_id
from chassis.testing import SettableClock, perform, told, work
from contracts import Event
from contracts.inventory import ShipmentMoved, ShipmentMoveRefused, Shortage
from contracts.order import LabelBought, LabelVoided, OrderDelivered, ShipmentMoveRequested, TrackingStatus
from order.api.fulfilment import ShipmentCommand, plan_shipment
from order.api.orders import CancelOrder, cancel_order
from order.gateway import CarrierGateway, Place, StubCarriers
from order.handlers import confirm_order, jobs, note_allocation, note_move_refused, note_moved
from order.model import Order, Shipment
from order.store import LabelWanted
from services.order.tests.test_handlers import authorized, place, reserved, stored

pytestmark = pytest.mark.database

ANSWER_IN = timedelta(minutes=5)
Fact = TypeVar("Fact", bound=Event)


@dataclass
class Desk:
    """An order with one parcel, and carriers that the test can have fail."""

    database: Database
    clock: SettableClock
    order_id: UUID
    carriers: StubCarriers = field(init=False)

    def __post_init__(self) -> None:
        self.carriers = StubCarriers(self.clock)

    async def do(self, act: Callable[[Order, UUID, Cause], object]) -> None:
        """Have something done to the parcel."""
        shipment_id = (await self.parcel()).shipment_id
        command = ShipmentCommand(self.order_id, lambda order, cause: act(order, shipment_id, cause))
        await perform(self.database, plan_shipment, command)

    async def label(self) -> None:
        """Have a label ordered."""
        await self.do(lambda order, shipment_id, cause: order.want_label(shipment_id, None, None, cause))

    async def give_back(self) -> None:
        """Have the label given back."""
        await self.do(lambda order, shipment_id, cause: order.void_label(shipment_id, cause))

    async def work(self, *only: str, later: timedelta = timedelta()) -> int:
        """Do what is due, some time later."""
        self.clock.forward(seconds=later.total_seconds())
        return await work(self.database, jobs, {CarrierGateway: self.carriers}, *only)

    async def order(self) -> Order:
        """Read the order."""
        return await stored(self.database, self.order_id)

    async def parcel(self) -> Shipment:
        """Read the parcel."""
        return (await self.order()).shipments[0]

    async def labels(self) -> Sequence[str]:
        """List the states of all labels, oldest first."""
        async with self.database.transaction() as transaction:
            rows = await transaction.fetch("SELECT state FROM shipment_label ORDER BY label_id")
        return [row["state"] for row in rows]

    async def facts(self, kind: type[Fact]) -> list[Fact]:
        """List what was told of one kind."""
        return [fact for fact in await told(self.database, str(self.order_id)) if isinstance(fact, kind)]

    @property
    def paid_for(self) -> int:
        """Count the labels that the carrier has been paid for and has not taken back."""
        return sum(not label.voided for label in self.carriers.books.values())


@pytest.fixture
async def desk(database: Database, clock: SettableClock) -> Desk:
    (order_id,) = await place(database)
    await perform(database, note_allocation, reserved(order_id))
    await perform(database, confirm_order, authorized(order_id))
    return Desk(database, clock, order_id)


async def test_a_label_whose_purchase_timed_out_is_found_again(desk: Desk) -> None:
    await desk.label()
    desk.carriers.misbehave("timeout_done")
    assert await desk.work() == 1
    assert (await desk.labels(), desk.paid_for) == (["wanted"], 1)
    assert await desk.work(later=timedelta(seconds=5)) == 1
    assert (await desk.labels(), desk.paid_for) == (["bought"], 1)
    (bought,) = await desk.facts(LabelBought)
    assert (await desk.parcel()).tracking_number == bought.tracking_number


async def test_a_purchase_that_got_lost_is_made_again(desk: Desk) -> None:
    await desk.label()
    desk.carriers.misbehave("timeout_lost")
    await desk.work()
    assert (await desk.labels(), desk.paid_for) == (["wanted"], 0)
    desk.carriers.misbehave("error", times=2)
    for _ in range(3):
        await desk.work(later=timedelta(seconds=60))
    assert (await desk.labels(), desk.paid_for, len(await desk.facts(LabelBought))) == (["bought"], 1, 1)


async def test_a_process_that_dies_after_a_purchase_does_not_buy_twice(desk: Desk) -> None:
    await desk.label()
    async with desk.database.transaction() as transaction:
        (due,) = await LabelWanted.claim(transaction, 10)
    call = jobs.jobs["buy_label"].call
    assert call is not None
    await call(due, desk.carriers)
    assert await desk.work() == 0, "the claim is leased for as long as its call may take"
    assert (await desk.labels(), desk.paid_for) == (["wanted"], 1)
    assert await desk.work("buy_label", later=timedelta(seconds=61)) == 1
    assert (await desk.labels(), desk.paid_for, len(await desk.facts(LabelBought))) == (["bought"], 1, 1)


async def test_a_label_that_is_unwanted_while_nobody_knows_is_asked_for_and_given_back(desk: Desk) -> None:
    await desk.label()
    desk.carriers.misbehave("timeout_done")
    await desk.work()
    await desk.give_back()
    await desk.work(later=timedelta(minutes=3))
    assert (await desk.labels(), desk.paid_for) == (["voided"], 0)
    assert await desk.facts(LabelBought) == []


async def test_a_label_that_was_never_sold_needs_no_giving_back(desk: Desk) -> None:
    await desk.label()
    desk.carriers.misbehave("timeout_lost")
    await desk.work()
    await desk.give_back()
    await desk.work(later=timedelta(minutes=3))
    assert (await desk.labels(), desk.carriers.books) == (["voided"], {})
    assert await desk.facts(LabelVoided) == []


async def test_a_label_given_back_under_a_time_out_is_given_back_once(desk: Desk) -> None:
    await desk.label()
    await desk.work()
    await desk.give_back()
    desk.carriers.misbehave("timeout_done")
    await desk.work()
    assert await desk.labels() == ["unwanted"]
    await desk.work(later=timedelta(minutes=1))
    assert (await desk.labels(), desk.paid_for, len(await desk.facts(LabelVoided))) == (["voided"], 0, 1)


async def test_a_label_that_the_carrier_keeps_stays_due(desk: Desk) -> None:
    await desk.label()
    await desk.work()
    number = (await desk.parcel()).tracking_number
    assert number is not None
    desk.carriers.advance(number, TrackingStatus.IN_TRANSIT)
    await desk.give_back()
    await desk.work()
    assert (await desk.labels(), desk.paid_for) == (["unwanted"], 1)
    assert await desk.work("void_label", later=timedelta(hours=5)) == 0
    assert await desk.work("void_label", later=timedelta(hours=2)) == 1


@pytest.mark.parametrize("bought", [True, False])
async def test_a_cancelled_order_pays_for_no_label(desk: Desk, bought: bool) -> None:  # noqa: FBT001
    await desk.label()
    if not bought:
        desk.carriers.misbehave("timeout_done")
    await desk.work()
    assert desk.paid_for == 1
    await perform(desk.database, cancel_order, CancelOrder(desk.order_id, "ada"))
    await desk.work(later=timedelta(minutes=3))
    assert (await desk.labels(), desk.paid_for) == (["voided"], 0)


async def test_a_silent_parcel_is_asked_about(desk: Desk) -> None:
    await desk.label()
    await desk.work()
    number = (await desk.parcel()).tracking_number
    assert number is not None
    await desk.do(lambda order, shipment_id, cause: order.dispatch(shipment_id, cause))
    assert await desk.work("ask_carrier", later=timedelta(hours=5)) == 0
    desk.carriers.misbehave("error")
    assert await desk.work("ask_carrier", later=timedelta(hours=2)) == 1
    assert (await desk.parcel()).state == "dispatched"
    desk.carriers.advance(number, TrackingStatus.IN_TRANSIT, Place("HANOVER", None, "DE"))
    desk.carriers.advance(number, TrackingStatus.DELIVERED, Place("BERLIN", None, "DE"))
    assert await desk.work("ask_carrier", later=timedelta(hours=7)) == 1
    assert ((await desk.parcel()).state, len(await desk.facts(OrderDelivered))) == ("delivered", 1)
    assert await desk.work("ask_carrier", later=timedelta(days=7)) == 0, "a parcel that arrived is not asked about"


# ----------------------------------------------------------------------------------------------------------------------- moves


async def moving(desk: Desk) -> ShipmentMoveRequested:
    await desk.do(lambda order, shipment_id, cause: order.move_shipment(shipment_id, "lyon", ANSWER_IN, cause))
    (asked,) = await desk.facts(ShipmentMoveRequested)
    return asked


async def test_a_move_that_nobody_answers_is_put_before_a_person_and_may_still_come_about(desk: Desk) -> None:
    asked = await moving(desk)
    assert await desk.work(later=timedelta(minutes=4)) == 0
    assert await desk.work(later=timedelta(minutes=2)) == 1
    assert ((await desk.order()).hold_reason, (await desk.parcel()).state) == ("move_unanswered", "moving")
    assert await desk.work(later=timedelta(hours=1)) == 0, "a person is asked once"
    moved = ShipmentMoved(
        order_id=desk.order_id,
        user_id="ada",
        shipment_id=asked.shipment_id,
        move_id=asked.move_id,
        warehouse_id="lyon",
    )
    await perform(desk.database, note_moved, moved, moved)
    parcel = await desk.parcel()
    assert ((await desk.order()).hold_reason, parcel.state, parcel.warehouse_id) == (None, "planned", "lyon")


async def test_a_refused_move_and_the_answer_to_another_one_leave_the_parcel_where_it_was(desk: Desk) -> None:
    asked = await moving(desk)
    refused = ShipmentMoveRefused(
        order_id=desk.order_id,
        user_id="ada",
        shipment_id=asked.shipment_id,
        move_id=asked.move_id,
        shortages=[Shortage(product_id="MUG", requested=2, available=0)],
    )
    await perform(desk.database, note_move_refused, refused.model_copy(update={"move_id": new_id()}))
    assert (await desk.parcel()).state == "moving"
    await perform(desk.database, note_move_refused, refused)
    parcel = await desk.parcel()
    assert (parcel.state, parcel.warehouse_id, parcel.moving_to) == ("planned", "berlin", None)
