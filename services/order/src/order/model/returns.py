"""Returns: what may come back, what came, and the money that follows it.

A unit comes back once: it was delivered, no other return has it, and no money was given back for it without one. What came is
noted under the receipt's id, and money is asked for with it, so nothing is restocked or given back twice however often it is
told. A receipt tells of units once; those whose customer is not to have the money are only restocked or written off.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from chassis.domain import Cause, new_id
from contracts.order import (
    RefundReason,
    RefundRequested,
    ReturnApproved,
    ReturnClosed,
    ReturnDeclined,
    ReturnReceived,
    ReturnRefusal,
    ReturnRequested,
)
from order.model.lines import OrderItem
from order.model.order_return import (
    AWAITED,
    OrderReturn,
    Receipt,
    ReturnLabel,
    ReturnLinesError,
    ReturnNotFoundError,
    ReturnRefusedError,
    ReturnStage,
    ReturnStateError,
    ReturnWish,
)
from order.model.refunds import SHORT, Refunds
from order.model.return_policy import ReturnPolicy, TaxClasses
from order.model.shipment import LabelState, LabelTerms, Shipment, ShipmentState
from order.model.status import OrderState, PaymentState, ReturnState

Asked = ReturnRequested | ReturnApproved
Ended = ReturnDeclined | ReturnClosed
Received = ReturnReceived | RefundRequested | ReturnClosed

AXIS: Final = (
    ReturnState.REQUESTED,
    ReturnState.APPROVED,
    ReturnState.PARTIALLY_RECEIVED,
    ReturnState.RECEIVED,
    ReturnState.CLOSED,
)
"""Of several returns, the one counts that somebody must do something about first; a declined one does not count."""


class Returns(Refunds):
    """An order as those see it to whom goods come back."""

    # --- asked for ------------------------------------------------------------------------------------------------------

    def returnable(self, item: OrderItem, since: datetime | None = None) -> int:
        """Count the units of a line that may come back, of all that were delivered or those delivered `since`."""
        there = sum([_units(one, item) for one in self._delivered])
        claimed = sum([one.claimed(item.item_id) for one in self.returns])
        free = there - claimed - self.units_refunded(item, besides_returns=True)
        if since is None:
            return free
        lately = [one for one in self._delivered if one.delivered_at is not None and one.delivered_at >= since]
        return min(free, sum([_units(one, item) for one in lately]))

    @property
    def _delivered(self) -> list[Shipment]:
        return [one for one in self.shipments if one.state == ShipmentState.DELIVERED]

    def request_return(
        self, wishes: Sequence[ReturnWish], note: str, policy: ReturnPolicy, tax_classes: TaxClasses, cause: Cause
    ) -> tuple[OrderReturn, list[Asked]]:
        """Ask that units may come back; raises ReturnLinesError, and ReturnRefusedError where the policy is against it."""
        self._must_be_returnable(_wanted(wishes))
        self._must_be_allowed(_wanted(wishes), policy, tax_classes, cause)
        products = {item.item_id: item.product_id for item in self.items}
        lines = [
            {
                "item_id": str(one.item_id),
                "product_id": products[one.item_id],
                "quantity": one.quantity,
                "reason": one.reason.value,
                "received": 0,
            }
            for one in wishes
        ]
        back = OrderReturn(
            return_id=new_id(),
            order_id=self.order_id,
            state=ReturnStage.REQUESTED,
            lines=lines,
            note=note,
            refund_amount=0,
            fee_amount=policy.fee([one.reason for one in wishes]),
            policy_version=policy.version,
            warehouse_id=self._came_from(wishes[0].item_id),
            receipts=[],
            created_at=cause.at,
            updated_at=cause.at,
        )
        self._value_return(back)
        self.returns.append(back)
        self.returns_count += 1
        self._move_return(back, cause, f"Return of {back.units} units asked for")
        facts: list[Asked] = [
            ReturnRequested(order_id=self.order_id, user_id=self.user_id, return_id=back.return_id, lines=back.told_lines)
        ]
        if policy.auto_approve:
            facts.append(self._approve(back, policy, cause))
        return back, facts

    def _must_be_returnable(self, wanted: Mapping[UUID, int]) -> None:
        if self.order_state != OrderState.CONFIRMED:
            raise ReturnStateError(f"Nothing of an order that is {self.status} can come back.")
        known = {item.item_id: item for item in self.items}
        for item_id, quantity in wanted.items():
            item = known.get(item_id)
            free = max(0, self.returnable(item)) if item is not None else 0
            if quantity > free:
                raise ReturnLinesError(
                    f"lines: of item {item_id}, {free} units were delivered and have not come back.",
                    errors=[{"field": "lines", "message": f"at most {free} of item {item_id}"}],
                )

    def _must_be_allowed(self, wanted: Mapping[UUID, int], policy: ReturnPolicy, tax_classes: TaxClasses, cause: Cause) -> None:
        for item in self.items:
            quantity = wanted.get(item.item_id, 0)
            if not quantity:
                continue
            if item.product_id in policy.final_sale:
                _refuse(item, ReturnRefusal.FINAL_SALE, "was sold for good")
            window = policy.window(tax_classes.get(item.product_id, ""))
            if quantity > self.returnable(item, cause.at - window):
                _refuse(item, ReturnRefusal.WINDOW_OVER, f"can come back within {window.days} days of delivery")

    def _came_from(self, item_id: UUID) -> str:
        """Name the warehouse that sent units of a line."""
        sent = [one for one in self._delivered if any(line["item_id"] == str(item_id) for line in one.lines)]
        return sent[0].warehouse_id

    def _value_return(self, back: OrderReturn) -> None:
        worth = sum([line["amount"] for line in self._worth(back.quantities)])
        back.refund_amount = max(0, worth - back.fee_amount)

    # --- decided --------------------------------------------------------------------------------------------------------

    def return_of(self, return_id: UUID) -> OrderReturn:
        """Answer one of the order's returns; raises ReturnNotFoundError."""
        found = next((one for one in self.returns if one.return_id == return_id), None)
        if found is None:
            raise ReturnNotFoundError(f"The order has no return {return_id}.")
        return found

    def approve_return(self, return_id: UUID, policy: ReturnPolicy, cause: Cause, notes: str = "") -> ReturnApproved:
        """Agree that units come back, whatever the policy says; raises ReturnStateError, ReturnLinesError.

        One that was declined may be taken after all, unless the customer keeps the units.
        """
        back = self.return_of(return_id)
        if back.state == ReturnStage.DECLINED:
            if back.reason == ReturnRefusal.CUSTOMER:
                raise ReturnStateError("The customer has withdrawn the return.", state=back.state)
            self._must_be_returnable(back.quantities)
        back.decision_notes = notes if back.state in {ReturnStage.REQUESTED, ReturnStage.DECLINED} else back.decision_notes
        return self._approve(back, policy, cause)

    def _approve(self, back: OrderReturn, policy: ReturnPolicy, cause: Cause) -> ReturnApproved:
        back.become(ReturnStage.APPROVED)
        self._value_return(back)
        back.reason, back.decided_by = None, cause.actor
        back.deadline_at = cause.at + policy.patience
        if policy.label:
            label = ReturnLabel.wish(back, cause)
            self.return_labels[label.label_id] = label
        self._move_return(back, cause, f"Return of {back.units} units approved")
        return ReturnApproved(
            order_id=self.order_id,
            user_id=self.user_id,
            return_id=back.return_id,
            lines=back.told_lines,
            refund_amount=self.money(back.refund_amount),
        )

    def decline_return(self, return_id: UUID, reason: ReturnRefusal, cause: Cause, notes: str = "") -> ReturnDeclined:
        """Have units not come back; raises ReturnStateError once some of them came, or it is over."""
        back = self.return_of(return_id)
        back.become(ReturnStage.DECLINED)
        back.reason, back.decided_by, back.decision_notes = reason, cause.actor, notes
        back.deadline_at = None
        for label in self.return_labels.values():
            if label.return_id == return_id:
                label.give_back(cause)
        self._move_return(back, cause, f"Return declined: {reason.replace('_', ' ')}")
        return ReturnDeclined(order_id=self.order_id, user_id=self.user_id, return_id=return_id, reason=reason)

    def close_return(self, return_id: UUID, cause: Cause) -> Ended:
        """Wait no longer for what has not come; raises ReturnStateError where nothing is waited for."""
        back = self.return_of(return_id)
        if back.state not in AWAITED:
            raise ReturnStateError(f"The return is {back.state}: nothing is waited for.", state=back.state)
        if back.state == ReturnStage.APPROVED:
            return self.decline_return(return_id, ReturnRefusal.NOT_RECEIVED, cause)
        back.become(ReturnStage.CLOSED)
        back.deadline_at = None
        missing = back.units - back.units_received
        self._move_return(back, cause, f"Return closed: {missing} units did not come")
        return ReturnClosed(order_id=self.order_id, user_id=self.user_id, return_id=return_id)

    def expire_return(self, return_id: UUID, cause: Cause) -> Ended | None:
        """Wait no longer for a return, if it is still waited for."""
        return self.close_return(return_id, cause) if self.return_of(return_id).state in AWAITED else None

    # --- received -------------------------------------------------------------------------------------------------------

    def receive_return(self, return_id: UUID, receipt: Receipt, cause: Cause) -> list[Received]:
        """Note units that came, and give their money back; raises ReturnStateError, ReturnLinesError. Known: nothing new."""
        back = self.return_of(return_id)
        if back.knows(receipt):
            return []
        if back.state not in AWAITED:
            raise ReturnStateError(f"The return is {back.state}: nothing is waited for.", state=back.state)
        inspected = back.take_in(receipt, cause)
        complete = back.units_received == back.units
        if complete:
            back.become(ReturnStage.RECEIVED)
            back.deadline_at = None
        else:
            back.state = ReturnStage.PARTIALLY_RECEIVED
        came = ", ".join(f"{one.quantity} of {one.product_id} ({one.disposition.replace('_', ' ')})" for one in inspected)
        self._move_return(back, cause, f"Return received: {came}")
        facts: list[Received] = [
            ReturnReceived(
                order_id=self.order_id,
                user_id=self.user_id,
                return_id=return_id,
                receipt_id=receipt.receipt_id,
                warehouse_id=receipt.warehouse_id,
                lines=inspected,
            )
        ]
        refund = self._refund_return(back, receipt, cause)
        facts += [refund] if refund is not None else []
        facts += [ReturnClosed(order_id=self.order_id, user_id=self.user_id, return_id=return_id)] if complete else []
        return facts

    def _refund_return(self, back: OrderReturn, receipt: Receipt, cause: Cause) -> RefundRequested | None:
        """Give back what units are worth that came, less what the customer bears of their way, and no more than is left."""
        units: dict[UUID, int] = {}
        for one in receipt.lines:
            if one.refund:
                units[one.item_id] = units.get(one.item_id, 0) + one.quantity
        refund = self._keep_refund(RefundReason.RETURN, self._worth(units), 0, cause)
        worth = refund.amount
        fee = min(back.fee_amount - back.fee_taken, worth)
        back.fee_taken += fee
        # What is due for parcels that left is as good as taken: payment gives nothing back before it is.
        due = sum([one.amount for one in self.shipments if one.dispatched_at is not None])
        coming = max(0, due - self.captured_amount)
        failed = self.payment_state == PaymentState.CAPTURE_FAILED
        refund.amount = min(worth - fee, self.refundable_amount + (0 if failed else coming))
        if refund.amount < worth - fee and failed:
            self.hold_reason = SHORT
        if refund.amount <= 0:
            return None
        refund.kept_amount = worth - refund.amount
        refund.return_id = back.return_id
        self._add_refund(refund)
        return self._request(refund, cause)

    # --- labels ---------------------------------------------------------------------------------------------------------

    def note_return_label_bought(self, label_id: UUID, terms: LabelTerms, cause: Cause) -> None:
        """Note that a carrier will bring the units; a label that is unwanted by now is given back next."""
        label = self.return_labels[label_id]
        if label.state == LabelState.BOUGHT:
            return
        wanted = label.note_sold(terms, cause)
        said = "Label for the return bought" if wanted else "A label for a return came that is not wanted any more"
        self._record(cause, f"{said}: {terms.carrier}, {terms.tracking_number}")

    def note_return_label_failed(self, label_id: UUID, code: str, message: str, cause: Cause) -> None:
        """Note that no carrier brings the units like this; `message` is the carrier's, for staff."""
        label = self.return_labels[label_id]
        if label.note_refused(code, message):
            self._record(cause, f"No label for the return: {code}")

    def note_return_label_open(self, label_id: UUID, error: str, delay: timedelta, cause: Cause) -> None:
        """Note that a carrier's answer is not known, or not the one it must be; it is asked again."""
        label = self.return_labels[label_id]
        label.error = error
        label.ask_again(cause, delay)

    def note_return_label_voided(self, label_id: UUID, cause: Cause) -> None:
        """Note that the carrier took a label back, or never sold it."""
        label = self.return_labels[label_id]
        if label.become(LabelState.VOIDED):
            label.due_at = None
            self._record(cause, "Label for the return given back")

    # --- shared ---------------------------------------------------------------------------------------------------------

    def _move_return(self, back: OrderReturn, cause: Cause, notes: str) -> None:
        """Derive the axis anew; every step of a return ends here."""
        back.updated_at = cause.at
        stages = {one.state for one in self.returns}
        self.return_state = next((state for state in AXIS if state in stages), ReturnState.NONE)
        self._record(cause, notes)


def _wanted(wishes: Sequence[ReturnWish]) -> dict[UUID, int]:
    wanted: dict[UUID, int] = {}
    for one in wishes:
        wanted[one.item_id] = wanted.get(one.item_id, 0) + one.quantity
    return wanted


def _units(shipment: Shipment, item: OrderItem) -> int:
    return sum([line["quantity"] for line in shipment.lines if line["item_id"] == str(item.item_id)])


def _refuse(item: OrderItem, reason: ReturnRefusal, said: str) -> None:
    raise ReturnRefusedError(
        f"lines: {item.name} {said}.",
        reason=reason.value,
        errors=[{"field": "lines", "message": f"item {item.item_id} {said}"}],
    )
