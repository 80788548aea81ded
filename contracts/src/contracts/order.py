"""Facts that the order service tells."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from contracts.event import Event
from contracts.topics import ORDER_CONTACTS, ORDER_EVENTS
from contracts.types import Address, Allocation, Contact, Destination, Line, Money, OrderLine, PaymentInstrument


class CancelReason(StrEnum):
    """Why an order ended without being shipped."""

    OUT_OF_STOCK = "out_of_stock"
    PAYMENT_DECLINED = "payment_declined"
    DEADLINE = "deadline"
    CUSTOMER = "customer"
    STAFF = "staff"


class OrderPlaced(Event, type="order.placed.v1", topic=ORDER_EVENTS):
    """A customer placed an order; nothing is held or charged yet."""

    order_id: UUID
    user_id: str
    order_date: datetime
    items: list[OrderLine]
    total_amount: Money
    destination: Destination


class OrderContacts(Event, type="order.contacts.v1", topic=ORDER_CONTACTS):
    """The confidential part of an order: contact, addresses and payment token. Erased by a tombstone."""

    order_id: UUID
    user_id: str
    contact: Contact
    shipping_address: Address
    billing_address: Address
    payment: PaymentInstrument


class PlannedShipment(Allocation):
    """A shipment that a warehouse is to send."""

    shipment_id: UUID


class OrderConfirmed(Event, type="order.confirmed.v1", topic=ORDER_EVENTS):
    """Stock is held and money authorised: the order will be shipped as planned. The pivot of the saga."""

    order_id: UUID
    user_id: str
    total_amount: Money
    shipments: list[PlannedShipment]


class OrderCancelled(Event, type="order.cancelled.v1", topic=ORDER_EVENTS):
    """The order ends here; whoever holds stock or money for it gives it back. The one way out of the saga."""

    order_id: UUID
    user_id: str
    reason: CancelReason
    total_amount: Money


class ShipmentDispatched(Event, type="order.shipment_dispatched.v1", topic=ORDER_EVENTS):
    """A parcel left its warehouse; `amount` is the money due for it, and the amounts of all parcels add up to the total."""

    order_id: UUID
    user_id: str
    shipment_id: UUID
    warehouse_id: str
    lines: list[Line]
    amount: Money
    carrier: str | None = None
    tracking_number: str | None = None


class OrderShipped(Event, type="order.shipped.v1", topic=ORDER_EVENTS):
    """The last parcel of the order left."""

    order_id: UUID
    user_id: str


class ShipmentDelivered(Event, type="order.shipment_delivered.v1", topic=ORDER_EVENTS):
    """A parcel reached the customer."""

    order_id: UUID
    user_id: str
    shipment_id: UUID


class OrderDelivered(Event, type="order.delivered.v1", topic=ORDER_EVENTS):
    """The last parcel of the order reached the customer."""

    order_id: UUID
    user_id: str
