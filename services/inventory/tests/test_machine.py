"""Anything in any order against a naive model: the books stay right, whatever is asked, repeated, late or overtaken.

The machine hears facts and commands through the service's own functions, on shelves in memory. Beside it a clerk keeps books
of their own, made only of what the inventory tells; after each step both must say the same.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from chassis.testing import MORNING, cause
from contracts import Event
from contracts.inventory import (
    AdditionRefused,
    AdditionReleased,
    AdditionReserved,
    BackorderAllocated,
    ReservationReduced,
    ShipmentMoved,
    ShipmentMoveRefused,
    StockBack,
    StockDeducted,
    StockLow,
    StockReleased,
    StockReservationFailed,
    StockReserved,
    StockReturned,
    StockSoldOut,
)
from contracts.order import ChangeKind, Disposition, OrderChangeRequested, OrderPlaced
from inventory import handlers
from inventory.model import (
    AdjustStock,
    Amendment,
    CountedRow,
    InsufficientStockError,
    MovementKind,
    NotHeldError,
    NotShippedError,
    Reservation,
    Shelves,
    TakeStock,
    TransferStock,
)
from inventory.store import Amendments, RestockDue, StockRoom

from .facts import came_back, cancelled, changed, dispatched, move, placed, requested, withdrawn
from .stockroom import PLACES, parcels, shelves, units

STOCKED = ("pot", "cup", "tea")
RECIPES: dict[str, dict[str, int]] = {"pot": {"pot": 1}, "cup": {"cup": 1}, "tea": {"tea": 1}}
BUNDLES: dict[str, dict[str, int]] = {"set": {"pot": 1, "cup": 2}, "box": {"cup": 1, "tea": 1}}
RECIPES |= BUNDLES
PATIENT = ("tea", "box")
THRESHOLDS = {"cup": 2, "tea": 0}
OPENING = 3

SKUS = st.sampled_from(sorted(RECIPES))
WAREHOUSES = st.sampled_from(sorted(PLACES))
WANTED = st.dictionaries(SKUS, st.integers(1, 3), min_size=1, max_size=3)
COUNTRIES = st.sampled_from(["DE", "FR", "SE"])


class Room:
    """Reservations and shelves in memory."""

    def __init__(self) -> None:
        self.reservations: dict[UUID, Reservation] = {}
        rows = [(sku, place, OPENING) for sku in STOCKED for place in PLACES]
        self.shelves: Shelves = shelves(*rows, bundles=BUNDLES, backorder=PATIENT, thresholds=THRESHOLDS)

    def reservation(self, order_id: UUID) -> Reservation | None:
        return self.reservations.get(order_id)

    def known(self, order_id: UUID) -> Reservation:
        if order_id not in self.reservations:
            raise NotHeldError("unknown")
        return self.reservations[order_id]

    def keep(self, reservation: Reservation) -> Reservation:
        self.reservations[reservation.order_id] = reservation
        return reservation

    def waiting(self, due: RestockDue) -> Sequence[Reservation]:
        return [one for one in self.reservations.values() if any(due.sku in line.parts for line in one.waiting)]

    def ahead(self, due: RestockDue) -> dict[str, int]:
        return dict(due.ahead)


class Memory:
    """Amendments in memory."""

    def __init__(self) -> None:
        self.amendments: dict[UUID, Amendment] = {}

    def get(self, about: Any) -> Amendment | None:
        return self.amendments.get(getattr(about, "move_id", None) or about.change_id)

    def known(self, about: Any) -> Amendment:
        found = self.get(about)
        if found is None:
            raise NotHeldError("unknown")
        return found

    def keep(self, amendment: Amendment) -> Amendment:
        self.amendments[amendment.change_id] = amendment
        return amendment


@dataclass
class Page:
    """What the clerk knows of an order: what is held where and waited for, by the change that is not decided (None: it is).

    What is `away` is with the customer.
    """

    held: Counter[tuple[str, str, UUID | None]] = field(default_factory=Counter)
    waiting: Counter[tuple[str, UUID | None]] = field(default_factory=Counter)
    away: Counter[str] = field(default_factory=Counter)
    since: dict[UUID | None, datetime] = field(default_factory=dict)
    over: bool = False

    def by_sku(self, change_id: UUID | None = None, *, all_of_it: bool = False) -> dict[str, int]:
        total: Counter[str] = Counter()
        for (sku, _, change), n in self.held.items():
            if all_of_it or change == change_id:
                total[sku] += n
        return dict(+total)


class Clerk:
    """Books made of what is told."""

    def __init__(self) -> None:
        self.on_hand: Counter[tuple[str, str]] = Counter({(sku, place): OPENING for sku in STOCKED for place in PLACES})
        self.pages: dict[UUID, Page] = {}

    def reserved(self) -> Counter[tuple[str, str]]:
        total: Counter[tuple[str, str]] = Counter()
        for page in self.pages.values():
            for (sku, place, _), n in page.held.items():
                for part, each in RECIPES[sku].items():
                    total[part, place] += n * each
        return total

    def waited(self) -> Counter[str]:
        total: Counter[str] = Counter()
        for page in self.pages.values():
            for (sku, _), n in page.waiting.items():
                for part, each in RECIPES[sku].items():
                    total[part] += n * each
        return total

    def there(self) -> Counter[tuple[str, str]]:
        reserved = self.reserved()
        return Counter({place: n - reserved[place] for place, n in self.on_hand.items()})

    def free(self) -> dict[str, int]:
        there, waited = self.there(), self.waited()
        return {sku: max(0, sum(there[sku, place] for place in PLACES) - waited[sku]) for sku in STOCKED}

    def can_have(self, wanted: dict[str, int]) -> bool:
        """Tell whether all that cannot wait is there: what is sold alone anywhere, each set in one warehouse."""
        there, free = self.there(), self.free()
        needed: Counter[str] = Counter()
        for sku, n in wanted.items():
            for part, each in RECIPES[sku].items() if sku not in PATIENT else ():
                needed[part] += n * each
        sets = sum(min(there[part, place] // each for part, each in RECIPES["set"].items()) for place in PLACES)
        return wanted.get("set", 0) <= sets and all(free[part] >= n for part, n in needed.items())


class Books(RuleBasedStateMachine):
    """The inventory and the clerk side by side."""

    orders: Bundle[OrderPlaced] = Bundle("orders")
    changes: Bundle[OrderChangeRequested] = Bundle("changes")

    def __init__(self) -> None:
        super().__init__()
        self.room = Room()
        self.memory = Memory()
        self.clerk = Clerk()
        self.heard: list[tuple[Callable[..., Any], Any]] = []
        self.minute = 0

    # --- how facts are heard ------------------------------------------------------------------------------------------

    def hear(self, function: Callable[..., Any], message: Any, *, remember: bool = True) -> list[Any]:
        """Have a function hear a message; answers what it tells, less the levels, which are checked here."""
        before = self.clerk.free()
        room, memory = cast("StockRoom", self.room), cast("Amendments", self.memory)
        stores = (room, memory) if "amendments" in function.__annotations__ else (room,)
        result = function(message, *stores, cause(at=MORNING + timedelta(minutes=self.minute)))
        events = getattr(result, "events", result)
        told = [] if events is None else [events] if isinstance(events, Event) else list(events)
        levels = [event for event in told if isinstance(event, StockLow | StockSoldOut | StockBack)]
        for event in told:
            if event not in levels:
                self.write_down(event)
        if remember:
            self.heard.append((function, message))
        self.expected_levels = (before, levels)
        return [event for event in told if event not in levels]

    def check_levels(self) -> None:
        """See that each crossing was told once: the clerk's books are up to date now."""
        before, levels = self.expected_levels
        expected: list[Event] = []
        for sku, free in self.clerk.free().items():
            if free < before[sku] and sku in THRESHOLDS and free <= THRESHOLDS[sku] < before[sku]:
                expected.append(StockLow(sku=sku, available=free, threshold=THRESHOLDS[sku]))
            if free == 0 < before[sku]:
                expected.append(StockSoldOut(sku=sku))
            if before[sku] == 0 < free:
                expected.append(StockBack(sku=sku, available=free))
        assert sorted(levels, key=repr) == sorted(expected, key=repr)

    def write_down(self, event: Any) -> None:  # noqa: C901, PLR0912 - a page for each kind of fact
        page = self.clerk.pages.setdefault(event.order_id, Page())
        match event:
            case StockReserved() | AdditionReserved():
                change_id = getattr(event, "change_id", None)
                self.hold(page, parcels(event), change_id)
                page.waiting.update({(sku, change_id): n for sku, n in units(event.backordered).items()})
            case BackorderAllocated():
                self.hold(page, parcels(event), None)
                for parcel in parcels(event).values():
                    page.waiting.subtract({(sku, None): n for sku, n in parcel.items()})
                assert units(event.waiting) == {sku: n for (sku, change), n in page.waiting.items() if n and change is None}
            case StockReleased():
                assert units(event.lines) == page.by_sku(all_of_it=True)
                page.held.clear()
                page.waiting.clear()
                page.over = True
            case AdditionReleased():
                assert units(event.lines) == page.by_sku(event.change_id)
                page.held = Counter({key: n for key, n in page.held.items() if key[2] != event.change_id})
                page.waiting = Counter({key: n for key, n in page.waiting.items() if key[1] != event.change_id})
            case StockDeducted():
                for line in event.lines:
                    page.held[line.product_id, event.warehouse_id, None] -= line.quantity
                    page.away[line.product_id] += line.quantity
                    for part, each in RECIPES[line.product_id].items():
                        self.clerk.on_hand[part, event.warehouse_id] -= line.quantity * each
            case StockReturned():
                for lines in (event.restocked, event.written_off):
                    page.away.subtract(units(lines))
                for line in event.restocked:
                    for part, each in RECIPES[line.product_id].items():
                        self.clerk.on_hand[part, event.warehouse_id] += line.quantity * each
            case StockReservationFailed():
                page.over = True
            case AdditionRefused() | ReservationReduced() | ShipmentMoved() | ShipmentMoveRefused():
                return
            case _:
                raise AssertionError(event)

    @staticmethod
    def hold(page: Page, held: dict[str, dict[str, int]], change_id: UUID | None) -> None:
        for place, parcel in held.items():
            page.held.update({(sku, place, change_id): n for sku, n in parcel.items()})

    def page(self, event: Any) -> Page:
        return self.clerk.pages.setdefault(event.order_id, Page())

    def settled(self, order_id: UUID) -> list[tuple[str, str, int]]:
        """List what an order holds that no open change added."""
        page = self.clerk.pages.get(order_id, Page())
        return [(sku, place, n) for (sku, place, change), n in sorted(page.held.items(), key=repr) if change is None and n]

    # --- orders -------------------------------------------------------------------------------------------------------

    @rule(target=orders, wanted=WANTED, country=COUNTRIES, ago=st.integers(0, 3))
    def place(self, wanted: dict[str, int], country: str, ago: int) -> OrderPlaced:
        self.minute += 1
        event = placed(*wanted.items(), country=country, at=MORNING + timedelta(minutes=self.minute - ago))
        possible = self.clerk.can_have(wanted)
        self.page(event).since[None] = event.order_date
        (answer,) = self.hear(handlers.reserve_stock, event)
        self.check_levels()
        assert isinstance(answer, StockReserved) == possible
        if possible:
            total = Counter(self.page(event).by_sku())
            total.update({sku: n for (sku, _), n in self.page(event).waiting.items()})
            assert dict(total) == wanted
            assert set(units(answer.backordered)) <= set(PATIENT)
        else:
            assert all(one.available < one.requested for one in answer.shortages)
        return event

    @rule(target=orders, wanted=WANTED)
    def cancel_before_it_is_placed(self, wanted: dict[str, int]) -> OrderPlaced:
        event = placed(*wanted.items())
        self.hear(handlers.release_stock, cancelled(event.order_id))
        assert self.hear(handlers.reserve_stock, event) == []
        self.check_levels()
        return event

    @rule(event=orders)
    def cancel(self, event: OrderPlaced) -> None:
        assert len(self.hear(handlers.release_stock, cancelled(event.order_id))) == 1
        self.check_levels()

    @rule(event=orders, data=st.data())
    def dispatch(self, event: OrderPlaced, data: st.DataObject) -> None:
        held = self.settled(event.order_id)
        if not held:
            return
        place = data.draw(st.sampled_from(sorted({place for _, place, _ in held})))
        packed = {sku: data.draw(st.integers(1, n)) for sku, where, n in held if where == place}
        told = self.hear(handlers.deduct_stock, dispatched(event.order_id, place, *packed.items()))
        self.check_levels()
        assert [type(one) for one in told] == [StockDeducted]

    @rule(event=orders, place=WAREHOUSES, sku=SKUS)
    def dispatch_more_than_is_held(self, event: OrderPlaced, place: str, sku: str) -> None:
        held = sum(n for one, _, n in self.settled(event.order_id) if one == sku)
        parcel = dispatched(event.order_id, place, (sku, held + 1))
        try:
            self.hear(handlers.deduct_stock, parcel, remember=False)
        except NotHeldError:
            return
        raise AssertionError("a parcel of what is not held was taken off the books")

    @rule(event=orders, place=WAREHOUSES, data=st.data())
    def take_back(self, event: OrderPlaced, place: str, data: st.DataObject) -> None:
        away = dict(+self.page(event).away)
        back: list[tuple[str, int, Disposition]] = []
        for sku, n in away.items():
            good = data.draw(st.integers(0, n))
            bad = data.draw(st.integers(0, n - good))
            back += [(sku, units, kind) for units, kind in ((good, Disposition.RESTOCK), (bad, Disposition.DAMAGED)) if units]
        if not back:
            return
        (told,) = self.hear(handlers.take_back_stock, came_back(event.order_id, place, *back))
        self.check_levels()
        assert units(told.restocked) == {sku: n for sku, n, kind in back if kind is Disposition.RESTOCK}
        assert units(told.written_off) == {sku: n for sku, n, kind in back if kind is Disposition.DAMAGED}

    @rule(event=orders, place=WAREHOUSES, sku=SKUS, kind=st.sampled_from(Disposition))
    def take_back_more_than_the_customer_has(self, event: OrderPlaced, place: str, sku: str, kind: Disposition) -> None:
        receipt = came_back(event.order_id, place, (sku, self.page(event).away[sku] + 1, kind))
        try:
            self.hear(handlers.take_back_stock, receipt, remember=False)
        except NotShippedError:
            return
        raise AssertionError("more came back than the customer had")

    # --- changes ------------------------------------------------------------------------------------------------------

    @rule(target=changes, event=orders, wanted=WANTED, withdrawn_first=st.booleans())
    def add(self, event: OrderPlaced, wanted: dict[str, int], *, withdrawn_first: bool) -> OrderChangeRequested:
        self.minute += 1
        fact = requested(event.order_id, *wanted.items())
        if withdrawn_first:
            (barred,) = self.hear(handlers.release_addition, withdrawn(event.order_id, fact.change_id))
            assert barred.lines == []
        possible = self.clerk.can_have(wanted)
        told = self.hear(handlers.reserve_addition, fact)
        self.check_levels()
        if withdrawn_first or self.page(event).over:
            assert told == []
        else:
            assert [isinstance(answer, AdditionReserved) for answer in told] == [possible]
        self.page(event).since[fact.change_id] = MORNING + timedelta(minutes=self.minute)
        return fact

    @rule(change=changes)
    def withdraw(self, change: OrderChangeRequested) -> None:
        amendment = self.memory.amendments[change.change_id]
        due = amendment.status in {"held", "refused"}
        told = self.hear(handlers.release_addition, withdrawn(change.order_id, change.change_id))
        self.check_levels()
        assert len(told) == due

    @rule(change=changes)
    def keep(self, change: OrderChangeRequested) -> None:
        if self.memory.amendments[change.change_id].status != "held":
            return
        fact = changed(change.order_id, ChangeKind.ADDITION, change_id=change.change_id)
        assert self.hear(handlers.reduce_reservation, fact) == []
        page = self.page(change)
        page.held = Counter(_merged(page.held.items(), change.change_id, 2))
        page.waiting = Counter(_merged(page.waiting.items(), change.change_id, 1))
        self.check_levels()

    @rule(event=orders, data=st.data())
    def reduce(self, event: OrderPlaced, data: st.DataObject) -> None:
        page = self.page(event)
        released: dict[str, dict[str, int]] = {}
        for sku, place, n in self.settled(event.order_id):
            if less := data.draw(st.integers(0, n)):
                released.setdefault(place, {})[sku] = less
        waits = {sku: n for (sku, change), n in page.waiting.items() if change is None and n}
        given_up = {sku: less for sku, n in waits.items() if (less := data.draw(st.integers(0, n)))}
        kind = data.draw(st.sampled_from([ChangeKind.REDUCTION, ChangeKind.REST_CANCELLED]))
        (reduced,) = self.hear(handlers.reduce_reservation, changed(event.order_id, kind, released, given_up))
        expected: Counter[str] = Counter()
        for place, parcel in released.items():
            expected.update(parcel)
            page.held.subtract({(sku, place, None): n for sku, n in parcel.items()})
        page.waiting.subtract({(sku, None): n for sku, n in given_up.items()})
        self.check_levels()
        assert units(reduced.lines) == dict(expected)

    @rule(event=orders, target_place=WAREHOUSES, data=st.data())
    def move(self, event: OrderPlaced, target_place: str, data: st.DataObject) -> None:
        held = self.settled(event.order_id)
        if not held:
            return
        source = data.draw(st.sampled_from(sorted({place for _, place, _ in held})))
        parcel = {sku: data.draw(st.integers(1, n)) for sku, place, n in held if place == source}
        needed: Counter[str] = Counter()
        for sku, n in parcel.items():
            for part, each in RECIPES[sku].items():
                needed[part] += n * each
        there = self.clerk.there()
        possible = source == target_place or all(there[part, target_place] >= n for part, n in needed.items())
        (answer,) = self.hear(handlers.move_shipment, move(event.order_id, source, target_place, *parcel.items()))
        assert isinstance(answer, ShipmentMoved) == possible
        if possible:
            page = self.page(event)
            page.held.subtract({(sku, source, None): n for sku, n in parcel.items()})
            page.held.update({(sku, target_place, None): n for sku, n in parcel.items()})
        self.check_levels()

    # --- stock --------------------------------------------------------------------------------------------------------

    @rule(sku=st.sampled_from(STOCKED), place=WAREHOUSES, delta=st.integers(-4, 6).filter(bool))
    def adjust(self, sku: str, place: str, delta: int) -> None:
        kind = MovementKind.RECEIVED if delta > 3 else MovementKind.WRITTEN_OFF if delta < -2 else MovementKind.ADJUSTED
        possible = self.clerk.there()[sku, place] + delta >= 0
        try:
            self.hear(handlers.adjust_stock, AdjustStock(sku, place, delta, "count", kind), remember=False)
        except InsufficientStockError:
            assert not possible
            return
        self.clerk.on_hand[sku, place] += delta
        self.check_levels()
        assert possible

    @rule(sku=st.sampled_from(STOCKED), source=WAREHOUSES, target_place=WAREHOUSES, quantity=st.integers(1, 4))
    def transfer(self, sku: str, source: str, target_place: str, quantity: int) -> None:
        possible = self.clerk.there()[sku, source] >= quantity
        try:
            self.hear(handlers.transfer_stock, TransferStock(sku, source, target_place, quantity, "nearer"), remember=False)
        except InsufficientStockError:
            assert not possible
            return
        self.clerk.on_hand[sku, source] -= quantity
        self.clerk.on_hand[sku, target_place] += quantity
        self.check_levels()
        assert possible

    @rule(counts=st.dictionaries(st.tuples(st.sampled_from(STOCKED), WAREHOUSES), st.integers(0, 8), max_size=4))
    def count(self, counts: dict[tuple[str, str], int]) -> None:
        rows = [CountedRow(row, sku, place, n) for row, ((sku, place), n) in enumerate(counts.items(), 2)]
        reserved = self.clerk.reserved()
        self.hear(handlers.take_stock, TakeStock(rows), remember=False)
        self.clerk.on_hand.update({key: n - self.clerk.on_hand[key] for key, n in counts.items() if n >= reserved[key]})
        self.check_levels()

    @rule()
    def allocate(self) -> None:
        """Do what the worker does for products that came in."""
        room = self.room.shelves
        while room.came_in or room.due:
            sku = min(room.came_in | room.due)
            room.came_in.discard(sku)
            room.due.discard(sku)
            before = self.entries(sku)
            self.hear(handlers.allocate_backorders, RestockDue(sku, MORNING, None, {}, cause()), remember=False)
            self.check_levels()
            self.check_oldest_first(sku, before, self.entries(sku))

    def entries(self, sku: str) -> dict[tuple[datetime, UUID], int]:
        """List who waits for a product itself and can have it, by age."""
        entries: Counter[tuple[datetime, UUID]] = Counter()
        for order_id, one in self.room.reservations.items():
            for line in one.waiting:
                if line.product_id == sku and line.change_id is None:
                    entries[line.since, order_id] += line.quantity
        return entries

    def check_oldest_first(
        self, sku: str, before: dict[tuple[datetime, UUID], int], after: dict[tuple[datetime, UUID], int]
    ) -> None:
        """See that no order got a unit while an older one waits for it, and that no unit lies there while someone waits."""
        open_ = [age for age in sorted(before) if after.get(age, 0)]
        got = [age for age in sorted(before) if after.get(age, 0) < before[age]]
        assert not open_ or not got or max(got) <= min(open_)
        undecided = sum(
            line.quantity * line.parts.get(sku, 0)
            for one in self.room.reservations.values()
            for line in one.waiting
            if line.change_id is not None
        )
        assert not open_ or self.room.shelves.total(sku) <= undecided

    # --- repeats ------------------------------------------------------------------------------------------------------

    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        """Hear a fact again, under a new id: it takes effect no second time."""
        if not self.heard:
            return
        function, message = data.draw(st.sampled_from(self.heard))
        posted = len(self.room.shelves.movements)
        told = self.hear(function, message, remember=False)
        assert len(self.room.shelves.movements) == posted or function is handlers.release_stock
        assert all(isinstance(event, StockReleased) for event in told)
        self.check_levels()

    # --- what must hold after each step -------------------------------------------------------------------------------

    @invariant()
    def counters_are_what_the_clerk_and_the_ledger_say(self) -> None:
        reserved = self.clerk.reserved()
        ledger: Counter[tuple[str, str]] = Counter()
        promised: Counter[tuple[str, str]] = Counter()
        for one in self.room.shelves.movements:
            ledger[one.sku, one.warehouse_id] += one.on_hand_delta
            promised[one.sku, one.warehouse_id] += one.reserved_delta
        for sku in STOCKED:
            for row in self.room.shelves.of(sku):
                key = (sku, row.warehouse_id)
                assert row.on_hand == self.clerk.on_hand[key] == OPENING + ledger[key]
                assert row.reserved == reserved[key] == promised[key]
                assert 0 <= row.reserved <= row.on_hand
            assert self.room.shelves.free(sku) == self.clerk.free()[sku]

    @invariant()
    def reservations_are_what_the_clerk_says(self) -> None:
        for order_id, one in self.room.reservations.items():
            page = self.clerk.pages.get(order_id, Page())
            held: Counter[tuple[str, str, str | None]] = Counter()
            for line in one.lines if one.is_live else ():
                held[line.product_id, line.warehouse_id, line.change_id] += line.open
                assert 0 <= line.shipped <= line.quantity
            expected = {(sku, place, change and str(change)): n for (sku, place, change), n in page.held.items() if n}
            assert +held == expected
            waiting: Counter[tuple[str, str | None]] = Counter()
            for entry in one.waiting:
                waiting[entry.product_id, entry.change_id] += entry.quantity
                assert entry.since in page.since.values()
            assert waiting == {(sku, change and str(change)): n for (sku, change), n in page.waiting.items() if n}

    @invariant()
    def what_came_back_was_sent(self) -> None:
        for order_id, one in self.room.reservations.items():
            away: Counter[str] = Counter()
            for line in one.lines:
                away[line.product_id] += line.shipped
            for receipt in one.receipts:
                away[receipt.product_id] -= receipt.units
                assert receipt.units > 0
            assert +away == +self.clerk.pages.get(order_id, Page()).away
            assert not -away

    @invariant()
    def what_is_waited_for_is_kept_from_others(self) -> None:
        waited = self.clerk.waited()
        assert all(self.room.shelves.waiting(sku) == waited[sku] for sku in STOCKED)


def _merged(items: Iterable[tuple[tuple[Any, ...], int]], change_id: UUID, place: int) -> Counter[Any]:
    """Let what a change added be the order's."""
    merged: Counter[Any] = Counter()
    for key, n in items:
        merged[(*key[:place], None if key[place] == change_id else key[place])] += n
    return merged


# 16,000 steps, of which more than 10,000 are commands: the others find nothing that they could be about.
Books.TestCase.settings = settings(max_examples=400, stateful_step_count=40, deadline=None)
TestBooks = Books.TestCase
