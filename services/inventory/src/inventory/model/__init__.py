"""Products, stock and reservations: their rules, and nothing but their rules."""

from inventory.model.catalogue import (
    ChangeProduct,
    OfferProduct,
    OpenWarehouse,
    Product,
    ProductExistsError,
    VersionMismatchError,
    Warehouse,
    WarehouseExistsError,
)
from inventory.model.reservation import TRANSITIONS, HeldLine, NotHeldError, Reservation, ReservationStatus
from inventory.model.stock import (
    AdjustStock,
    InsufficientStockError,
    Movement,
    MovementKind,
    Posting,
    Shelves,
    Stock,
    UnknownProductError,
    UnknownWarehouseError,
)
from inventory.model.table import Table

__all__ = [
    "TRANSITIONS",
    "AdjustStock",
    "ChangeProduct",
    "HeldLine",
    "InsufficientStockError",
    "Movement",
    "MovementKind",
    "NotHeldError",
    "OfferProduct",
    "OpenWarehouse",
    "Posting",
    "Product",
    "ProductExistsError",
    "Reservation",
    "ReservationStatus",
    "Shelves",
    "Stock",
    "Table",
    "UnknownProductError",
    "UnknownWarehouseError",
    "VersionMismatchError",
    "Warehouse",
    "WarehouseExistsError",
]
