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
    RefundRequested,
    ReturnApproved,
    ReturnClosed,
    ReturnDeclined,
    ReturnReceived,
    ReturnRefusal,
    ReturnRequested,
)
from order.model.exchange import ExchangeWish
from order.model.exchanges import Exchanges, reason_of
from order.model.lines import OrderItem
from order.model.order_return import (
    AWAITED,
    OrderReturn,
    Receipt,
    ReturnLabel,
    ReturnLinesError,
    ReturnRefusedError,
    ReturnStage,
    ReturnStateError,
    ReturnWish,
)
from order.model.return_policy import ReturnPolicy, TaxClasses
from order.model.shipment import LabelState, LabelTerms, Shipment, ShipmentState
from order.model.status import OrderState, ReturnState

Asked = ReturnRequested | ReturnApproved
Ended = ReturnDeclined | ReturnClosed | RefundRequested
Received = ReturnReceived | RefundRequested | ReturnClosed

AXIS: Final = (
    ReturnState.REQUESTED,
    ReturnState.APPROVED,
    ReturnState.PARTIALLY_RECEIVED,
    ReturnState.RECEIVED,
    ReturnState.CLOSED,
)
"""Of several returns, the one counts that somebody must do something about first; a declined one does not count."""


class Returns(Exchanges):
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
        self,
        wishes: Sequence[ReturnWish],
        note: str,
        policy: ReturnPolicy,
        tax_classes: TaxClasses,
        cause: Cause,
        exchange: ExchangeWish | None = None,
    ) -> tuple[OrderReturn, list[Asked]]:
        """Ask that units may come back, for their money or in exchange for something else.

        Raises ReturnLinesError, ReturnRefusedError where the policy is against it, ExchangePaymentError.
        """
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
        back.refund_amount = self._value_of(back)
        if exchange is not None:
            self._want_exchange(back, exchange)
        self.returns.append(back)
        self.returns_count += 1
        self._move_return(back, cause, f"Return of {back.units} units asked for")
        facts: list[Asked] = [
            ReturnRequested(order_id=self.order_id, user_id=self.user_id, return_id=back.return_id, lines=back.told_lines)
        ]
        if policy.auto_approve:
            facts.append(self._approve(back, policy, cause, exchange.total if exchange is not None else None))
        return back, facts

    def _must_be_returnable(self, wanted: Mapping[UUID, int]) -> None:
        if self.order_state != OrderState.CONFIRMED:
            raise ReturnStateError(f"Nothing of an order that is {self.status} can come back.")
        self.must_be_known()
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

    def _value_of(self, back: OrderReturn) -> int:
        came = self._came_back
        worth: int = sum([line["amount"] for line in self._worth(back.quantities, came, back)])
        return max(0, worth - self._never_paid(back.quantities, came) - back.fee_amount)

    # --- decided --------------------------------------------------------------------------------------------------------

    def approve_return(
        self, return_id: UUID, policy: ReturnPolicy, cause: Cause, notes: str = "", exchange_total: int | None = None
    ) -> ReturnApproved:
        """Agree that units come back, whatever the policy says; raises ReturnStateError, ReturnLinesError, ExchangePriceError.

        One that was declined may be taken after all, unless the customer keeps the units. `exchange_total` is what the things
        cost now that the customer wants instead; None: there is no exchange.
        """
        back = self.return_of(return_id)
        if back.state == ReturnStage.DECLINED:
            if back.reason == ReturnRefusal.CUSTOMER:
                raise ReturnStateError("The customer has withdrawn the return.", state=back.state)
            self._must_be_returnable(back.quantities)
        if exchange_total is not None:
            self._must_cost_as_agreed(back, self._value_of(back), exchange_total)
        back.decision_notes = notes if back.state in {ReturnStage.REQUESTED, ReturnStage.DECLINED} else back.decision_notes
        return self._approve(back, policy, cause, exchange_total)

    def _approve(self, back: OrderReturn, policy: ReturnPolicy, cause: Cause, exchange_total: int | None) -> ReturnApproved:
        back.become(ReturnStage.APPROVED)
        back.refund_amount = self._value_of(back)
        exchange_order_id = self._place_exchange(back, exchange_total, new_id(), cause)
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
            exchange_order_id=exchange_order_id,
        )

    def decline_return(self, return_id: UUID, reason: ReturnRefusal, cause: Cause, notes: str = "") -> ReturnDeclined:
        """Have units not come back; raises ReturnStateError once some of them came, or it is over."""
        back = self.return_of(return_id)
        back.become(ReturnStage.DECLINED)
        back.reason, back.decided_by, back.decision_notes = reason, cause.actor, notes
        back.deadline_at = None
        self._end_exchange(back, cause, reason_of(reason))
        for label in self.return_labels.values():
            if label.return_id == return_id:
                label.give_back(cause)
        self._move_return(back, cause, f"Return declined: {reason.replace('_', ' ')}")
        return ReturnDeclined(order_id=self.order_id, user_id=self.user_id, return_id=return_id, reason=reason)

    def close_return(self, return_id: UUID, cause: Cause) -> list[Ended]:
        """Wait no longer for what has not come; raises ReturnStateError where nothing is waited for."""
        back = self.return_of(return_id)
        if back.state not in AWAITED:
            raise ReturnStateError(f"The return is {back.state}: nothing is waited for.", state=back.state)
        if back.state == ReturnStage.APPROVED:
            return [self.decline_return(return_id, ReturnRefusal.NOT_RECEIVED, cause)]
        back.become(ReturnStage.CLOSED)
        back.deadline_at = None
        missing = back.units - back.units_received
        self._move_return(back, cause, f"Return closed: {missing} units did not come")
        closed = ReturnClosed(order_id=self.order_id, user_id=self.user_id, return_id=return_id)
        return [closed, *self._give_for(back, {}, cause)]

    def expire_return(self, return_id: UUID, cause: Cause) -> list[Ended]:
        """Wait no longer for a return, if it is still waited for."""
        return self.close_return(return_id, cause) if self.return_of(return_id).state in AWAITED else []

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
        facts += self._give_for(back, _accepted(receipt), cause)
        facts += [ReturnClosed(order_id=self.order_id, user_id=self.user_id, return_id=return_id)] if complete else []
        return facts

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


def _accepted(receipt: Receipt) -> dict[UUID, int]:
    accepted: dict[UUID, int] = {}
    for one in receipt.lines:
        if one.refund:
            accepted[one.item_id] = accepted.get(one.item_id, 0) + one.quantity
    return accepted


def _units(shipment: Shipment, item: OrderItem) -> int:
    return sum([line["quantity"] for line in shipment.lines if line["item_id"] == str(item.item_id)])


def _refuse(item: OrderItem, reason: ReturnRefusal, said: str) -> None:
    raise ReturnRefusedError(
        f"lines: {item.name} {said}.",
        reason=reason.value,
        errors=[{"field": "lines", "message": f"item {item.item_id} {said}"}],
    )
