"""From placed to confirmed or cancelled, and the money after it. Every failure becomes `OrderCancelled`."""

from chassis.domain import Cause
from contracts.inventory import (
    ProductPublished,
    StockReleased,
    StockReservationFailed,
    StockReserved,
    WarehousePublished,
)
from contracts.order import (
    CancelReason,
    OrderCancelled,
    OrderConfirmed,
)
from contracts.payment import (
    PaymentAuthorized,
    PaymentCaptured,
    PaymentCaptureFailed,
    PaymentDeclined,
    PaymentRefunded,
    PaymentVoided,
)
from order.handlers.registry import jobs, react
from order.model import Product, Warehouse
from order.store import (
    ExpiredOrder,
    OrderStore,
    ProductStore,
    WarehouseStore,
)


@react.on(ProductPublished)
def learn_product(event: ProductPublished, products: ProductStore, cause: Cause) -> None:
    """Keep our copy of the catalogue, so that prices need no call."""
    products.learn(
        Product(
            sku=event.sku,
            name=event.name,
            price=event.price.amount,
            currency=event.price.currency,
            active=event.active,
            sequence=cause.sequence,
            weight_grams=event.weight_grams,
            tax_class=event.tax_class,
        )
    )


@react.on(WarehousePublished)
def learn_warehouse(event: WarehousePublished, warehouses: WarehouseStore, cause: Cause) -> None:
    """Keep our copy of the warehouses, so that a label needs no call."""
    warehouses.learn(Warehouse(**event.model_dump(), sequence=cause.sequence))


@react.on(StockReserved)
def note_allocation(event: StockReserved, orders: OrderStore, cause: Cause) -> OrderConfirmed | None:
    """Note from where the order ships; confirm it if the money is held already."""
    return orders.get(event.order_id).allocate(event.allocations, cause, event.backordered)


@react.on(StockReservationFailed)
def cancel_out_of_stock(event: StockReservationFailed, orders: OrderStore, cause: Cause) -> OrderCancelled | None:
    """Cancel the order: not all of it can be had."""
    missing = ", ".join(one.product_id for one in event.shortages)
    return orders.get(event.order_id).cancel_if_open(CancelReason.OUT_OF_STOCK, cause, f"Out of stock: {missing}")


@react.on(PaymentAuthorized)
def confirm_order(event: PaymentAuthorized, orders: OrderStore, cause: Cause) -> OrderConfirmed | None:
    """Confirm the order and plan its shipments, once the stock is held too."""
    return orders.get(event.order_id).authorize(cause)


@react.on(PaymentDeclined)
def cancel_declined(event: PaymentDeclined, orders: OrderStore, cause: Cause) -> OrderCancelled | None:
    """Cancel the order: the customer's payment was refused."""
    notes = f"Payment declined: {event.code.replace('_', ' ')}"
    return orders.get(event.order_id).cancel_if_open(CancelReason.PAYMENT_DECLINED, cause, notes)


@jobs.on(ExpiredOrder)
def cancel_expired(due: ExpiredOrder, orders: OrderStore, cause: Cause) -> OrderCancelled | None:
    """Cancel the order: stock and payment were not decided in time."""
    return orders.get(due.order_id).cancel_if_open(CancelReason.DEADLINE, cause, "Not confirmed in time")


@react.on(StockReleased)
def note_released(event: StockReleased, orders: OrderStore, cause: Cause) -> None:
    """Note that the cancelled order holds no stock any more."""
    orders.get(event.order_id).note_released(cause)


@react.on(PaymentVoided)
def note_voided(event: PaymentVoided, orders: OrderStore, cause: Cause) -> None:
    """Note that the cancelled order holds no money any more."""
    orders.get(event.order_id).note_voided(cause)


@react.on(PaymentCaptured)
def note_captured(event: PaymentCaptured, orders: OrderStore, cause: Cause) -> None:
    """Note how much of the order is paid."""
    orders.get(event.order_id).note_captured(event.captured, cause)


@react.on(PaymentCaptureFailed)
def note_capture_failed(event: PaymentCaptureFailed, orders: OrderStore, cause: Cause) -> None:
    """Put the order before a person: goods left and their money could not be taken."""
    orders.get(event.order_id).note_capture_failed(cause)


@react.on(PaymentRefunded)
def note_refund(event: PaymentRefunded, orders: OrderStore, cause: Cause) -> None:
    """Note how much of the order's money went back."""
    orders.get(event.order_id).note_refunded(event.refunded, cause)
