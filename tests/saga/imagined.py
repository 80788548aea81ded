"""The saga in the mind alone: the real reactions, jobs and aggregates of order, inventory and payment, without any I/O.

What databases and broker do is played in memory, from a seed: facts are kept from the commit to the publication, come late,
again, and in any order but that of their key; a process dies before its commit, after it, or between the PSP's answer and the
outcome; clocks jump; the PSP loses calls, or their answers. All chance comes from the seed, ids too, so that a run can be done
again step by step. What is played is no more than the promise of the part that it stands for: the rows of a transaction are
all there or none of them, an inbox lets an event through once, a topic keeps the order of a key.
"""

import hashlib
import random
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

import uuid_utils.compat

from chassis.batch import Function, Later
from chassis.domain import Cause, Refusal
from chassis.testing import MORNING
from contracts import Event
from contracts.order import OrderContacts
from inventory.store import StockRoom
from order.api.admin import SetStatus, set_status
from order.api.fulfilment import DeliverShipment, DispatchShipment, deliver_shipment, dispatch_shipment
from order.api.orders import CancelOrder, OrderBody, PlaceOrder, cancel_order, place_order
from order.handlers import cancel_expired
from order.model import Order, Product, ShipmentState, Status
from order.model.terms import ShippingMethod, Terms
from order.store import DeclineStore, DocumentStore, ExpiredOrder, OrderStore, ProductStore
from order.store.carts import CartStore
from payment.gateway import StubPsp
from payment.model import Action, Capture, Payment
from payment.store import (
    AuthorizationDue,
    CaptureDue,
    CaptureStore,
    CashStore,
    DrawDue,
    IncidentStore,
    InstrumentStore,
    PaymentStore,
    RefundDue,
    ReviewStore,
    VoidDue,
)
from payment.store.due import LEASE, RESEND
from tests.saga.carrying import JOBS, REACTIONS
from tests.saga.imagined_rows import PRODUCTS, Captures, Documents, Incidents, Nothing, Orders, Payments, Room

TOKENS: Final = ("tok_ok",) * 7 + ("tok_declined", "tok_timeout_captured", "tok_timeout_lost", "tok_timeout_failed")
FAULTS: Final[tuple[Literal["timeout_done", "timeout_lost", "error"], ...]] = ("timeout_done", "timeout_lost", "error")
DEADLINE: Final = timedelta(minutes=30)
OPEN_AT_ONCE: Final = 20
"""Things are done to so many of the latest orders."""
STEPS_FOR_EACH: Final = 22
FORGOTTEN: Final = 0.1
FREEZES: Final = (60, 600, 2400)
"""For so many seconds a service may do nothing: the longest is beyond the deadline of an order."""
SWEEP: Final = timedelta(seconds=5)
"""After so long others publish what a process left that died."""
ADDRESS: Final = {"name": "Ada", "line1": "Weg 1", "city": "Berlin", "postal_code": "10115", "country": "DE"}
HEARERS: Final = ("order", "inventory", "payment")
TERMS: Final = Terms(
    shipping_methods=[ShippingMethod.model_validate({"method_id": "parcel", "name": "Parcel", "rates": [{"price": 390}]})]
)
CATALOGUE: Final = {
    sku: Product(
        sku=sku, name=sku, price=price, currency="EUR", active=True, sequence=1, weight_grams=100, tax_class="standard"
    )
    for sku, price in PRODUCTS.items()
}


class Fact(NamedTuple):
    """A committed fact: who told it, its place among those of its topic and key, and what led to it."""

    event_id: UUID
    event: Event
    sequence: int
    source: str


@dataclass
class World:
    """Three services, their databases, the broker, the PSP and the time."""

    seed: int
    now: datetime = MORNING
    psp: StubPsp = field(default_factory=StubPsp)
    orders: Orders = field(default_factory=Orders)
    documents: Documents = field(default_factory=Documents)
    room: Room = field(default_factory=Room)
    payments: Payments = field(default_factory=Payments)
    captures: Captures = field(default_factory=Captures)
    told: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often a fact was told, by key and type; of a capture by its shipment too."""
    done: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)  # noqa: S311 - the point is that it can be repeated
        self.trace = hashlib.blake2b(digest_size=16)
        self._calm = False
        self._ids = 0
        self._sequences: Counter[tuple[str, str]] = Counter()
        self._inboxes: dict[str, set[UUID]] = {name: set() for name in HEARERS}
        self._unsent: list[tuple[Any, Fact]] = []
        """Facts of processes that died between commit and publication, and when others publish them."""
        self._bag: dict[tuple[str, str, str], deque[Fact]] = {}
        self._again: list[tuple[str, Fact]] = []
        self._frozen: dict[str, datetime] = {}
        products = Nothing()
        products.all, products.terms = CATALOGUE, TERMS  # type: ignore[attr-defined]
        self._stores: dict[type, Any] = {
            OrderStore: self.orders,
            DocumentStore: self.documents,
            DeclineStore: Nothing(),
            CartStore: Nothing(),
            ProductStore: products,
            StockRoom: self.room,
            PaymentStore: self.payments,
            InstrumentStore: self.payments,
            ReviewStore: self.payments,
            CaptureStore: self.captures,
            CashStore: Nothing(),
            IncidentStore: Incidents(),
        }

    def new_id(self) -> UUID:
        """Make the next id, of the seed and in order, as UUIDv7 are."""
        self._ids += 1
        return UUID(int=(self._ids << 80) | (7 << 76) | (2 << 62) | (self.seed & 0xFFFF_FFFF), version=None)

    def note(self, *what: object) -> None:
        """Write a step down, so that two runs can be compared."""
        self.trace.update(repr(what).encode())

    # --- transactions -----------------------------------------------------------------------------------------------------

    def run(self, service: str, function: Function, message: Any, cause: Cause) -> Any:
        """Have a function of a service do its work, and commit: its facts are published now, or when its death is noticed."""
        self.room.begin()
        arguments = [cause if one is Cause else self._stores[one] for one in function.parameters]
        result = function.call(message, *arguments)
        facts = result.events if hasattr(result, "events") else result
        events = () if facts is None else (facts,) if isinstance(facts, Event) else facts
        dies = self.chance.random() < 0.05
        for event in events:
            if not isinstance(event, Later):
                self._commit(service, event, dies=dies)
        return result

    def _commit(self, service: str, event: Event, *, dies: bool) -> None:
        place = (event.topic.name, event.key)
        self._sequences[place] += 1
        fact = Fact(self.new_id(), event, self._sequences[place], service)
        shipment = getattr(event, "shipment_id", None)
        self.told[event.key, event.type] += 1
        if shipment is not None:
            self.told[f"{event.key} {shipment}", event.type] += 1
        self.note("told", event.type, event.key, fact.sequence)
        # A later fact of the key waits for one that is not published: the predecessor rule.
        waits = any(one.event.key == event.key and one.event.topic is event.topic for _, one in self._unsent)
        if dies or waits:
            self._unsent.append((self.now + SWEEP, fact))
        else:
            self._publish(fact)

    def _publish(self, fact: Fact) -> None:
        for hearer in HEARERS:
            if type(fact.event) in REACTIONS[hearer].functions:
                self._bag.setdefault((hearer, fact.event.topic.name, fact.event.key), deque()).append(fact)

    def sweep(self) -> None:
        """Publish what dead processes left, once it is noticed."""
        late = [fact for at, fact in self._unsent if at <= self.now]
        self._unsent = [(at, fact) for at, fact in self._unsent if at > self.now]
        for fact in late:
            self._publish(fact)

    # --- facts ----------------------------------------------------------------------------------------------------------

    def deliver(self) -> bool:
        """Bring a fact to a hearer, new or again; its process may die with it. False where nothing is under way."""
        again = [one for one in self._again if not self._asleep(one[0])]
        if again and (not self._bag or self.chance.random() < 0.25):
            hearer, fact = one = self.chance.choice(again)
            self._again.remove(one)
        elif awake := [place for place in self._bag if not self._asleep(place[0])]:
            hearer, topic, key = place = self.chance.choice(awake)
            if self.chance.random() < 0.1:  # dropped, or its hearer died before the commit: it is still there
                self.note("lost", hearer, topic, key)
                return True
            queue = self._bag[place]
            fact = queue.popleft()
            if not queue:
                del self._bag[place]
            if self.chance.random() < 0.3:
                self._again.append((hearer, fact))
        else:
            return False
        self._hear(hearer, fact)
        return True

    def _hear(self, hearer: str, fact: Fact) -> None:
        # An inbox forgets in time; what it guarded must not come to harm by that.
        new = fact.event_id not in self._inboxes[hearer] or self.chance.random() < FORGOTTEN
        self.note("heard", hearer, fact.event.type, fact.event.key, fact.sequence, new)
        self.done["heard" if new else "heard again"] += 1
        if new:
            self._inboxes[hearer].add(fact.event_id)
            cause = Cause(fact.source, self.now, fact.event_id, fact.event.key, None, fact.sequence)
            self.run(hearer, REACTIONS[hearer].functions[type(fact.event)], fact.event, cause)

    # --- jobs -----------------------------------------------------------------------------------------------------------

    def work(self) -> bool:
        """Do one due row, whose process may die after the call; False where none is due."""
        due = list(self._due())
        if not due:
            return False
        self.chance.choice(due)()
        return True

    def _due(self) -> Iterable[Callable[[], None]]:
        """List what is due now, in the words of the claims."""
        if not self._asleep("order"):
            for order in self.orders.rows.values():
                if order.deadline_at is not None and order.deadline_at <= self.now:
                    yield partial(self._expire, order)
        if self._asleep("payment"):
            return
        for payments in self.payments.rows.values():
            for payment in payments:
                if payment.due_at is not None and payment.due_at <= self.now and self._may_be_asked(payment):
                    yield partial(self._ask, payment)
        for order_id, captures in self.captures.rows.items():
            yield from self._captures_due(order_id, list(captures.values()))

    def _may_be_asked(self, payment: Payment) -> bool:
        if payment.action == Action.AUTHORIZE:
            return payment.order_id in self.payments.tokens or payment.sent_at is not None
        return payment.action in {Action.VOID, Action.REFUND}

    def _captures_due(self, order_id: UUID, captures: list[Capture]) -> Iterable[Callable[[], None]]:
        waiting = sorted((one for one in captures if one.due_at is not None), key=lambda one: one.capture_id)
        payments = self.payments.of(order_id)
        for capture in waiting:
            if capture.due_at is None or capture.due_at > self.now:
                continue
            if not capture.draws:
                held = sum(one.open_amount for one in payments if one.status == "authorized")
                if payments and (capture.amount <= held or not any(one.status == "pending" for one in payments)):
                    yield partial(self._draw, capture)
            elif capture is waiting[0]:
                yield partial(self._take, capture)

    def _expire(self, order: Order) -> None:
        order.deadline_at = None
        self.run("order", Function.of(cancel_expired), ExpiredOrder(order.order_id, self.now), self._cause("order"))
        self.done["expired"] += 1

    def _cause(self, actor: str) -> Cause:
        return Cause(actor, self.now)

    def _ask(self, payment: Payment) -> None:
        payment.due_at, payment.attempts = self.now + LEASE, payment.attempts + 1
        taken = payment.money(payment.captured_amount - payment.refunded_amount)
        if payment.action == Action.AUTHORIZE:
            barred = payment.barred_at is not None and payment.barred_at <= self.now - RESEND
            token = None if barred else self.payments.tokens.get(payment.order_id)
            if token is not None:
                payment.sent_at = self.now
            due: Any = AuthorizationDue(
                key=payment.key,
                payment_id=payment.payment_id,
                amount=payment.money(payment.amount),
                sent_at=payment.sent_at or self.now,
                method="card" if token else None,
                token=token,
                cause=self._cause("payment"),
                over=payment.barred,
            )
            self._call("authorize", due)
        elif payment.action == Action.VOID:
            due = VoidDue(payment.key, payment.payment_id, payment.psp_reference, taken, self._cause("payment"))
            self._call("void", due)
        else:
            due = RefundDue(payment.key, payment.payment_id, payment.psp_reference, taken, self._cause("payment"))
            self._call("refund", due)

    def _draw(self, capture: Capture) -> None:
        capture.due_at = self.now + LEASE
        job = JOBS["payment"].jobs["draw"]
        assert job.heard_by is not None
        due = DrawDue(capture.order_id, capture.shipment_id, self._cause("payment"))
        self.run("payment", job.heard_by, due, due.cause)

    def _take(self, capture: Capture) -> None:
        draw = capture.next_draw
        assert draw is not None
        payment = self.payments.known(capture.order_id, draw.payment_id)
        if draw.sent_at is None:
            draw.sent_at, draw.final = self.now, draw.amount == payment.open_amount
        capture.due_at, capture.attempts = self.now + LEASE, capture.attempts + 1
        capture.sent_at = capture.sent_at or self.now
        due = CaptureDue(
            key=payment.key,
            payment_id=payment.payment_id,
            shipment_id=capture.shipment_id,
            reference=payment.psp_reference,
            amount=payment.money(draw.amount),
            final=draw.final,
            cause=self._cause("payment"),
        )
        self._call("capture", due)

    def _call(self, name: str, due: Any) -> None:
        """Call the PSP, which may fail; the process may die before it writes down what became of it."""
        job = JOBS["payment"].jobs[name]
        assert job.call is not None
        if not self._calm and self.chance.random() < 0.15:
            self.psp.misbehave(self.chance.choice(FAULTS))
        outcome = _now(job.call(due, self.psp))
        self.note("asked", name, due.key.order_id, type(outcome.answer).__name__)
        if self.chance.random() < 0.1:
            self.done["died after the PSP's answer"] += 1
            return
        self.done[f"asked to {name}"] += 1
        self.run("payment", JOBS["payment"].outcomes[type(outcome)], outcome, due.cause)

    # --- people ---------------------------------------------------------------------------------------------------------

    def command(self, function: Callable[..., Any], command: Any, actor: str) -> Any:
        """Have somebody ask for something; None where it is refused."""
        try:
            return self.run("order", _function_of(function), command, self._cause(actor))
        except Refusal as refusal:
            self.note("refused", function.__name__, refusal.slug)
            self.done[f"refused {function.__name__}"] += 1
            return None

    def place(self) -> None:
        """Place an order."""
        skus = self.chance.sample(sorted(PRODUCTS), self.chance.randint(1, 2))
        body = OrderBody.model_validate(
            {
                "items": [{"product_id": sku, "quantity": self.chance.randint(1, 3)} for sku in skus],
                "shipping_address": ADDRESS,
                "contact": {"email": "ada@example.com"},
                "payment": {"method": "card", "token": self.chance.choice(TOKENS)},
            }
        )
        answer = self.command(place_order, PlaceOrder("ada", body, "EUR", DEADLINE), "customer:ada")
        assert any(isinstance(event, OrderContacts) for event in answer.events)
        self.done["placed"] += 1

    def act(self) -> None:
        """Do something to an order: cancel it, send a parcel or all of it, or say that it arrived."""
        order = self.chance.choice(list(self.orders.rows.values())[-OPEN_AT_ONCE:])
        parcels = {state: [one for one in order.shipments if one.state == state] for state in ShipmentState}
        planned, sent = parcels[ShipmentState.PLANNED], parcels[ShipmentState.DISPATCHED]
        partly = 0 < order.shipped_units < order.units  # what is left of it is cancelled by a change: not played here
        wishes = (
            ["cancel"] * (not partly)
            + ["dispatch", "ship", "ship"] * bool(planned)
            + ["deliver", "arrive", "arrive"] * bool(sent)
        )
        what = self.chance.choice(wishes if planned or sent or self.chance.random() < 0.15 else ["look"])
        done: Any = None
        if what == "cancel":
            done = self.command(cancel_order, CancelOrder(order.order_id, "ada"), "customer:ada")
        elif what == "ship":
            done = self.command(set_status, SetStatus(order.order_id, Status.SHIPPED, "", None), "warehouse:wim")
        elif what == "deliver":
            done = self.command(set_status, SetStatus(order.order_id, Status.DELIVERED, "", None), "warehouse:wim")
        elif what == "dispatch":
            parcel = DispatchShipment(order.order_id, self.chance.choice(planned).shipment_id, None, None)
            done = self.command(dispatch_shipment, parcel, "warehouse:wim")
        elif what == "arrive":
            arrived = DeliverShipment(order.order_id, self.chance.choice(sent).shipment_id)
            done = self.command(deliver_shipment, arrived, "warehouse:wim")
        self.done[what] += done is not None

    # --- a run ----------------------------------------------------------------------------------------------------------

    def live(self, orders: int) -> None:
        """Place orders and do things to them while facts come and go, and then let everything come to rest."""
        for _ in range(STEPS_FOR_EACH * orders):
            step = self.chance.random()
            if step < 0.08 or not self.orders.rows:
                if self.done["placed"] < orders:
                    self.place()
            elif step < 0.2:
                self.act()
            elif step < 0.75:
                self.deliver()
            elif step < 0.95:
                self.work()
            else:
                self._pass(self.chance.choice((1, 1, 3, 6, 20, 30, 60, 300, 900)))
        while self.done["placed"] < orders:
            self.place()
        self.rest()

    def _pass(self, seconds: int, *, freeze: bool = True) -> None:
        self.now += timedelta(seconds=seconds)
        self.note("time", seconds)
        self.sweep()
        if freeze and self.chance.random() < 0.1:
            self._frozen[self.chance.choice(HEARERS)] = self.now + timedelta(seconds=self.chance.choice(FREEZES))
            self.done["frozen"] += 1

    def _asleep(self, service: str) -> bool:
        return bool(self._frozen.get(service, self.now) > self.now)

    def rest(self) -> None:
        """Bring and do everything, and let so much time pass that nothing is waited for any more; the PSP is well again."""
        self._calm = True
        for seconds in (0, 6, 30, 60, 120, 2400, 1801, 30, 60, 120, 120, 120, 120):
            self._pass(seconds, freeze=False)
            while self.deliver() or self.work():
                pass

    @property
    def left(self) -> int:
        """Count what is under way."""
        return len(self._bag) + len(self._again) + len(self._unsent) + sum(1 for _ in self._due())


def _now(call: Any) -> Any:
    """Have a coroutine that waits for nothing run to its end."""
    try:
        call.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits for something")


_functions: Final[dict[Any, Function]] = {}


def _function_of(call: Callable[..., Any]) -> Function:
    if call not in _functions:
        _functions[call] = Function.of(call)
    return _functions[call]


def imagine(seed: int, orders: int) -> World:
    """Live through a seed; ids are the seed's too."""
    world = World(seed)
    real = uuid_utils.compat.uuid7
    uuid_utils.compat.uuid7 = world.new_id  # type: ignore[assignment]
    try:
        world.live(orders)
    finally:
        uuid_utils.compat.uuid7 = real
    return world
