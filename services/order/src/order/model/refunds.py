"""Money given back: never more than was taken, and to the cent what units cost.

Everything is decided under the lock of the order's row, so refunds that are asked for at once see each other: what is promised
counts as gone. A unit is worth what it adds to the line's price after those given back before it, so however a line is given
back, one by one or at once, all of it is worth the line's total.
"""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from chassis.domain import Cause, new_id
from contracts.order import CancelReason, OrderRefunded, RefundReason, RefundRequested
from contracts.types import Money
from order.model.changes import Changes
from order.model.exchange import ExchangeStep, Step
from order.model.lines import OrderItem
from order.model.refund import (
    Refund,
    RefundExceedsError,
    RefundLinesError,
    RefundNotFoundError,
    RefundState,
    RefundStateError,
    RefundWish,
    SecondPersonNeededError,
)
from order.model.status import OrderState, PaymentState

FAILED: Final = "refund_failed"
SHORT: Final = "refund_short"
"""Why a person must look at an order: a refund failed, or less went back for a return than is due."""


class Refunds(Changes):
    """An order as those see it who give money back for it."""

    # --- what can be given back -----------------------------------------------------------------------------------------

    @property
    def refundable_amount(self) -> int:
        """What was taken, and has neither gone back nor been promised."""
        settled = sum([one.refunded_amount for one in self.refunds])
        promised = sum([one.amount - one.refunded_amount for one in self.refunds if one.is_open])
        return self.captured_amount - max(self.refunded_amount, settled) - promised

    def units_refunded(self, item: OrderItem, *, besides_returns: bool = False) -> int:
        """Count the units of a line that money is given back for; `besides_returns`: that do not come back for it."""
        refunds = [one for one in self.refunds if one.counts and not (besides_returns and one.return_id is not None)]
        return sum([line["quantity"] for one in refunds for line in one.lines if line["item_id"] == str(item.item_id)])

    def units_sent(self, item: OrderItem) -> int:
        """Count the units of a line that have left a warehouse."""
        sent = [one for one in self.shipments if one.dispatched_at is not None]
        return sum([line["quantity"] for one in sent for line in one.lines if line["item_id"] == str(item.item_id)])

    def units_awaited(self, item: OrderItem) -> int:
        """Count the units of a line that are to come back; money is given back for them when they are here."""
        return sum([one.awaited(item.item_id) for one in self.returns])

    def _worth(self, units: Mapping[UUID, int]) -> list[dict[str, Any]]:
        """Tell what units are worth after those given back before, by item id; as lines of a refund."""
        lines: list[dict[str, Any]] = []
        for item in self.items:
            quantity = units.get(item.item_id, 0)
            if not quantity:
                continue
            before = [line for one in self.refunds if one.counts for line in one.lines if line["item_id"] == str(item.item_id)]
            upto = item.charge(sum([line["quantity"] for line in before]) + quantity, included=self.prices_include_tax)
            lines.append(
                {
                    "item_id": str(item.item_id),
                    "product_id": item.product_id,
                    "quantity": quantity,
                    "amount": upto.total - sum([line["amount"] for line in before]),
                    "tax_amount": upto.tax - sum([line["tax_amount"] for line in before]),
                }
            )
        return lines

    # --- asked for ------------------------------------------------------------------------------------------------------

    def ask_refund(self, wish: RefundWish, limit: int, cause: Cause) -> tuple[Refund, RefundRequested | None]:
        """Give money back; above `limit` a second person is asked first. Raises RefundLinesError, RefundExceedsError."""
        if self.order_state != OrderState.CONFIRMED:
            raise RefundStateError(f"The money of an order that is {self.status} is not given back by hand.")
        self._must_be_refundable(wish)
        lines = self._worth(wish.lines)
        refund = self._keep_refund(wish.reason, lines, wish.amount, cause)
        if wish.shipping:
            refund.shipping_amount, refund.shipping_tax_amount = self.shipping_amount, self.shipping_tax_amount
            refund.amount += self.shipping_amount
        refund.notes = wish.notes
        if refund.amount > self.refundable_amount or refund.amount <= 0:
            self._refuse_amount(refund.amount, "amount" if wish.amount else "lines")
        self._add_refund(refund)
        if self.hold_reason == SHORT:
            self.hold_reason = None
        if refund.amount > limit:
            refund.state = RefundState.AWAITING_APPROVAL
            self._record(cause, f"Refund of {refund.amount} {self.currency} waits for a second person: {self._why(refund)}")
            return refund, None
        return refund, self._request(refund, cause)

    def _must_be_refundable(self, wish: RefundWish) -> None:
        known = {item.item_id: item for item in self.items}
        for item_id, quantity in wish.lines.items():
            item = known.get(item_id)
            awaited = self.units_awaited(item) if item is not None else 0
            free = self.units_sent(item) - self.units_refunded(item) - awaited if item is not None else 0
            if quantity > free:
                back = f", and {awaited} are to come back" if awaited else ""
                raise RefundLinesError(
                    f"lines: of item {item_id}, {max(free, 0)} units were sent and not given money back for{back}.",
                    errors=[{"field": "lines", "message": f"at most {max(free, 0)} of item {item_id}"}],
                )
        if wish.shipping and (not self.shipping_amount or any(one.shipping_amount for one in self.refunds if one.counts)):
            raise RefundLinesError(
                "shipping: it cost nothing, or was given back before.",
                errors=[{"field": "shipping", "message": "cannot be given back"}],
            )

    def _refuse_amount(self, amount: int, field: str) -> None:
        left = max(self.refundable_amount, 0)
        raise RefundExceedsError(
            f"{field}: {amount} {self.currency} (minor units) is asked for, and {left} can be given back.",
            errors=[{"field": field, "message": f"at most {left}"}],
            refundable=self.money(left).model_dump(),
        )

    def _keep_refund(self, reason: RefundReason, lines: list[dict[str, Any]], amount: int, cause: Cause) -> Refund:
        worth = sum([line["amount"] for line in lines])
        return Refund(
            refund_id=new_id(),
            order_id=self.order_id,
            state=RefundState.REQUESTED,
            amount=worth + amount,
            lines=lines,
            reason=reason,
            requested_by=cause.actor,
            created_at=cause.at,
        )

    def _add_refund(self, refund: Refund) -> None:
        self.refunds.append(refund)
        self.refunds_count += 1

    def _request(self, refund: Refund, cause: Cause) -> RefundRequested:
        self._record(cause, f"Refund of {refund.amount} {self.currency} asked for: {self._why(refund)}")
        return RefundRequested(
            order_id=self.order_id,
            user_id=self.user_id,
            refund_id=refund.refund_id,
            amount=self.money(refund.amount),
            reason=RefundReason(refund.reason),
            return_id=refund.return_id,
            exchange_order_id=refund.exchange_order_id,
        )

    @staticmethod
    def _why(refund: Refund) -> str:
        return refund.reason.replace("_", " ")

    # --- decided --------------------------------------------------------------------------------------------------------

    def refund(self, refund_id: UUID) -> Refund:
        """Answer one of the order's refunds; raises RefundNotFoundError."""
        found = next((one for one in self.refunds if one.refund_id == refund_id), None)
        if found is None:
            raise RefundNotFoundError(f"The order has no refund {refund_id}.")
        return found

    def approve_refund(self, refund_id: UUID, cause: Cause) -> RefundRequested:
        """Agree to a large refund; raises SecondPersonNeededError, RefundStateError."""
        refund = self.refund(refund_id)
        if not refund.may_become(RefundState.REQUESTED):
            decided = f" by {refund.decided_by}" if refund.decided_by else ""
            raise RefundStateError(f"The refund is {refund.state}{decided}, and waits for nobody.", state=refund.state)
        if _person(refund.requested_by) == _person(cause.actor):
            raise SecondPersonNeededError(
                f"{refund.requested_by} asked for it, and cannot approve it.", requested_by=refund.requested_by
            )
        refund.become(RefundState.REQUESTED)
        refund.decided_by = cause.actor
        return self._request(refund, cause)

    def decline_refund(self, refund_id: UUID, cause: Cause) -> None:
        """Give up a refund that waits for approval or has failed; raises RefundStateError."""
        refund = self.refund(refund_id)
        if refund.retried_as is not None:
            raise RefundStateError("It was asked for anew.", retried_as=str(refund.retried_as))
        refund.become(RefundState.DECLINED)
        refund.decided_by, refund.settled_at = cause.actor, cause.at
        self._forget_failure()
        self._tell_exchange(refund, Step.CANCEL, cause, CancelReason.STAFF)
        self._record(cause, f"Refund of {refund.amount} {self.currency} declined")

    def retry_refund(self, refund_id: UUID, cause: Cause) -> tuple[Refund, RefundRequested]:
        """Ask anew for a refund that failed, under a key of its own; raises RefundStateError."""
        failed = self.refund(refund_id)
        if failed.state != RefundState.FAILED or failed.retried_as is not None:
            raise RefundStateError(f"The refund is {failed.state}; only one that failed is asked for anew.", state=failed.state)
        again = Refund.again(failed, cause)
        failed.retried_as = again.refund_id
        self._add_refund(again)
        self._forget_failure()
        return again, self._request(again, cause)

    # --- heard ----------------------------------------------------------------------------------------------------------

    def note_refunded(self, refund_id: UUID | None, amount: Money, refunded: Money, cause: Cause) -> OrderRefunded | None:
        """Note that money went back, and how much so far; what is known already changes nothing."""
        refund = next((one for one in self.refunds if one.refund_id == refund_id), None)
        if refund is not None:
            if refund.refunded_amount or not refund.may_become(RefundState.REFUNDED):
                return None
            refund.note_refunded(amount.amount, cause)
            self._forget_failure()
            if refund.state == RefundState.REFUNDED:
                self._tell_exchange(refund, Step.RELEASE, cause)
        elif refunded.amount <= self.refunded_amount:
            return None
        if self.order_state == OrderState.CANCELLED:
            # Money that came after the cancellation was told to nobody: what went back of it had been taken.
            self.captured_amount = min(max(self.captured_amount, refunded.amount), self.total_amount)
            self.voided_at = self.voided_at or cause.at
        self.refunded_amount = min(max(self.refunded_amount, refunded.amount), self.captured_amount)
        complete = self.refunded_amount == self.captured_amount
        self.payment_state = PaymentState.REFUNDED if complete else PaymentState.PARTIALLY_REFUNDED
        moved = refund is not None and refund.exchange_order_id is not None
        said = "Pays the order placed in exchange, refunded" if moved else "Refunded"
        self._record(cause, f"{said}: {self.refunded_amount} {refunded.currency} so far")
        return OrderRefunded(
            order_id=self.order_id,
            user_id=self.user_id,
            refund_id=refund_id,
            amount=amount,
            refunded=self.money(self.refunded_amount),
            complete=complete,
            exchange_order_id=refund.exchange_order_id if refund is not None else None,
        )

    def _tell_exchange(self, refund: Refund, step: Step, cause: Cause, reason: CancelReason | None = None) -> None:
        """Tell the order that a refund is to pay what became of that."""
        if refund.exchange_order_id is not None and refund.return_id is not None:
            self.steps.append(ExchangeStep.tell(refund.exchange_order_id, refund.return_id, step, cause, reason))

    def note_refund_failed(self, refund_id: UUID, code: str, cause: Cause) -> None:
        """Put a refund before a person that the PSP will not do."""
        refund = next((one for one in self.refunds if one.refund_id == refund_id), None)
        if refund is not None and refund.may_become(RefundState.FAILED):
            refund.become(RefundState.FAILED)
            refund.error = code
            self.hold_reason = FAILED
            self._record(cause, f"Refund of {refund.amount} {self.currency} failed: {code.replace('_', ' ')}")

    def _forget_failure(self) -> None:
        failed = any(one.state == RefundState.FAILED and one.is_open for one in self.refunds)
        if self.hold_reason == FAILED and not failed:
            self.hold_reason = None


def _person(actor: str) -> str:
    """Name who acted, in whatever role."""
    return actor.partition(":")[2]
