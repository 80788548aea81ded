"""Carts, orders, their shipments and changes, and the terms of sale: their rules, and nothing but their rules."""

from order.model.cart import Cart, EmptyCartError, PricedLine, Product, UnknownProductError
from order.model.change import (
    CHANGE_TRANSITIONS,
    Change,
    ChangePendingError,
    ChangeRefusedError,
    ChangeState,
)
from order.model.changes import shipping_with
from order.model.fulfilment import LabelTerms, Sighting
from order.model.lines import HistoryEntry, OrderItem
from order.model.order import Order, PriceChangedError
from order.model.pricing import Charge, Quote, quote
from order.model.record import VersionMismatchError
from order.model.shipment import (
    LABEL_TRANSITIONS,
    SHIPMENT_TRANSITIONS,
    Label,
    LabelState,
    Shipment,
    ShipmentLinesError,
    ShipmentNotFoundError,
    ShipmentState,
    ShipmentStateError,
    TrackingEvent,
)
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
from order.model.terms import NoShippingMethodError, ShippingMethod, ShippingRate, TaxRate, Terms
from order.model.warehouse import Warehouse

__all__ = [
    "CHANGE_TRANSITIONS",
    "LABEL_TRANSITIONS",
    "SHIPMENT_TRANSITIONS",
    "TRANSITIONS",
    "Action",
    "Cart",
    "Change",
    "ChangePendingError",
    "ChangeRefusedError",
    "ChangeState",
    "Charge",
    "EmptyCartError",
    "FulfilmentState",
    "HistoryEntry",
    "InvalidTransitionError",
    "Label",
    "LabelState",
    "LabelTerms",
    "NoShippingMethodError",
    "Order",
    "OrderItem",
    "OrderState",
    "PaymentState",
    "PriceChangedError",
    "PricedLine",
    "Product",
    "Quote",
    "ReturnState",
    "Shipment",
    "ShipmentLinesError",
    "ShipmentNotFoundError",
    "ShipmentState",
    "ShipmentStateError",
    "ShippingMethod",
    "ShippingRate",
    "Sighting",
    "Status",
    "Table",
    "TaxRate",
    "Terms",
    "TrackingEvent",
    "UnknownProductError",
    "VersionMismatchError",
    "Warehouse",
    "allowed_actions",
    "public_status",
    "quote",
    "shipping_with",
]
