"""Changes before shipping: fewer units or none, more of them, another address, or the rest cancelled.

What takes away happens at once, and stock and money follow. What adds is asked for first: stock and the difference must both
be had, or the order stays as it was. Both are decided under the lock of the order's row, as dispatching is: a unit that has
left cannot be cut, and one that is cut cannot leave.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from chassis.domain import Cause, NotFoundError, new_id
from contracts.order import (
    ChangeKind,
    ChangeRefusal,
    OrderChanged,
    OrderChangeRequested,
    OrderChangeWithdrawn,
    OrderDelivered,
    OrderShipped,
    ShipmentsPlanned,
)
from contracts.types import Allocation, Destination, Line, OrderLine
from order.model.change import Change, ChangePendingError, ChangeRefusedError, ChangeState
from order.model.fulfilment import Fulfilment
from order.model.lines import OrderItem
from order.model.pricing import Quote
from order.model.record import OrderRecord
from order.model.shipment import Shipment, ShipmentState
from order.model.status import FulfilmentState, OrderState, PaymentState

Cut = OrderChanged | OrderShipped | OrderDelivered


class Changes(Fulfilment):
    """An order as those see it who change it before it is sent."""

    # --- less of it -----------------------------------------------------------------------------------------------------

    def reduce(self, item_id: UUID, quantity: int, cause: Cause) -> list[Cut]:
        """Leave `quantity` units of a line; raises NotFoundError, ChangeRefusedError, ChangePendingError."""
        self._must_be_changeable()
        item = self._item(item_id)
        cut = item.quantity - quantity
        if cut <= 0:
            raise ChangeRefusedError(
                f"quantity: the order has {item.quantity} of it; a line only shrinks here.", quantity=item.quantity
            )
        free = self._cuttable(str(item_id))
        if cut > free:
            raise ChangeRefusedError(
                f"{item.quantity - free} of {item.product_id} have left or are about to: at least so many stay.",
                least=item.quantity - free,
            )
        if cut == self.units:
            raise ChangeRefusedError("Nothing would be left of the order: cancel it.", allowed=["cancel"])
        return self._cut({str(item_id): cut}, ChangeKind.REDUCTION, f"{cut} of {item.product_id} taken out", cause)

    def cancel_rest(self, cause: Cause, notes: str) -> list[Cut]:
        """Cancel all that has not left; raises ChangeRefusedError where nothing is left to cancel, ChangePendingError."""
        self._must_be_changeable()
        return self._cut(self.rest_to_cancel(), ChangeKind.REST_CANCELLED, notes or "The rest is cancelled", cause)

    def rest_to_cancel(self) -> dict[str, int]:
        """Count what can still be cancelled, by item id; raises ChangeRefusedError where that is nothing."""
        cuts = {str(item.item_id): self._cuttable(str(item.item_id)) for item in self.items}
        cuts = {key: units for key, units in cuts.items() if units}
        if not cuts:
            moved = ", or is moved to another warehouse" if self.open_units else ""
            raise ChangeRefusedError(f"All of the order has left{moved}.", allowed=self.actions)
        return cuts

    def _cut(self, cuts: Mapping[str, int], kind: ChangeKind, notes: str, cause: Cause) -> list[Cut]:
        previous = self.total
        left = dict(cuts)
        unwaited = self._stop_waiting(left)
        released: dict[str, dict[str, int]] = {}
        # Those without a label first: a label once paid for is given back only when its parcel is empty.
        for shipment in sorted(self._reducible, key=lambda one: (self.label_of(one) is not None, one.shipment_id)):
            takes = {line["item_id"]: min(line["quantity"], left.get(line["item_id"], 0)) for line in shipment.lines}
            takes = {key: units for key, units in takes.items() if units}
            if takes:
                self._empty(shipment, takes, released.setdefault(shipment.warehouse_id, {}), cause)
                left = {key: units - takes.get(key, 0) for key, units in left.items()}
        for item in self.items:
            units = cuts.get(str(item.item_id), 0)
            if units:
                item.resize(item.quantity - units, included=self.prices_include_tax)
        self._total_up()
        self._value_shipments()
        self._compare_payment()
        completed = self._complete()
        change = self._keep_change(kind, ChangeState.APPLIED, previous.amount, cause, items=self._sizes)
        self._record(cause, notes)
        changed = self._changed(
            change,
            released=[Allocation(warehouse_id=place, lines=_lines(units)) for place, units in released.items()],
            released_backorders=_lines(unwaited),
        )
        return [changed, *completed]

    def _complete(self) -> list[OrderShipped | OrderDelivered]:
        """Note that all which is left of the order has been sent, or has arrived, where a cut made it so."""
        if not self.units or self.shipped_units < self.units:
            return []
        self.fulfilment_state = FulfilmentState.SHIPPED
        shipped = OrderShipped(order_id=self.order_id, user_id=self.user_id)
        if self.delivered_units < self.units:
            return [shipped]
        self.fulfilment_state = FulfilmentState.DELIVERED
        return [shipped, OrderDelivered(order_id=self.order_id, user_id=self.user_id)]

    def _compare_payment(self) -> None:
        """Say anew whether all of the order is paid, since it costs another amount."""
        if self.payment_state in {PaymentState.PARTIALLY_CAPTURED, PaymentState.CAPTURED}:
            full = self.captured_amount == self.total_amount
            self.payment_state = PaymentState.CAPTURED if full else PaymentState.PARTIALLY_CAPTURED

    def _stop_waiting(self, left: dict[str, int]) -> dict[str, int]:
        """Cut first what waits for stock; answers the units per product, and takes them off `left`."""
        unwaited: dict[str, int] = {}
        still: dict[str, int] = {}
        for line in self.backordered or ():
            key = line["item_id"]
            taken = min(line["quantity"], left.get(key, 0))
            if taken:
                left[key] -= taken
                unwaited[line["product_id"]] = unwaited.get(line["product_id"], 0) + taken
            still[key] = line["quantity"] - taken
        if unwaited:
            self._still_wait(still)
        return unwaited

    def _empty(self, shipment: Shipment, takes: Mapping[str, int], released: dict[str, int], cause: Cause) -> None:
        for line in shipment.take(takes):
            released[line["product_id"]] = released.get(line["product_id"], 0) + line["quantity"]
        if not shipment.lines:
            shipment.become(ShipmentState.CANCELLED)
            shipment.amount = shipment.shipping_amount = 0
            self._drop_label(shipment, cause)

    @property
    def _reducible(self) -> list[Shipment]:
        return [one for one in self.shipments if one.state in {ShipmentState.PLANNED, ShipmentState.HELD}]

    def _cuttable(self, item_id: str) -> int:
        planned = [line for one in self._reducible for line in one.lines]
        lines = [*planned, *(self.backordered or ())]
        return sum([line["quantity"] for line in lines if line["item_id"] == item_id])

    def note_stock_followed(self, change_id: UUID, cause: Cause) -> None:
        """Note that stock holds for the order what it holds by the change."""
        change = self._change(change_id)
        if change is not None and change.stock_at is None:
            change.stock_at = cause.at
            self._record(cause, "Stock has followed the change")

    def note_money_followed(self, change_id: UUID, cause: Cause) -> None:
        """Note that money is held for the order as by the change."""
        change = self._change(change_id)
        if change is not None and change.money_at is None:
            change.money_at = cause.at
            self._record(cause, "Payment has followed the change")

    # --- more of it -----------------------------------------------------------------------------------------------------

    def request_addition(
        self, quote: Quote, shipping: tuple[int, int], deadline: timedelta, cause: Cause
    ) -> OrderChangeRequested:
        """Ask for more: lines at today's prices, and what shipping then costs with its tax; raises ChangePendingError."""
        self._must_be_changeable()
        previous = self.total_amount
        items = [_added(item) for item in quote.lines]
        raised = shipping[0] > self.shipping_amount
        new_total = previous + sum(item["total_amount"] for item in items)
        new_total += shipping[0] - self.shipping_amount if raised else 0
        change = self._keep_change(ChangeKind.ADDITION, ChangeState.REQUESTED, previous, cause, items=items)
        change.new_total = new_total
        change.shipping = {"amount": shipping[0], "tax": shipping[1]} if raised else None
        change.deadline_at = cause.at + deadline
        self._record(cause, "More was asked for")
        return OrderChangeRequested(
            order_id=self.order_id,
            user_id=self.user_id,
            change_id=change.change_id,
            lines=[self._order_line(item) for item in items],
            difference=self.money(change.difference),
            destination=Destination(country=self.shipping_address["country"], region=self.shipping_address.get("region")),
        )

    def note_addition_reserved(
        self, change_id: UUID, allocations: Sequence[Allocation], backordered: Sequence[Line], cause: Cause
    ) -> OrderChanged | None:
        """Note that what is added is held; the change comes about once its money is held too."""
        change = self._requested(change_id)
        if change is None or change.allocation is not None:
            return None
        change.allocation = [one.model_dump(mode="json") for one in allocations]
        change.backordered = [one.model_dump(mode="json") for one in backordered]
        self._record(cause, "Stock of the addition reserved")
        return self._apply_when_ready(change, cause)

    def note_addition_authorized(self, change_id: UUID, cause: Cause) -> OrderChanged | None:
        """Note that the difference is held; the change comes about once its stock is held too."""
        change = self._requested(change_id)
        if change is None or change.authorized:
            return None
        change.authorized = True
        self._record(cause, "Payment of the addition authorised")
        return self._apply_when_ready(change, cause)

    def _apply_when_ready(self, change: Change, cause: Cause) -> OrderChanged | None:
        if change.allocation is None or not change.authorized:
            return None
        added = self._append_items(change.items)
        if change.shipping is not None:
            self.shipping_amount, self.shipping_tax_amount = change.shipping["amount"], change.shipping["tax"]
        self._total_up()
        self._compare_payment()
        free = {str(item.item_id): item.quantity for item in added}
        planned = self._plan_allocations([Allocation.model_validate(one) for one in change.allocation], free)
        waiting = self._assign([Line.model_validate(one) for one in change.backordered or ()], self.items, dict(free))
        self.backordered = [*(self.backordered or ()), *waiting] if waiting else self.backordered
        complete = self.fulfilment_state in {FulfilmentState.SHIPPED, FulfilmentState.DELIVERED}
        self.fulfilment_state = FulfilmentState.PARTIALLY_SHIPPED if complete else self.fulfilment_state
        change.state, change.deadline_at = ChangeState.APPLIED, None
        change.stock_at = change.money_at = cause.at
        self._record(cause, "The addition came about")
        waited = [Line(product_id=line["product_id"], quantity=line["quantity"]) for line in waiting]
        return self._changed(change, added=[one.planned for one in planned], backordered=waited)

    def _append_items(self, items: Sequence[Mapping[str, Any]]) -> list[OrderItem]:
        position = max(item.position for item in self.items) + 1
        added = [
            OrderItem(
                **{**item, "item_id": UUID(str(item["item_id"])), "order_id": self.order_id, "position": position + number}
            )
            for number, item in enumerate(items)
        ]
        self.items.extend(added)
        return added

    def note_stock_came(self, allocations: Sequence[Allocation], cause: Cause) -> ShipmentsPlanned | None:
        """Plan parcels for what came into stock; what a requested addition waited for joins its allocation."""
        awaited: dict[str, int] = {}
        for line in self.backordered or ():
            awaited[line["product_id"]] = awaited.get(line["product_id"], 0) + line["quantity"]
        for change in self.changes:
            if change.is_requested and change.backordered:
                allocations = _join(change, allocations, awaited)
        return super().note_stock_came(allocations, cause)

    def withdraw(self, change_id: UUID, reason: ChangeRefusal, cause: Cause, notes: str = "") -> OrderChangeWithdrawn | None:
        """Give a requested change up; the order stays as it was. None where it is decided already."""
        change = self._requested(change_id)
        if change is None:
            return None
        change.state, change.reason, change.deadline_at = ChangeState.WITHDRAWN, reason, None
        self._record(cause, notes or f"The addition did not come about: {reason.replace('_', ' ')}")
        return OrderChangeWithdrawn(order_id=self.order_id, user_id=self.user_id, change_id=change_id, reason=reason)

    def _forget_requested(self, cause: Cause) -> None:
        """Note that a requested change fell with its order; the cancellation gives back what was held for it."""
        for change in self.changes:
            if change.is_requested:
                change.state, change.reason, change.deadline_at = ChangeState.WITHDRAWN, "order_cancelled", None
                change.stock_at = change.money_at = cause.at

    # --- elsewhere ------------------------------------------------------------------------------------------------------

    def readdress(
        self,
        shipping: dict[str, Any] | None,
        billing: dict[str, Any] | None,
        contact: dict[str, Any] | None,
        cause: Cause,
    ) -> OrderChanged:
        """Send the rest of the order to another address in the same country and region, since the price depends on those.

        Labels bought for the old address are given back and bought anew. Raises ChangeRefusedError.
        """
        if self.order_state != OrderState.CONFIRMED:
            raise ChangeRefusedError(f"An order that is {self.status} cannot be sent elsewhere.", status_now=self.status)
        self.must_be_known()
        if shipping is not None:
            self._send_to(shipping, cause)
        self.billing_address = billing or self.billing_address
        self.contact = contact or self.contact
        change = self._keep_change(ChangeKind.ADDRESS, ChangeState.APPLIED, self.total_amount, cause, items=[])
        change.stock_at = change.money_at = cause.at
        self._record(cause, "Address changed" if shipping is not None else "Contact or billing address changed")
        return self._changed(change)

    def _send_to(self, address: dict[str, Any], cause: Cause) -> None:
        if not any(one.is_open for one in self.shipments) and not self.backordered:
            raise ChangeRefusedError("All of the order has left.", allowed=self.actions)
        for part in ("country", "region"):
            if address.get(part) != self.shipping_address.get(part):
                field = f"shipping_address.{part}"
                raise ChangeRefusedError(
                    f"{field}: taxes and shipping depend on it; cancel the order and place it anew.",
                    errors=[{"field": field, "message": "cannot be changed any more"}],
                )
        self.shipping_address = address
        for shipment in self.shipments:
            label = self.label_of(shipment) if shipment.is_open else None
            if label is not None:
                self._drop_label(shipment, cause)
                self._want(shipment, label.wanted_carrier, label.wanted_service, cause)

    # --- shared ---------------------------------------------------------------------------------------------------------

    def _must_be_changeable(self) -> None:
        if self.order_state != OrderState.CONFIRMED:
            raise ChangeRefusedError(f"An order that is {self.status} cannot be changed.", status_now=self.status)
        if any(change.is_requested for change in self.changes):
            raise ChangePendingError("Wait until the change before is decided, or withdraw it.")

    def _item(self, item_id: UUID) -> OrderItem:
        item = next((one for one in self.items if one.item_id == item_id), None)
        if item is None:
            raise NotFoundError(f"The order has no item {item_id}.")
        return item

    def _change(self, change_id: UUID) -> Change | None:
        return next((one for one in self.changes if one.change_id == change_id), None)

    def _requested(self, change_id: UUID) -> Change | None:
        change = self._change(change_id)
        return change if change is not None and change.is_requested else None

    @property
    def _sizes(self) -> list[dict[str, Any]]:
        return [{"item_id": str(item.item_id), "quantity": item.quantity} for item in self.items]

    def _keep_change(
        self, kind: ChangeKind, state: ChangeState, previous: int, cause: Cause, *, items: list[dict[str, Any]]
    ) -> Change:
        change = Change(
            change_id=new_id(),
            order_id=self.order_id,
            kind=kind,
            state=state,
            items=items,
            previous_total=previous,
            new_total=self.total_amount,
            actor=cause.actor,
            created_at=cause.at,
        )
        self.changes.append(change)
        self.changes_count += 1
        return change

    def _order_line(self, item: Mapping[str, Any]) -> OrderLine:
        return OrderLine(
            item_id=UUID(str(item["item_id"])),
            product_id=item["product_id"],
            quantity=item["quantity"],
            price=self.money(item["price"]),
            subtotal=self.money(item["subtotal"]),
        )

    def _changed(self, change: Change, **parts: Any) -> OrderChanged:
        return OrderChanged(
            order_id=self.order_id,
            user_id=self.user_id,
            change_id=change.change_id,
            kind=ChangeKind(change.kind),
            items=self.lines,
            total_amount=self.total,
            previous_total=self.money(change.previous_total),
            **parts,
        )


def shipping_with(order: OrderRecord, quoted: Quote) -> tuple[int, int]:
    """Answer what shipping and its tax come to when `quoted`, the order with its additions, is sent; never less than now."""
    if quoted.shipping is None or quoted.shipping.charge.total <= order.shipping_amount:
        return order.shipping_amount, order.shipping_tax_amount
    return quoted.shipping.charge.total, quoted.shipping.charge.tax


def _join(change: Change, allocations: Sequence[Allocation], awaited: Mapping[str, int]) -> list[Allocation]:
    """Give a requested addition what came in for it and not for the order (`awaited`); answers what is the order's."""
    left = dict(awaited)
    waiting = {line["product_id"]: line["quantity"] for line in change.backordered or ()}
    own: list[Allocation] = []
    for one in allocations:
        orders, joins = {}, {}
        for line in one.lines:
            orders[line.product_id] = min(line.quantity, left.get(line.product_id, 0))
            left[line.product_id] = left.get(line.product_id, 0) - orders[line.product_id]
            joins[line.product_id] = min(line.quantity - orders[line.product_id], waiting.get(line.product_id, 0))
            waiting[line.product_id] = waiting.get(line.product_id, 0) - joins[line.product_id]
        joined = Allocation(warehouse_id=one.warehouse_id, lines=_lines({sku: units for sku, units in joins.items() if units}))
        if joined.lines:
            change.allocation = [*(change.allocation or ()), joined.model_dump(mode="json")]
        kept = {sku: units for sku, units in orders.items() if units}
        own.append(Allocation(warehouse_id=one.warehouse_id, lines=_lines(kept)))
    change.backordered = [{"product_id": sku, "quantity": units} for sku, units in waiting.items() if units]
    return [one for one in own if one.lines]


def _added(item: Any) -> dict[str, Any]:
    """Write a quoted line as the item it will become."""
    product = item.line.product
    return {
        "item_id": str(new_id()),
        "product_id": product.sku,
        "name": product.name,
        "quantity": item.line.quantity,
        "price": product.price,
        "subtotal": item.line.subtotal,
        "tax_rate_ppm": item.tax_rate_ppm,
        "tax_amount": item.charge.tax,
        "total_amount": item.charge.total,
        "weight_grams": product.weight_grams,
    }


def _lines(units: Mapping[str, int]) -> list[Line]:
    return [Line(product_id=sku, quantity=quantity) for sku, quantity in units.items()]
