"""What the inventory does about events, due rows and commands."""

from collections.abc import Sequence
from typing import Final, Never

from chassis.batch import Answer
from chassis.domain import Cause, NotFoundError
from chassis.jobs import Jobs
from chassis.preconditions import etag
from chassis.reactions import Reactions
from contracts.inventory import (
    AdditionRefused,
    AdditionReleased,
    AdditionReserved,
    BackorderAllocated,
    ProductPublished,
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
    WarehousePublished,
)
from contracts.order import (
    ChangeKind,
    OrderCancelled,
    OrderChanged,
    OrderChangeRequested,
    OrderChangeWithdrawn,
    OrderPlaced,
    ReturnReceived,
    ShipmentDispatched,
    ShipmentMoveRequested,
)
from inventory.model import (
    AdjustStock,
    Amendment,
    ChangeProduct,
    ChangeWarehouse,
    OfferProduct,
    OpenWarehouse,
    Product,
    Reservation,
    SetRoutingRules,
    TakeStock,
    TransferStock,
    Warehouse,
    serve_backlog,
)
from inventory.model.views import ProductView, RulesView, StocktakeView, StockView, Transferred, WarehouseView
from inventory.store import Amendments, Catalogue, RestockDue, RoutingRules, StockRoom, WarehouseDue

STOCKTAKE: Final = "stocktake"
"""The reason of a count that gives no other."""

react = Reactions("inventory")
jobs = Jobs("inventory")


@react.on(OrderPlaced)
def reserve_stock(
    event: OrderPlaced, room: StockRoom, cause: Cause
) -> Sequence[StockReserved | StockReservationFailed | StockLow | StockSoldOut]:
    """Hold every line of the order, or none; nothing where it was cancelled before it was heard of."""
    if room.reservation(event.order_id) is not None:
        return ()
    reservation, answer = Reservation.place(event, room.shelves, cause)
    room.keep(reservation)
    return [answer, *room.shelves.fallen()]


@react.on(OrderCancelled)
def release_stock(event: OrderCancelled, room: StockRoom, cause: Cause) -> Sequence[StockReleased | StockBack]:
    """Give back all that is held for the order, and bar it from being held for later."""
    reservation = room.reservation(event.order_id) or room.keep(Reservation.bar(event, cause))
    return [reservation.release(room.shelves, cause), *room.shelves.risen()]


@react.on(ShipmentDispatched)
def deduct_stock(event: ShipmentDispatched, room: StockRoom, cause: Cause) -> StockDeducted | None:
    """Take a dispatched parcel's units off the books of the warehouse it left, once."""
    return room.known(event.order_id).ship(event, room.shelves, cause)


@react.on(OrderChangeRequested)
def reserve_addition(
    event: OrderChangeRequested, room: StockRoom, amendments: Amendments, cause: Cause
) -> Sequence[AdditionReserved | AdditionRefused | StockLow | StockSoldOut]:
    """Hold all that a change adds, or nothing of it; nothing where the change or its order was over before."""
    if amendments.get(event) is not None:
        return ()
    amendment, answer = Amendment.request(event, room.known(event.order_id), room.shelves, cause)
    amendments.keep(amendment)
    return () if answer is None else [answer, *room.shelves.fallen()]


@react.on(OrderChangeWithdrawn)
def release_addition(
    event: OrderChangeWithdrawn, room: StockRoom, amendments: Amendments, cause: Cause
) -> Sequence[AdditionReleased | StockBack]:
    """Give back what is held for a change that will not come about, and bar it from being held for later."""
    amendment = amendments.get(event)
    if amendment is None:
        barred, released = Amendment.bar(event, cause)
        amendments.keep(barred)
        return [released]
    answer = amendment.withdraw(event, room.reservation(event.order_id), room.shelves, cause)
    return () if answer is None else [answer, *room.shelves.risen()]


@react.on(OrderChanged)
def reduce_reservation(
    event: OrderChanged, room: StockRoom, amendments: Amendments, cause: Cause
) -> Sequence[ReservationReduced | StockBack]:
    """Give back what a change took out of the order, once; what a change added is the order's from now on."""
    if event.kind is ChangeKind.ADDRESS:
        return ()
    reservation = room.known(event.order_id)
    if event.kind is ChangeKind.ADDITION:
        amendments.known(event).keep(reservation, room.shelves, cause)
        return ()
    if amendments.get(event) is not None:
        return ()
    amendment, reduced = Amendment.conclude(event, reservation, room.shelves, cause)
    amendments.keep(amendment)
    return [reduced, *room.shelves.risen()]


@react.on(ShipmentMoveRequested)
def move_shipment(
    event: ShipmentMoveRequested, room: StockRoom, amendments: Amendments, cause: Cause
) -> ShipmentMoved | ShipmentMoveRefused | None:
    """Hold what a shipment needs in another warehouse instead, all of it or nothing, once."""
    if amendments.get(event) is not None:
        return None
    amendment, answer = Amendment.move(event, room.known(event.order_id), room.shelves, cause)
    amendments.keep(amendment)
    return answer


@react.on(ReturnReceived)
def take_back_stock(event: ReturnReceived, room: StockRoom, cause: Cause) -> Sequence[StockReturned | StockBack]:
    """Book what came back into the warehouse where it is, once for each receipt; what cannot be sold again goes at once."""
    returned = room.known(event.order_id).take_back(event, room.shelves, cause)
    return () if returned is None else [returned, *room.shelves.risen()]


@jobs.on(RestockDue)
def allocate_backorders(due: RestockDue, room: StockRoom, cause: Cause) -> Sequence[BackorderAllocated | StockBack]:
    """Give stock that came in to those who wait for it, oldest order first."""
    return [*serve_backlog(due.sku, room.waiting(due), room.shelves, room.ahead(due), cause), *room.shelves.risen()]


@jobs.on(WarehouseDue)
def tell_warehouse(due: WarehouseDue, catalogue: Catalogue) -> WarehousePublished:
    """Tell of a warehouse that was opened before warehouses were told."""
    return catalogue.warehouse(due.warehouse_id).publish()


def offer_product(wish: OfferProduct, catalogue: Catalogue, cause: Cause) -> Answer[ProductPublished]:
    """Put a product into the catalogue."""
    product, published = Product.offer(wish, catalogue, cause)
    catalogue.add_product(product)
    place = {"Location": f"/api/admin/products/{product.sku}", "ETag": etag(product.version)}
    return Answer(ProductView.of(product).model_dump_json().encode(), [published], 201, place)


def change_product(wish: ChangeProduct, catalogue: Catalogue, cause: Cause) -> Answer[ProductPublished]:
    """Change a product that nobody else has changed meanwhile."""
    product = catalogue.product(wish.sku)
    if product is None:
        raise NotFoundError(f"There is no product {wish.sku}.")
    published = product.change(wish, catalogue, cause)
    body = ProductView.of(product).model_dump_json().encode()
    return Answer(body, [published] if published else [], headers={"ETag": etag(product.version)})


def open_warehouse(wish: OpenWarehouse, catalogue: Catalogue, cause: Cause) -> Answer[WarehousePublished]:
    """Open a warehouse."""
    warehouse, published = Warehouse.open(wish, cause)
    catalogue.add_warehouse(warehouse)
    return Answer(WarehouseView.of(warehouse).model_dump_json().encode(), [published], 201)


def change_warehouse(wish: ChangeWarehouse, catalogue: Catalogue) -> Answer[WarehousePublished]:
    """Say anew what a warehouse is called and where it stands."""
    warehouse = catalogue.warehouse(wish.warehouse_id)
    published = warehouse.change(wish)
    return Answer(WarehouseView.of(warehouse).model_dump_json().encode(), [published] if published else [])


def set_routing_rules(wish: SetRoutingRules, rules: RoutingRules, cause: Cause) -> Answer[Never]:
    """Route by other rules from now on."""
    ranked = rules.plan.change(wish, rules.warehouses, cause)
    rules.replace(ranked)
    body = RulesView.of(rules.plan, ranked).model_dump_json().encode()
    return Answer(body, headers={"ETag": etag(rules.plan.version)})


def adjust_stock(wish: AdjustStock, room: StockRoom, cause: Cause) -> Answer[StockLow | StockSoldOut | StockBack]:
    """Correct a warehouse's stock, take in a delivery or a return, or write units off."""
    stock = room.shelves.adjust(wish, cause)
    return Answer(StockView.of(stock).model_dump_json().encode(), [*room.shelves.fallen(), *room.shelves.risen()], 201)


def transfer_stock(wish: TransferStock, room: StockRoom, cause: Cause) -> Answer[Never]:
    """Carry units that are promised to no one from one warehouse to another."""
    source, target = room.shelves.transfer(wish, cause)
    answer = Transferred(source=StockView.of(source), target=StockView.of(target))
    return Answer(answer.model_dump_json(by_alias=True).encode(), status=201)


def take_stock(wish: TakeStock, room: StockRoom, cause: Cause) -> Answer[StockLow | StockSoldOut | StockBack]:
    """Set stock to what was counted; a row that cannot be taken over stops no other."""
    reports = wish.carry_out(room.shelves, STOCKTAKE, cause)
    body = StocktakeView.of(reports, dry_run=False).model_dump_json().encode()
    return Answer(body, [*room.shelves.fallen(), *room.shelves.risen()])
