"""Products, stock and reservations: their rules, and nothing but their rules."""

from inventory.model.amendment import AMENDMENT_TRANSITIONS, Amendment, AmendmentKind, AmendmentStatus
from inventory.model.backlog import serve_backlog
from inventory.model.catalogue import (
    ChangeProduct,
    InvalidComponentsError,
    OfferProduct,
    Product,
    ProductExistsError,
    Unsaid,
    VersionMismatchError,
)
from inventory.model.lines import HeldLine, WaitingLine
from inventory.model.plan import InvalidRulesError, RankedRule, RoutingPlan, RoutingRule, SetRoutingRules
from inventory.model.reservation import LIVE, TRANSITIONS, NotHeldError, Reservation, ReservationStatus
from inventory.model.returns import NotShippedError, ReceivedLine
from inventory.model.routing import KINDS, Place, Rule, rules_of
from inventory.model.shelves import Article, Shelves
from inventory.model.stock import (
    INCOMING,
    MOST_UNITS,
    OUTGOING,
    AdjustStock,
    BundleHasNoStockError,
    InsufficientStockError,
    Movement,
    MovementKind,
    Posting,
    Stock,
    StockPlace,
    TransferStock,
    UnknownProductError,
    UnknownWarehouseError,
)
from inventory.model.stocktake import CountedRow, Outcome, RowReport, TakeStock
from inventory.model.table import Table
from inventory.model.warehouse import ChangeWarehouse, OpenWarehouse, Warehouse, WarehouseExistsError

__all__ = [
    "AMENDMENT_TRANSITIONS",
    "INCOMING",
    "KINDS",
    "LIVE",
    "MOST_UNITS",
    "OUTGOING",
    "TRANSITIONS",
    "AdjustStock",
    "Amendment",
    "AmendmentKind",
    "AmendmentStatus",
    "Article",
    "BundleHasNoStockError",
    "ChangeProduct",
    "ChangeWarehouse",
    "CountedRow",
    "HeldLine",
    "InsufficientStockError",
    "InvalidComponentsError",
    "InvalidRulesError",
    "Movement",
    "MovementKind",
    "NotHeldError",
    "NotShippedError",
    "OfferProduct",
    "OpenWarehouse",
    "Outcome",
    "Place",
    "Posting",
    "Product",
    "ProductExistsError",
    "RankedRule",
    "ReceivedLine",
    "Reservation",
    "ReservationStatus",
    "RoutingPlan",
    "RoutingRule",
    "RowReport",
    "Rule",
    "SetRoutingRules",
    "Shelves",
    "Stock",
    "StockPlace",
    "Table",
    "TakeStock",
    "TransferStock",
    "UnknownProductError",
    "UnknownWarehouseError",
    "Unsaid",
    "VersionMismatchError",
    "WaitingLine",
    "Warehouse",
    "WarehouseExistsError",
    "rules_of",
    "serve_backlog",
]
