"""The plan of an order's parcels: kept back, released, moved, split, merged, and grown by stock that was awaited.

Whatever is done to the plan, each unit is in one parcel or awaited, and the parcels are worth what the order is.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from chassis.domain import Cause, new_id
from contracts.inventory import Shortage
from contracts.order import ShipmentMoveRequested, ShipmentsPlanned
from contracts.types import Allocation, Line
from order.model.hold import MOVE_UNANSWERED
from order.model.record import OrderRecord
from order.model.shipment import Shipment, ShipmentLinesError, ShipmentState, ShipmentStateError
from order.model.status import OrderState


class Plan(OrderRecord):
    """An order as those see it who decide what leaves from where."""

    def _plan_allocations(self, allocations: Sequence[Allocation], free: dict[str, int]) -> list[Shipment]:
        """Plan a parcel for each warehouse's part."""
        planned = [self._plan(one.warehouse_id, self._assign(one.lines, self.items, free)) for one in allocations]
        self._value_shipments()
        return planned

    def planned(self) -> ShipmentsPlanned:
        """Tell how the rest of the order will be sent."""
        open_ones = [one.planned for one in self.shipments if one.is_open]
        return ShipmentsPlanned(order_id=self.order_id, user_id=self.user_id, shipments=open_ones, backordered=self.waiting)

    def hold_shipment(self, shipment_id: UUID, reason: str, cause: Cause) -> None:
        """Keep a parcel back; raises ShipmentNotFoundError, ShipmentStateError."""
        shipment = self._open(shipment_id)
        shipment.become(ShipmentState.HELD)
        shipment.hold_reason = reason
        self._record(cause, f"Shipment kept back: {reason}")

    def release_shipment(self, shipment_id: UUID, cause: Cause) -> None:
        """Let a parcel go again; raises ShipmentNotFoundError, ShipmentStateError."""
        shipment = self._open(shipment_id)
        if shipment.state != ShipmentState.HELD:
            raise ShipmentStateError(f"The shipment is {shipment.state}, not kept back.", state=shipment.state)
        if self.awaits_return:
            raise ShipmentStateError("It leaves when what it is exchanged for has come back.", state=shipment.state)
        shipment.become(ShipmentState.PLANNED)
        shipment.hold_reason = None
        self._record(cause, "Shipment released")

    def split_shipment(self, shipment_id: UUID, lines: Mapping[UUID, int], cause: Cause) -> ShipmentsPlanned:
        """Send some units in a parcel of their own; raises ShipmentStateError, ShipmentLinesError."""
        shipment = self._unlabelled(shipment_id)
        cuts = {str(item_id): quantity for item_id, quantity in lines.items()}
        if sum(cuts.values()) >= shipment.units:
            raise ShipmentLinesError(
                f"lines: the shipment holds {shipment.units} units; at least one must stay, and one must go.",
                errors=[{"field": "lines", "message": "leave at least one unit"}],
            )
        other = self._plan(shipment.warehouse_id, shipment.take(cuts))
        self._value_shipments()
        self._record(cause, f"Shipment split: {other.units} units leave apart")
        return self.planned()

    def merge_shipments(self, shipment_id: UUID, others: Sequence[UUID], cause: Cause) -> ShipmentsPlanned:
        """Send parcels of one warehouse as one; raises ShipmentStateError, ShipmentNotFoundError."""
        into = self._unlabelled(shipment_id)
        merged = [self._unlabelled(other) for other in others if other != shipment_id]
        if not merged:
            raise ShipmentLinesError(
                "shipment_ids: name another shipment.", errors=[{"field": "shipment_ids", "message": "name another shipment"}]
            )
        if any(one.warehouse_id != into.warehouse_id for one in merged):
            raise ShipmentStateError("Only shipments of one warehouse can be sent as one; move one of them first.")
        for one in merged:
            into.put(one.lines)
            one.lines = []
            one.become(ShipmentState.CANCELLED)
            one.amount = one.shipping_amount = 0
        self._value_shipments()
        self._record(cause, f"{len(merged) + 1} shipments merged")
        return self.planned()

    def move_shipment(self, shipment_id: UUID, warehouse_id: str, deadline: timedelta, cause: Cause) -> ShipmentMoveRequested:
        """Have a parcel leave from another warehouse, if it has the stock; raises ShipmentStateError."""
        shipment = self._unlabelled(shipment_id)
        if shipment.warehouse_id == warehouse_id:
            raise ShipmentStateError("The shipment leaves from there already.")
        shipment.become(ShipmentState.MOVING)
        shipment.moving_to, shipment.move_id = warehouse_id, new_id()
        shipment.move_deadline_at = cause.at + deadline
        self._record(cause, f"Shipment is to leave from {warehouse_id}")
        return ShipmentMoveRequested(
            order_id=self.order_id,
            user_id=self.user_id,
            shipment_id=shipment_id,
            move_id=shipment.move_id,
            from_warehouse_id=shipment.warehouse_id,
            to_warehouse_id=warehouse_id,
            lines=shipment.contents,
        )

    def note_moved(self, move_id: UUID, warehouse_id: str, cause: Cause) -> ShipmentsPlanned | None:
        """Note that the other warehouse holds what the parcel needs."""
        shipment = self._moving(move_id)
        if shipment is None:
            return None
        shipment.warehouse_id = warehouse_id
        self._end_move(shipment)
        self._record(cause, f"Shipment leaves from {warehouse_id}")
        return self.planned()

    def note_move_refused(self, move_id: UUID, shortages: Sequence[Shortage], cause: Cause) -> None:
        """Note that the parcel stays where it was, since the other warehouse lacks what it needs."""
        shipment = self._moving(move_id)
        if shipment is not None:
            self._end_move(shipment)
            missing = ", ".join(one.product_id for one in shortages)
            self._record(cause, f"Shipment stays in {shipment.warehouse_id}: {missing or 'it cannot be moved'}")

    def note_move_unanswered(self, shipment_id: UUID, cause: Cause) -> None:
        """Put an order before a person whose parcel waits too long for another warehouse's answer."""
        shipment = self.shipment(shipment_id)
        if shipment.state == ShipmentState.MOVING and shipment.move_deadline_at is not None:
            shipment.move_deadline_at = None
            self._hold_for(MOVE_UNANSWERED)
            self._record(cause, "Another warehouse has not answered in time")

    def note_stock_came(self, allocations: Sequence[Allocation], cause: Cause) -> ShipmentsPlanned | None:
        """Plan parcels for what came into stock; before the order is confirmed it only joins what is allocated."""
        if self.order_state == OrderState.CANCELLED:
            return None
        free = {line["item_id"]: line["quantity"] for line in self.backordered or ()}
        came = [Allocation(warehouse_id=one.warehouse_id, lines=self._awaited(one.lines, dict(free))) for one in allocations]
        came = [one for one in came if one.lines]
        if not came:
            return None
        if self.order_state == OrderState.PENDING:
            self.allocation = [*(self.allocation or ()), *(one.model_dump(mode="json") for one in came)]
            for one in came:
                self._assign(one.lines, self.items, free)
        else:
            self._plan_allocations(came, free)
        self._still_wait(free)
        self._record(cause, "Awaited stock came in")
        return self.planned() if self.order_state == OrderState.CONFIRMED else None

    def _awaited(self, lines: Sequence[Line], free: dict[str, int]) -> list[Line]:
        assigned = self._assign(lines, self.items, free)
        return [Line(product_id=line["product_id"], quantity=line["quantity"]) for line in assigned]

    def _still_wait(self, left: Mapping[str, int]) -> None:
        """Note how many units per item id still wait for stock."""
        waiting = [{**line, "quantity": left.get(line["item_id"], 0)} for line in self.backordered or ()]
        self.backordered = [line for line in waiting if line["quantity"]]

    def _open(self, shipment_id: UUID) -> Shipment:
        shipment = self.shipment(shipment_id)
        if self.order_state != OrderState.CONFIRMED or not shipment.is_open:
            raise ShipmentStateError(f"The shipment is {shipment.state}.", state=shipment.state)
        return shipment

    def _unlabelled(self, shipment_id: UUID) -> Shipment:
        shipment = self._open(shipment_id)
        if shipment.state == ShipmentState.MOVING:
            raise ShipmentStateError("The shipment is being moved; wait for the answer.", state=shipment.state)
        if shipment.state == ShipmentState.HELD:  # what is kept back must not leave in another parcel
            raise ShipmentStateError(f"The shipment is held ({shipment.hold_reason}); release it first.", state=shipment.state)
        if self.label_of(shipment) is not None:
            raise ShipmentStateError("The shipment has a label; void it first.", state=shipment.state)
        return shipment

    def _moving(self, move_id: UUID) -> Shipment | None:
        moving = (one for one in self.shipments if one.move_id == move_id and one.state == ShipmentState.MOVING)
        return next(moving, None)

    def _end_move(self, shipment: Shipment) -> None:
        shipment.become(ShipmentState.PLANNED)
        shipment.moving_to = shipment.move_id = shipment.move_deadline_at = None
        if self.hold_reason == MOVE_UNANSWERED:
            self._end_hold()
