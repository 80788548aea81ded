"""Facts that the inventory service tells."""

from enum import StrEnum
from uuid import UUID

from contracts.event import Event, Fact
from contracts.topics import CATALOG_PRODUCTS, INVENTORY_EVENTS
from contracts.types import Allocation, Line, Money, Sku


class ProductPublished(Event, type="catalog.product_published.v1", topic=CATALOG_PRODUCTS):
    """The state of a product after a change: what it is called, what it costs, whether it can be ordered."""

    sku: Sku
    name: str
    description: str = ""
    price: Money
    active: bool = True


class StockReserved(Event, type="inventory.stock_reserved.v1", topic=INVENTORY_EVENTS):
    """All lines of the order are held, split over warehouses; `total_amount` is repeated for whoever charges it."""

    order_id: UUID
    user_id: str
    total_amount: Money
    allocations: list[Allocation]


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
