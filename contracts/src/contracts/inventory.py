"""Facts that the inventory service tells."""

from enum import StrEnum
from uuid import UUID

from contracts.event import Event, Fact
from contracts.topics import CATALOG_PRODUCTS, CATALOG_WAREHOUSES, INVENTORY_EVENTS, STOCK_LEVELS
from contracts.types import Allocation, Country, Line, Money, Sku


class ProductPublished(Event, type="catalog.product_published.v1", topic=CATALOG_PRODUCTS):
    """The state of a product after a change: what it is called, what it costs, whether it can be ordered."""

    sku: Sku
    name: str
    description: str = ""
    price: Money
    active: bool = True
    weight_grams: int = 0
    """What one unit weighs, packed; decides what shipping costs."""
    tax_class: str = "standard"
    backorder: bool = False
    """Whether it can be ordered beyond what is in stock; what is missing is sent when it comes in."""
    components: list[Line] = []
    """What one unit of a bundle is made of; empty: it is no bundle."""


class WarehousePublished(Event, type="catalog.warehouse_published.v1", topic=CATALOG_WAREHOUSES):
    """The state of a warehouse after a change: its name and where its parcels leave from."""

    warehouse_id: str
    name: str
    country: Country
    region: str | None = None
    line1: str = ""
    city: str = ""
    postal_code: str = ""


class StockReserved(Event, type="inventory.stock_reserved.v1", topic=INVENTORY_EVENTS):
    """All lines of the order are held, split over warehouses; `total_amount` is repeated for whoever charges it.

    `backordered` is what is not in stock and will be sent when it comes in; a bundle's lines count whole bundles.
    """

    order_id: UUID
    user_id: str
    total_amount: Money
    allocations: list[Allocation]
    backordered: list[Line] = []


class Shortage(Fact):
    """A product of which less was available than asked for (nothing of it: not in the catalogue, or sold out)."""

    product_id: Sku
    requested: int
    available: int


class RefusalReason(StrEnum):
    """Why stock could not be held."""

    OUT_OF_STOCK = "out_of_stock"
    UNKNOWN_PRODUCT = "unknown_product"


class StockReservationFailed(Event, type="inventory.stock_reservation_failed.v1", topic=INVENTORY_EVENTS):
    """Nothing is held: at least one line could not be."""

    order_id: UUID
    user_id: str
    reason: RefusalReason
    shortages: list[Shortage]


class StockReleased(Event, type="inventory.stock_released.v1", topic=INVENTORY_EVENTS):
    """Nothing is held for the cancelled order any more; `lines` is what went back on sale (empty: nothing had been held)."""

    order_id: UUID
    user_id: str
    lines: list[Line]


class StockDeducted(Event, type="inventory.stock_deducted.v1", topic=INVENTORY_EVENTS):
    """A dispatched shipment's units left the warehouse's books."""

    order_id: UUID
    shipment_id: UUID
    warehouse_id: str
    lines: list[Line]


class AdditionReserved(Event, type="inventory.addition_reserved.v1", topic=INVENTORY_EVENTS):
    """All that a change adds to an order is held; `difference` is repeated for whoever charges it."""

    order_id: UUID
    user_id: str
    change_id: UUID
    difference: Money
    allocations: list[Allocation]
    backordered: list[Line] = []


class AdditionRefused(Event, type="inventory.addition_refused.v1", topic=INVENTORY_EVENTS):
    """Nothing of what a change adds is held; what the order held before it holds still."""

    order_id: UUID
    user_id: str
    change_id: UUID
    reason: RefusalReason
    shortages: list[Shortage]


class AdditionReleased(Event, type="inventory.addition_released.v1", topic=INVENTORY_EVENTS):
    """Nothing is held for a withdrawn change any more; `lines` is what went back on sale (empty: nothing had been held)."""

    order_id: UUID
    user_id: str
    change_id: UUID
    lines: list[Line]


class ReservationReduced(Event, type="inventory.reservation_reduced.v1", topic=INVENTORY_EVENTS):
    """What a change took out of an order is not held for it any more; `lines` is what went back on sale."""

    order_id: UUID
    user_id: str
    change_id: UUID
    lines: list[Line]


class BackorderAllocated(Event, type="inventory.backorder_allocated.v1", topic=INVENTORY_EVENTS):
    """Stock came in for what an order waited for; `waiting` is what it still waits for."""

    order_id: UUID
    user_id: str
    allocations: list[Allocation]
    waiting: list[Line]


class ShipmentMoved(Event, type="inventory.shipment_moved.v1", topic=INVENTORY_EVENTS):
    """What a shipment needs is held in another warehouse now, and no longer where it was."""

    order_id: UUID
    shipment_id: UUID
    move_id: UUID
    warehouse_id: str


class ShipmentMoveRefused(Event, type="inventory.shipment_move_refused.v1", topic=INVENTORY_EVENTS):
    """The other warehouse does not have what a shipment needs; it is held where it was."""

    order_id: UUID
    shipment_id: UUID
    move_id: UUID
    shortages: list[Shortage]


class StockLow(Event, type="stock.low.v1", topic=STOCK_LEVELS):
    """No more than `threshold` units of a product can still be ordered."""

    sku: Sku
    available: int
    threshold: int


class StockSoldOut(Event, type="stock.sold_out.v1", topic=STOCK_LEVELS):
    """Nothing of a product can be ordered from stock any more."""

    sku: Sku


class StockBack(Event, type="stock.back.v1", topic=STOCK_LEVELS):
    """A product that was sold out can be ordered from stock again."""

    sku: Sku
    available: int


class StockReturned(Event, type="inventory.stock_returned.v1", topic=INVENTORY_EVENTS):
    """Units that came back are on the books: `restocked` can be sold again, `written_off` cannot."""

    order_id: UUID
    user_id: str
    return_id: UUID
    receipt_id: UUID
    warehouse_id: str
    restocked: list[Line]
    written_off: list[Line]
