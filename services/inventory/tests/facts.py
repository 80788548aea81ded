"""What others tell the inventory, made up for a test; quantities by SKU."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from chassis.domain import new_id
from chassis.testing import MORNING
from contracts import Money
from contracts.order import (
    CancelReason,
    ChangeKind,
    ChangeRefusal,
    Disposition,
    InspectedUnits,
    OrderCancelled,
    OrderChanged,
    OrderChangeRequested,
    OrderChangeWithdrawn,
    OrderPlaced,
    ReturnReceived,
    ShipmentDispatched,
    ShipmentMoveRequested,
)
from contracts.types import Allocation, Destination, Line, OrderLine

EURO = Money(amount=100, currency="EUR")
Parcels = Mapping[str, Mapping[str, int]]


def lines(units: Mapping[str, int]) -> list[Line]:
    return [Line(product_id=sku, quantity=quantity) for sku, quantity in units.items()]


def order_lines(*units: tuple[str, int]) -> list[OrderLine]:
    return [OrderLine(product_id=sku, quantity=n, item_id=new_id(), price=EURO, subtotal=EURO) for sku, n in units]


def placed(
    *units: tuple[str, int],
    country: str = "DE",
    region: str | None = None,
    at: datetime = MORNING,
    order_id: UUID | None = None,
) -> OrderPlaced:
    return OrderPlaced(
        order_id=order_id or new_id(),
        user_id="anna",
        order_date=at,
        items=order_lines(*units),
        total_amount=EURO,
        destination=Destination(country=country, region=region),
    )


def cancelled(order_id: UUID) -> OrderCancelled:
    return OrderCancelled(order_id=order_id, user_id="anna", reason=CancelReason.CUSTOMER, total_amount=EURO)


def dispatched(
    order_id: UUID, warehouse_id: str, *units: tuple[str, int], shipment_id: UUID | None = None
) -> ShipmentDispatched:
    return ShipmentDispatched(
        order_id=order_id,
        user_id="anna",
        shipment_id=shipment_id or new_id(),
        warehouse_id=warehouse_id,
        lines=[Line(product_id=sku, quantity=quantity) for sku, quantity in units],
        amount=EURO,
    )


def came_back(
    order_id: UUID, warehouse_id: str, *units: tuple[str, int, Disposition], receipt_id: UUID | None = None
) -> ReturnReceived:
    return ReturnReceived(
        order_id=order_id,
        user_id="anna",
        return_id=new_id(),
        receipt_id=receipt_id or new_id(),
        warehouse_id=warehouse_id,
        lines=[
            InspectedUnits(product_id=sku, quantity=n, item_id=new_id(), disposition=disposition)
            for sku, n, disposition in units
        ],
    )


def requested(
    order_id: UUID, *units: tuple[str, int], country: str = "DE", change_id: UUID | None = None
) -> OrderChangeRequested:
    return OrderChangeRequested(
        order_id=order_id,
        user_id="anna",
        change_id=change_id or new_id(),
        lines=order_lines(*units),
        difference=EURO,
        destination=Destination(country=country),
    )


def withdrawn(order_id: UUID, change_id: UUID) -> OrderChangeWithdrawn:
    return OrderChangeWithdrawn(order_id=order_id, user_id="anna", change_id=change_id, reason=ChangeRefusal.PAYMENT_DECLINED)


def changed(
    order_id: UUID,
    kind: ChangeKind = ChangeKind.REDUCTION,
    released: Parcels | None = None,
    released_backorders: Mapping[str, int] | None = None,
    change_id: UUID | None = None,
) -> OrderChanged:
    return OrderChanged(
        order_id=order_id,
        user_id="anna",
        change_id=change_id or new_id(),
        kind=kind,
        items=order_lines(("tea", 1)),
        total_amount=EURO,
        previous_total=EURO,
        released=[Allocation(warehouse_id=place, lines=lines(units)) for place, units in (released or {}).items()],
        released_backorders=lines(released_backorders or {}),
    )


def move(
    order_id: UUID, source: str, target: str, *units: tuple[str, int], shipment_id: UUID | None = None
) -> ShipmentMoveRequested:
    return ShipmentMoveRequested(
        order_id=order_id,
        user_id="anna",
        shipment_id=shipment_id or new_id(),
        move_id=new_id(),
        from_warehouse_id=source,
        to_warehouse_id=target,
        lines=[Line(product_id=sku, quantity=quantity) for sku, quantity in units],
    )
