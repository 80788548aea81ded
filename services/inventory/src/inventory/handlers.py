"""What the inventory does about events and commands."""

from typing import Never

from chassis.batch import Answer
from chassis.domain import Cause, NotFoundError
from chassis.jobs import Jobs
from chassis.reactions import Reactions
from contracts.inventory import (
    ProductPublished,
    StockDeducted,
    StockReleased,
    StockReservationFailed,
    StockReserved,
)
from contracts.order import OrderCancelled, OrderPlaced, ShipmentDispatched
from inventory.model import (
    AdjustStock,
    ChangeProduct,
    NotHeldError,
    OfferProduct,
    OpenWarehouse,
    Product,
    Reservation,
    Warehouse,
)
from inventory.model.views import ProductView, StockView, WarehouseView
from inventory.store import Catalogue, StockRoom

react = Reactions("inventory")
jobs = Jobs("inventory")


@react.on(OrderPlaced)
def reserve_stock(event: OrderPlaced, room: StockRoom, cause: Cause) -> StockReserved | StockReservationFailed | None:
    """Hold every line of the order, or none; nothing where it was cancelled before it was heard of."""
    if room.reservation(event.order_id) is not None:
        return None
    reservation, answer = Reservation.place(event, room.shelves, cause)
    room.keep(reservation)
    return answer


@react.on(OrderCancelled)
def release_stock(event: OrderCancelled, room: StockRoom, cause: Cause) -> StockReleased:
    """Give back what is held for the order, and bar it from being held for later."""
    reservation = room.reservation(event.order_id) or room.keep(Reservation.bar(event, cause))
    return reservation.release(room.shelves, cause)


@react.on(ShipmentDispatched)
def deduct_stock(event: ShipmentDispatched, room: StockRoom, cause: Cause) -> StockDeducted | None:
    """Take a dispatched parcel's units off the warehouse's books, once."""
    reservation = room.reservation(event.order_id)
    if reservation is None:
        raise NotHeldError(f"Parcel {event.shipment_id} belongs to an order for which nothing was ever held.")
    return reservation.ship(event, room.shelves, cause)


def offer_product(wish: OfferProduct, catalogue: Catalogue, cause: Cause) -> Answer[ProductPublished]:
    """Put a product into the catalogue."""
    product, published = Product.offer(wish, cause)
    catalogue.add_product(product)
    place = {"Location": f"/api/admin/products/{product.sku}", "ETag": etag(product)}
    return Answer(ProductView.of(product).model_dump_json().encode(), [published], 201, place)


def change_product(wish: ChangeProduct, catalogue: Catalogue, cause: Cause) -> Answer[ProductPublished]:
    """Change a product that nobody else has changed meanwhile."""
    product = catalogue.product(wish.sku)
    if product is None:
        raise NotFoundError(f"There is no product {wish.sku}.")
    published = product.change(wish, cause)
    body = ProductView.of(product).model_dump_json().encode()
    return Answer(body, [published] if published else [], headers={"ETag": etag(product)})


def open_warehouse(wish: OpenWarehouse, catalogue: Catalogue, cause: Cause) -> Answer[Never]:
    """Open a warehouse."""
    warehouse = Warehouse.open(wish, cause)
    catalogue.add_warehouse(warehouse)
    return Answer(WarehouseView.of(warehouse).model_dump_json().encode(), status=201)


def adjust_stock(wish: AdjustStock, room: StockRoom, cause: Cause) -> Answer[Never]:
    """Correct a warehouse's stock, or take in a delivery."""
    stock = room.shelves.adjust(wish, cause)
    return Answer(StockView.of(stock).model_dump_json().encode(), status=201)


def etag(product: Product) -> str:
    """Name the product's version as HTTP does."""
    return f'"{product.version}"'
