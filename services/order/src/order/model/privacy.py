"""Forgetting who ordered: contact and addresses go once nothing is owed to anybody any more; what the books need stays.

Country and region stay, since taxes were reckoned by them, and so does the language. Issued documents keep the buyer for as
long as the law wants them.
"""

from typing import Final

from chassis.domain import Cause, Refusal
from order.model.order import Order
from order.model.shipment import ShipmentState
from order.model.status import OrderState
from order.model.waiting import waits_for

_ARRIVED: Final = frozenset({ShipmentState.DELIVERED, ShipmentState.CANCELLED})
_NOBODY: Final = {"name": "", "line1": "", "line2": None, "city": "", "postal_code": ""}


class NotAtRestError(Refusal):
    """Somebody must still be reached about the order."""

    slug = "not-at-rest"
    title = "The order is not at rest"


def forget_person(order: Order, cause: Cause) -> bool:
    """Take contact and addresses out of an order that is at rest; answers whether they were there. Raises NotAtRestError."""
    under_way = _under_way(order)
    if under_way:
        raise NotAtRestError(f"The customer must be reachable yet: {', '.join(under_way)}.", under_way=under_way)
    if order.is_anonymous:
        return False
    order.contact = {"email": "", "phone": None, "locale": order.contact.get("locale", "en")}
    for name in ("shipping_address", "billing_address"):
        before = getattr(order, name)
        setattr(order, name, _NOBODY | {"region": before.get("region"), "country": before["country"]})
    order.note("Contact and addresses erased", cause)
    return True


def _under_way(order: Order) -> list[str]:
    """List what may still come of the order."""
    found = {
        "it is not decided": order.order_state == OrderState.PENDING,
        "a person must look at it": order.hold_reason is not None,
        "a parcel has not arrived": any(one.state not in _ARRIVED for one in order.shipments) or bool(order.backordered),
        "a return is open": any(one.is_open for one in order.returns),
        "a refund is open": any(one.is_open for one in order.refunds),
        "a service has not answered": bool(waits_for(order)),
    }
    return [what for what, holds in found.items() if holds]
