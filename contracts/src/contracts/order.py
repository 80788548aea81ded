"""Facts that the order service tells."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from contracts.event import Event
from contracts.topics import ORDER_CONTACTS, ORDER_EVENTS
from contracts.types import (
    Address,
    Allocation,
    Client,
    Contact,
    Destination,
    Line,
    Money,
    OrderedUnits,
    OrderLine,
    PaymentInstrument,
)


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
    shipping_amount: Money | None = None
    """What shipping costs, as far as it is part of the total; taxes included as in the total."""
    tax_amount: Money | None = None
    """The taxes in the total."""
    exchange_for: UUID | None = None
    """The order of which goods come back in exchange for these."""
    credit: Money | None = None
    """What the goods that come back pay of the total: so much of it is not charged."""


class OrderContacts(Event, type="order.contacts.v1", topic=ORDER_CONTACTS):
    """The confidential part of an order: contact, addresses and payment token. Erased by a tombstone."""

    order_id: UUID
    user_id: str
    contact: Contact
    shipping_address: Address
    billing_address: Address
    payment: PaymentInstrument
    change_id: UUID | None = None
    """The change that this payment is for; None: the order as it was placed."""
    client: Client | None = None
    """From where the order was placed, for the assessment of its risk."""


class PlannedShipment(Allocation):
    """A shipment that a warehouse is to send."""

    shipment_id: UUID


class OrderConfirmed(Event, type="order.confirmed.v1", topic=ORDER_EVENTS):
    """Stock is held and money authorised: the order will be shipped as planned. The pivot of the saga."""

    order_id: UUID
    user_id: str
    total_amount: Money
    shipments: list[PlannedShipment]
    backordered: list[Line] = []
    """What is sent later, when it comes into stock."""


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


class ChangeKind(StrEnum):
    """What a change does to an order."""

    ADDITION = "addition"
    REDUCTION = "reduction"
    REST_CANCELLED = "rest_cancelled"
    """What has not been sent yet is cancelled; the parcels on their way stay."""
    ADDRESS = "address"


class OrderChangeRequested(Event, type="order.change_requested.v1", topic=ORDER_EVENTS):
    """The customer wants more: `lines` are added if they can be held and `difference` can be authorised; until then nothing."""

    order_id: UUID
    user_id: str
    change_id: UUID
    lines: list[OrderLine]
    difference: Money
    destination: Destination


class ChangeRefusal(StrEnum):
    """Why a requested change did not come about."""

    OUT_OF_STOCK = "out_of_stock"
    PAYMENT_DECLINED = "payment_declined"
    DEADLINE = "deadline"
    CUSTOMER = "customer"
    STAFF = "staff"


class OrderChangeWithdrawn(Event, type="order.change_withdrawn.v1", topic=ORDER_EVENTS):
    """A requested change will not come about: the order stays as it was, and what was held for the change is given back."""

    order_id: UUID
    user_id: str
    change_id: UUID
    reason: ChangeRefusal


class OrderChanged(Event, type="order.changed.v1", topic=ORDER_EVENTS):
    """The order is another one now: `items` and `total_amount` are all of it.

    `added` are the shipments planned for what came in addition; `released` is what is no longer to be held, by warehouse, and
    `released_backorders` what is no longer waited for.
    """

    order_id: UUID
    user_id: str
    change_id: UUID
    kind: ChangeKind
    items: list[OrderLine]
    total_amount: Money
    previous_total: Money
    added: list[PlannedShipment] = []
    released: list[Allocation] = []
    backordered: list[Line] = []
    released_backorders: list[Line] = []


class ShipmentsPlanned(Event, type="order.shipments_planned.v1", topic=ORDER_EVENTS):
    """How the rest of the order will be sent, after operators or incoming stock changed it: all shipments not sent yet."""

    order_id: UUID
    user_id: str
    shipments: list[PlannedShipment]
    backordered: list[Line] = []


class ShipmentMoveRequested(Event, type="order.shipment_move_requested.v1", topic=ORDER_EVENTS):
    """An operator wants a shipment to leave from another warehouse, if it has the stock."""

    order_id: UUID
    user_id: str
    shipment_id: UUID
    move_id: UUID
    from_warehouse_id: str
    to_warehouse_id: str
    lines: list[Line]


class LabelBought(Event, type="order.label_bought.v1", topic=ORDER_EVENTS):
    """A carrier will take a shipment: its label is paid and its tracking number known."""

    order_id: UUID
    shipment_id: UUID
    carrier: str
    service: str
    tracking_number: str
    cost: Money


class LabelVoided(Event, type="order.label_voided.v1", topic=ORDER_EVENTS):
    """A carrier will not take a shipment with this label any more, and gives its price back."""

    order_id: UUID
    shipment_id: UUID
    carrier: str
    tracking_number: str


class TrackingStatus(StrEnum):
    """Where a parcel is, whatever its carrier calls it."""

    PRE_TRANSIT = "pre_transit"
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    AVAILABLE_FOR_PICKUP = "available_for_pickup"
    DELIVERED = "delivered"
    ATTEMPT_FAILED = "attempt_failed"
    RETURNED = "returned"
    EXCEPTION = "exception"
    EXPIRED = "expired"


class ShipmentTracked(Event, type="order.shipment_tracked.v1", topic=ORDER_EVENTS):
    """A parcel came further on its way, as its carrier says; the place is not told here, it would give the customer's away."""

    order_id: UUID
    user_id: str
    shipment_id: UUID
    status: TrackingStatus
    occurred_at: datetime
    expected_delivery: date | None = None


class ReturnReason(StrEnum):
    """Why a customer sends something back."""

    DAMAGED = "damaged"
    WRONG_ITEM = "wrong_item"
    NOT_AS_DESCRIBED = "not_as_described"
    DOES_NOT_FIT = "does_not_fit"
    TOO_LATE = "too_late"
    NO_LONGER_WANTED = "no_longer_wanted"
    OTHER = "other"


class ReturnLine(OrderedUnits):
    """Units that are to come back, and why."""

    reason: ReturnReason


class ReturnRequested(Event, type="order.return_requested.v1", topic=ORDER_EVENTS):
    """A customer wants to send units back; nobody has agreed yet."""

    order_id: UUID
    user_id: str
    return_id: UUID
    lines: list[ReturnLine]


class ReturnApproved(Event, type="order.return_approved.v1", topic=ORDER_EVENTS):
    """The units may come back; `refund_amount` is what is given back for them once they are here, as far as they are right.

    `exchange_order_id` names the order of what the customer gets instead.
    """

    order_id: UUID
    user_id: str
    return_id: UUID
    lines: list[ReturnLine]
    refund_amount: Money
    exchange_order_id: UUID | None = None


class ReturnRefusal(StrEnum):
    """Why units do not come back."""

    WINDOW_OVER = "window_over"
    FINAL_SALE = "final_sale"
    STAFF = "staff"
    CUSTOMER = "customer"
    """The customer keeps them after all."""
    NOT_RECEIVED = "not_received"
    """They did not come in time."""


class ReturnDeclined(Event, type="order.return_declined.v1", topic=ORDER_EVENTS):
    """The units do not come back, and nothing is given back for them."""

    order_id: UUID
    user_id: str
    return_id: UUID
    reason: ReturnRefusal


class Disposition(StrEnum):
    """What becomes of a unit that came back."""

    RESTOCK = "restock"
    DAMAGED = "damaged"
    WRITE_OFF = "write_off"


class InspectedUnits(OrderedUnits):
    """Units that came back, and what becomes of them."""

    disposition: Disposition


class ReturnReceived(Event, type="order.return_received.v1", topic=ORDER_EVENTS):
    """Units of a return came in and were inspected; a return may come in several receipts."""

    order_id: UUID
    user_id: str
    return_id: UUID
    receipt_id: UUID
    warehouse_id: str
    lines: list[InspectedUnits]


class ReturnClosed(Event, type="order.return_closed.v1", topic=ORDER_EVENTS):
    """Nothing more comes of a return: all of it is here, or is not waited for any longer."""

    order_id: UUID
    user_id: str
    return_id: UUID


class RefundReason(StrEnum):
    """Why money is given back."""

    RETURN = "return"
    EXCHANGE = "exchange"
    DAMAGED = "damaged"
    LOST = "lost"
    GOODWILL = "goodwill"
    PRICE = "price"
    OTHER = "other"


class RefundRequested(Event, type="order.refund_requested.v1", topic=ORDER_EVENTS):
    """Money is to be given back: approved where that was needed, and no more than was taken and not given back.

    With `exchange_order_id` it does not go to the customer: it pays that order.
    """

    order_id: UUID
    user_id: str
    refund_id: UUID
    amount: Money
    reason: RefundReason
    return_id: UUID | None = None
    exchange_order_id: UUID | None = None


class OrderRefunded(Event, type="order.refunded.v1", topic=ORDER_EVENTS):
    """A refund reached the customer; `refunded` is the order's total so far, `complete`: all that was taken.

    `exchange_order_id` names the order that it pays, where goods came back in exchange for it.
    """

    order_id: UUID
    user_id: str
    refund_id: UUID | None
    amount: Money
    refunded: Money
    complete: bool
    exchange_order_id: UUID | None = None


class InvoiceIssued(Event, type="order.invoice_issued.v1", topic=ORDER_EVENTS):
    """An invoice was issued, for one parcel (`shipment_id`) or for the whole order."""

    order_id: UUID
    user_id: str
    document_id: UUID
    number: str
    issued_on: date
    total_amount: Money
    tax_amount: Money
    shipment_id: UUID | None = None


class CreditNoteIssued(Event, type="order.credit_note_issued.v1", topic=ORDER_EVENTS):
    """A credit note was issued for money that went back; amounts are positive, and refer to the invoice named."""

    order_id: UUID
    user_id: str
    document_id: UUID
    number: str
    issued_on: date
    total_amount: Money
    tax_amount: Money
    invoice_number: str
    refund_id: UUID | None = None
