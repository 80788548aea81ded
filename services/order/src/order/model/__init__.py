"""Carts, orders and shipments: their rules, and nothing but their rules."""

from order.model.cart import Cart, EmptyCartError, PricedLine, Product, UnknownProductError
from order.model.order import (
    HistoryEntry,
    Order,
    OrderItem,
    PriceChangedError,
    VersionMismatchError,
)
from order.model.shipment import Shipment, ShipmentNotFoundError, ShipmentState
from order.model.status import (
    TRANSITIONS,
    Action,
    FulfilmentState,
    InvalidTransitionError,
    OrderState,
    PaymentState,
    ReturnState,
    Status,
    allowed_actions,
    public_status,
)
from order.model.table import Table

__all__ = [
    "TRANSITIONS",
    "Action",
    "Cart",
    "EmptyCartError",
    "FulfilmentState",
    "HistoryEntry",
    "InvalidTransitionError",
    "Order",
    "OrderItem",
    "OrderState",
    "PaymentState",
    "PriceChangedError",
    "PricedLine",
    "Product",
    "ReturnState",
    "Shipment",
    "ShipmentNotFoundError",
    "ShipmentState",
    "Status",
    "Table",
    "UnknownProductError",
    "VersionMismatchError",
    "allowed_actions",
    "public_status",
]
