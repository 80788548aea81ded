"""A shop whose customers, warehouses and carriers do things at random, over the four services of a `Saga`.

Two warehouses, a product that can be back-ordered, one that cannot, and a bundle of the two. What is done is a command of a
service, as its API gives it; a refusal is as good an answer as any, as long as nothing was done.
"""

import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from chassis.batch import Answer
from chassis.domain import Refusal
from chassis.testing import perform
from contracts.order import Disposition, OrderPlaced, RefundRequested, ReturnReason, ReturnRefusal, TrackingStatus
from contracts.types import Line, Money
from inventory.handlers import adjust_stock, offer_product, open_warehouse, take_stock, transfer_stock
from inventory.model import AdjustStock, CountedRow, MovementKind, OfferProduct, OpenWarehouse, TakeStock, TransferStock
from order.api.changes import (
    AdditionOrder,
    AddToOrder,
    OrderPatch,
    ReaddressOrder,
    ReduceItem,
    WithdrawChange,
    add_to_order,
    readdress_order,
    reduce_item,
    withdraw_change,
)
from order.api.fulfilment import (
    DeliverShipment,
    DispatchShipment,
    ShipmentCommand,
    deliver_shipment,
    dispatch_shipment,
    plan_shipment,
)
from order.api.labels import want_label
from order.api.orders import CancelOrder, OrderBody, PlaceOrder, cancel_order, place_order
from order.api.refunds import AskRefund, RefundBody, RefundCommand, ask_refund, decide_refund
from order.api.returns import (
    ApproveReturn,
    CloseReturn,
    DeclineReturn,
    ReceiveReturn,
    RequestReturn,
    ReturnBody,
    approve_return,
    close_return,
    decline_return,
    receive_return,
    request_return,
)
from order.api.terms import SetTerms, set_terms
from order.gateway import Place
from order.handlers import ParcelSeen, note_seen
from order.model import Inspected, Order, Receipt, ReturnPolicy, Shipment, ShipmentState
from order.model.terms import ShippingMethod, TaxRate
from order.store import OrderQueries

from .carrying import DEADLINE, Saga

TEA: Final = "TEA"
CUP: Final = "CUP"
SET: Final = "SET"
PRODUCTS: Final = {TEA: 1250, CUP: 799, SET: 1899}
PLACES: Final = ("berlin", "lyon")
TOKENS: Final = ("tok_ok",) * 6 + ("tok_declined", "tok_timeout_captured", "tok_timeout_lost", "tok_timeout_failed")
CHANGE_DEADLINE: Final = timedelta(minutes=15)
TRIES: Final = 8
"""How many orders are looked at for a parcel in the state that is wanted."""
APPROVAL_LIMIT: Final = 1000
MOVE_DEADLINE: Final = timedelta(minutes=5)
ADDRESS: Final = {
    "name": "Ada Lovelace",
    "line1": "Hauptstraße 1",
    "city": "Berlin",
    "postal_code": "10115",
    "country": "DE",
}
CONTACT: Final = {"email": "ada@example.com", "phone": "+4930123456"}
ON_THE_ROAD: Final = (
    TrackingStatus.IN_TRANSIT,
    TrackingStatus.OUT_FOR_DELIVERY,
    TrackingStatus.ATTEMPT_FAILED,
    TrackingStatus.EXCEPTION,
    TrackingStatus.DELIVERED,
)


@dataclass
class Trade:
    """Everything people do in the shop, one thing at a time; `done` and `refused` count it."""

    saga: Saga
    chance: random.Random
    orders: list[UUID] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    async def open(self) -> None:
        """Stock the shop, and say what shipping and taxes cost."""
        saga = self.saga
        for place, country in zip(PLACES, ("DE", "FR"), strict=True):
            opening = OpenWarehouse(place, place.title(), country, None, line1="Weg 1", city=place.title(), postal_code="10117")
            await perform(saga.databases["inventory"], open_warehouse, opening)
        for sku, price in PRODUCTS.items():
            wish = OfferProduct(
                sku,
                sku.title(),
                "",
                Money(amount=price, currency="EUR"),
                active=True,
                weight_grams=400,
                backorder=sku == TEA,
                low_stock_threshold=3,
                components=[Line(product_id=TEA, quantity=1), Line(product_id=CUP, quantity=2)] if sku == SET else [],
            )
            await perform(saga.databases["inventory"], offer_product, wish)
        for sku in (TEA, CUP):
            for place in PLACES:
                await self._adjust(sku, place, 20)
        rates = [{"up_to_grams": 2000, "price": 390}, {"price": 790}]
        method = ShippingMethod.model_validate({"method_id": "parcel", "name": "Parcel", "rates": rates})
        taxes = [TaxRate(country="DE", percent="19")]
        await perform(saga.databases["order"], set_terms, SetTerms(shipping_methods=[method], tax_rates=taxes))
        await saga.settle()

    async def act(self) -> str:
        """Do something; answers what it was."""
        names = list(COMMANDS)
        name = self.chance.choices(names, [COMMANDS[one][1] for one in names])[0]
        try:
            if not await COMMANDS[name][0](self):
                return ""
        except Refusal as refusal:
            self.refused[f"{name}: {refusal.slug}"] += 1
        else:
            self.done[name] += 1
        return name

    # --- customers ------------------------------------------------------------------------------------------------------

    async def place(self) -> bool:
        """Order some products."""
        lines = [(sku, self.chance.randint(1, 4)) for sku in self.chance.sample(sorted(PRODUCTS), self.chance.randint(1, 3))]
        body = OrderBody.model_validate(
            {
                "items": [{"product_id": sku, "quantity": quantity} for sku, quantity in lines],
                "shipping_address": ADDRESS,
                "contact": CONTACT,
                "payment": {"method": "card", "token": self.chance.choice(TOKENS)},
            }
        )
        (answer,) = await self._order(place_order, PlaceOrder("ada", body, "EUR", DEADLINE))
        self.orders.append(answer.events[0].order_id)
        return True

    async def cancel(self) -> bool:
        """Cancel an order, or what is left of it."""
        order = await self._any()
        await self._order(cancel_order, CancelOrder(order.order_id, "ada"))
        return True

    async def reduce(self) -> bool:
        """Take units out of a line."""
        order = await self._any()
        item = self.chance.choice(order.items)
        wish = ReduceItem(order.order_id, "ada", item.item_id, self.chance.randint(0, item.quantity + 1), None)
        await self._order(reduce_item, wish)
        return True

    async def add(self) -> bool:
        """Ask for more."""
        order = await self._any()
        body = AdditionOrder.model_validate(
            {
                "items": [{"product_id": self.chance.choice(sorted(PRODUCTS)), "quantity": self.chance.randint(1, 3)}],
                "payment": {"method": "card", "token": self.chance.choice(TOKENS)},
            }
        )
        await self._order(add_to_order, AddToOrder(order.order_id, "ada", body, CHANGE_DEADLINE, order.version))
        return True

    async def withdraw(self) -> bool:
        """Give an asked-for addition up."""
        rows = await self.saga.rows("order", "SELECT order_id, change_id FROM order_change WHERE state = 'requested'")
        if not rows:
            return False
        row = self.chance.choice(sorted(rows, key=lambda one: str(one["change_id"])))
        await self._order(withdraw_change, WithdrawChange(row["order_id"], "ada", row["change_id"]))
        return True

    async def readdress(self) -> bool:
        """Have the rest sent elsewhere."""
        order = await self._any()
        number = self.chance.randint(2, 99)
        body = OrderPatch.model_validate({"shipping_address": ADDRESS | {"line1": f"Nebenstraße {number}"}})
        await self._order(readdress_order, ReaddressOrder(order.order_id, "ada", body, None))
        return True

    # --- warehouses -----------------------------------------------------------------------------------------------------

    async def hold(self) -> bool:
        """Keep a parcel back."""
        return await self._plan(lambda order, parcel, cause: order.hold_shipment(parcel.shipment_id, "to be checked", cause))

    async def release(self) -> bool:
        """Let a parcel go that is kept back."""
        return await self._plan(
            lambda order, parcel, cause: order.release_shipment(parcel.shipment_id, cause), ShipmentState.HELD
        )

    async def split(self) -> bool:
        """Send some units apart."""

        def act(order: Order, parcel: Shipment, cause: Any) -> object:
            line = self.chance.choice(parcel.lines)
            cuts = {UUID(line["item_id"]): self.chance.randint(1, line["quantity"])}
            return order.split_shipment(parcel.shipment_id, cuts, cause)

        return await self._plan(act)

    async def merge(self) -> bool:
        """Send parcels as one."""

        def act(order: Order, parcel: Shipment, cause: Any) -> object:
            open_ones = [one for one in order.shipments if one.is_open and one is not parcel]
            here = [one for one in open_ones if one.warehouse_id == parcel.warehouse_id]
            return order.merge_shipments(parcel.shipment_id, [one.shipment_id for one in here or open_ones], cause)

        return await self._plan(act)

    async def move(self) -> bool:
        """Have a parcel leave from the other warehouse."""

        def act(order: Order, parcel: Shipment, cause: Any) -> object:
            other = next(one for one in PLACES if one != parcel.warehouse_id)
            return order.move_shipment(parcel.shipment_id, other, MOVE_DEADLINE, cause)

        return await self._plan(act)

    async def label(self) -> bool:
        """Order a label, while carriers may fail."""
        if self.chance.random() < 0.3:
            self.saga.carriers.misbehave(self.chance.choice(("timeout_done", "timeout_lost", "error")))
        return await self._plan(
            lambda order, parcel, cause: order.want_label(parcel.shipment_id, None, None, cause), through=want_label
        )

    async def unlabel(self) -> bool:
        """Give a label back."""
        return await self._plan(lambda order, parcel, cause: order.void_label(parcel.shipment_id, cause), through=want_label)

    async def dispatch(self) -> bool:
        """Send a parcel."""
        found = await self._parcel(*ShipmentState)
        if found is None:
            return False
        await self._order(dispatch_shipment, DispatchShipment(found[0].order_id, found[1].shipment_id, None, None))
        return True

    async def deliver(self) -> bool:
        """Confirm a parcel's arrival by hand."""
        found = await self._parcel(ShipmentState.DISPATCHED)
        if found is None:
            return False
        await self._order(deliver_shipment, DeliverShipment(found[0].order_id, found[1].shipment_id))
        return True

    async def see(self) -> bool:
        """Have a carrier tell of a parcel: all it ever saw, or (late) only some of it."""
        found = await self._parcel(ShipmentState.PLANNED, ShipmentState.DISPATCHED, ShipmentState.CANCELLED, labelled=True)
        if found is None:
            return False
        order, parcel = found
        number = parcel.tracking_number
        assert number is not None
        self.saga.carriers.advance(number, self.chance.choice(ON_THE_ROAD), Place("HANOVER", None, "DE"))
        way = next(one.way for one in self.saga.carriers.books.values() if one.bought.tracking_number == number)
        told = self.chance.sample(way, self.chance.randint(1, len(way)))
        await perform(self.saga.databases["order"], note_seen, ParcelSeen(order.order_id, parcel.shipment_id, told))
        return True

    # --- money back and goods back --------------------------------------------------------------------------------------

    async def refund(self) -> bool:
        """Give money back: for units, for shipping, or as such; a large sum waits for another person."""
        found = await self._parcel(ShipmentState.DISPATCHED, ShipmentState.DELIVERED)
        order = found[0] if found is not None else await self._any()
        item = self.chance.choice(order.items)
        wishes: list[dict[str, Any]] = [
            {"lines": [{"item_id": item.item_id, "quantity": self.chance.randint(1, 2)}]},
            {"shipping": True},
            {"amount": {"amount": self.chance.randint(1, 900), "currency": "EUR"}},
        ]
        wish = self.chance.choice([wishes[0], *wishes])
        body = RefundBody.model_validate({"reason": "damaged"} | wish)
        await self._order(ask_refund, AskRefund(order.order_id, body, APPROVAL_LIMIT), actor="support:sue")
        return True

    async def approve(self) -> bool:
        """Agree to a large refund, or try to without right."""
        actor = self.chance.choice(("finance:fay", "finance:fay", "finance:sue"))
        return await self._refund("awaiting_approval", lambda order, key, cause: order.approve_refund(key, cause), actor)

    async def disapprove(self) -> bool:
        """Give a large refund up."""
        return await self._refund("awaiting_approval", lambda order, key, cause: order.decline_refund(key, cause))

    async def send_back(self) -> bool:
        """Ask to return units, under a policy that agrees or leaves it to support."""
        found = await self._parcel(ShipmentState.DELIVERED)
        if found is None:
            return False
        order, parcel = found
        line = self.chance.choice(parcel.lines)
        reason = self.chance.choice(list(ReturnReason))
        lines = [{"item_id": line["item_id"], "quantity": self.chance.randint(1, line["quantity"]), "reason": reason}]
        body = ReturnBody.model_validate({"lines": lines})
        await self._order(request_return, RequestReturn(order.order_id, "ada", body, self._policy(), {}))
        return True

    async def exchange(self) -> bool:
        """Ask to return units in exchange for others, which cost less or more."""
        found = await self._parcel(ShipmentState.DELIVERED)
        if found is None:
            return False
        order, parcel = found
        line = self.chance.choice(parcel.lines)
        reason = self.chance.choice(list(ReturnReason))
        wish = {
            "lines": [{"item_id": line["item_id"], "quantity": self.chance.randint(1, line["quantity"]), "reason": reason}],
            "exchange": {
                "items": [{"product_id": self.chance.choice(sorted(PRODUCTS)), "quantity": self.chance.randint(1, 2)}],
                "payment": {"method": "card", "token": self.chance.choice(TOKENS)},
            },
        }
        command = RequestReturn(order.order_id, "ada", ReturnBody.model_validate(wish), self._policy(), {})
        (answer,) = await self._order(request_return, command)
        self._note_placed(answer)
        return True

    def _note_placed(self, answer: Answer[Any]) -> None:
        self.orders += [fact.order_id for fact in answer.events if isinstance(fact, OrderPlaced)]

    async def allow(self) -> bool:
        """Agree to a return, and mostly to the exchange that is wanted with it."""
        wanted = tuple(sorted(PRODUCTS)) if self.chance.random() < 0.8 else ()
        return await self._return(
            approve_return, lambda order_id, key: ApproveReturn(order_id, key, self._policy(), "", skus=wanted)
        )

    async def forbid(self) -> bool:
        """Decline a return, or have the customer withdraw it."""
        reason = self.chance.choice((ReturnRefusal.STAFF, ReturnRefusal.CUSTOMER))
        return await self._return(decline_return, lambda order_id, key: DeclineReturn(order_id, key, reason))

    async def take_back(self) -> bool:
        """Take in some units of a return, and now and then say so twice."""
        rows = await self.saga.rows("order", "SELECT * FROM order_return WHERE state IN ('approved', 'partially_received')")
        if not rows:
            return False
        row = self.chance.choice(sorted(rows, key=lambda one: str(one["return_id"])))
        line = self.chance.choice(row["lines"])
        inspected = Inspected(
            UUID(line["item_id"]),
            self.chance.randint(1, line["quantity"]),
            self.chance.choice(list(Disposition)),
            self.chance.random() < 0.8,
        )
        command = ReceiveReturn(row["order_id"], row["return_id"], Receipt(uuid4(), self.chance.choice(PLACES), [inspected]))
        for _ in range(self.chance.choice((1, 1, 2))):
            await self._order(receive_return, command)
        return True

    async def give_up(self) -> bool:
        """Wait no longer for a return."""
        return await self._return(close_return, CloseReturn)

    # --- stock ----------------------------------------------------------------------------------------------------------

    async def receive(self) -> bool:
        """Take goods in."""
        await self._adjust(self.chance.choice((TEA, CUP)), self.chance.choice(PLACES), self.chance.randint(1, 12))
        return True

    async def transfer(self) -> bool:
        """Carry goods to the other warehouse."""
        source, target = self.chance.sample(PLACES, 2)
        wish = TransferStock(self.chance.choice((TEA, CUP)), source, target, self.chance.randint(1, 5), "evening out")
        await perform(self.saga.databases["inventory"], transfer_stock, wish)
        return True

    async def count(self) -> bool:
        """Count a shelf."""
        row = CountedRow(1, self.chance.choice((TEA, CUP)), self.chance.choice(PLACES), self.chance.randint(0, 25))
        await perform(self.saga.databases["inventory"], take_stock, TakeStock([row]))
        return True

    async def wait(self) -> bool:
        """Let some time pass; now and then so much that deadlines come."""
        self.saga.clock.forward(seconds=self.chance.choice((1, 5, 30, 130, 400, 1000)))
        return True

    # --- how ------------------------------------------------------------------------------------------------------------

    async def _adjust(self, sku: str, place: str, delta: int) -> None:
        wish = AdjustStock(sku, place, delta, f"delivery {uuid4()}", MovementKind.RECEIVED)
        await perform(self.saga.databases["inventory"], adjust_stock, wish)

    async def _order(self, function: Callable[..., Any], command: Any, actor: str = "customer:ada") -> list[Answer[Any]]:
        return await perform(self.saga.databases["order"], function, command, actor=actor)

    def _policy(self) -> ReturnPolicy:
        fees = {ReturnReason.DOES_NOT_FIT: 300, ReturnReason.NO_LONGER_WANTED: 450}
        return ReturnPolicy(auto_approve=self.chance.random() < 0.5, label=self.chance.random() < 0.5, fees=fees)

    async def _refund(
        self, state: str, act: Callable[[Order, UUID, Any], RefundRequested | None], actor: str = "finance:fay"
    ) -> bool:
        rows = await self.saga.rows("order", f"SELECT * FROM order_refund WHERE state = '{state}' AND retried_as IS NULL")
        if not rows:
            return False
        row = self.chance.choice(sorted(rows, key=lambda one: str(one["refund_id"])))
        key = row["refund_id"]
        await self._order(
            decide_refund, RefundCommand(row["order_id"], lambda order, cause: (key, act(order, key, cause))), actor
        )
        return True

    async def _return(self, function: Callable[..., Any], command: Callable[[UUID, UUID], object]) -> bool:
        rows = await self.saga.rows("order", "SELECT * FROM order_return")
        if not rows:
            return False
        lately = sorted(rows, key=lambda one: str(one["return_id"]))[-8:]
        row = self.chance.choice(lately)
        (answer,) = await self._order(function, command(row["order_id"], row["return_id"]), actor="support:sue")
        self._note_placed(answer)
        return True

    async def _read(self, order_id: UUID) -> Order:
        async with self.saga.databases["order"].reading() as session:
            return await OrderQueries(session).order(order_id, None)

    async def _any(self) -> Order:
        """Take one of the orders, mostly one of the last."""
        if not self.orders:
            await self.place()
        return await self._read(self.chance.choice(self.orders[-6:] if self.chance.random() < 0.9 else self.orders))

    async def _parcel(self, *states: ShipmentState, labelled: bool = False) -> tuple[Order, Shipment] | None:
        for _ in range(TRIES):
            order = await self._any()
            found = [one for one in order.shipments if one.state in states and (one.tracking_number or not labelled)]
            if found:
                return order, self.chance.choice(found)
        return None

    async def _plan(
        self,
        act: Callable[[Order, Shipment, Any], object],
        *states: ShipmentState,
        through: Callable[..., Any] = plan_shipment,
    ) -> bool:
        found = await self._parcel(*(states or (ShipmentState.PLANNED, ShipmentState.HELD, ShipmentState.MOVING)))
        if found is None:
            return False
        parcel = found[1].shipment_id
        command = ShipmentCommand(found[0].order_id, lambda order, cause: act(order, order.shipment(parcel), cause))
        await self._order(through, command)
        return True


COMMANDS: Final[dict[str, tuple[Callable[[Trade], Awaitable[bool]], int]]] = {
    "place": (Trade.place, 8),
    "cancel": (Trade.cancel, 3),
    "reduce": (Trade.reduce, 6),
    "add": (Trade.add, 6),
    "withdraw": (Trade.withdraw, 9),
    "readdress": (Trade.readdress, 3),
    "hold": (Trade.hold, 4),
    "release": (Trade.release, 6),
    "split": (Trade.split, 6),
    "merge": (Trade.merge, 9),
    "move": (Trade.move, 4),
    "label": (Trade.label, 9),
    "unlabel": (Trade.unlabel, 6),
    "dispatch": (Trade.dispatch, 6),
    "deliver": (Trade.deliver, 3),
    "see": (Trade.see, 6),
    "refund": (Trade.refund, 6),
    "approve": (Trade.approve, 9),
    "disapprove": (Trade.disapprove, 5),
    "send_back": (Trade.send_back, 9),
    "exchange": (Trade.exchange, 9),
    "allow": (Trade.allow, 5),
    "forbid": (Trade.forbid, 2),
    "take_back": (Trade.take_back, 8),
    "give_up": (Trade.give_up, 2),
    "receive": (Trade.receive, 5),
    "transfer": (Trade.transfer, 2),
    "count": (Trade.count, 2),
    "wait": (Trade.wait, 3),
}
"""What may be done next, and how often it is."""
