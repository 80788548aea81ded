"""Money given back: never more than was taken, and to the cent what units cost.

Everything is decided under the lock of the order's row, so refunds that are asked for at once see each other: what is promised
counts as gone. A unit is worth what it adds to the line's price after those given back or promised before it, so however a line
is given back, one by one or at once, all of it is worth the line's total. Units that left and were never paid count as those of
their line that come back first, and no money is given for them.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from chassis.domain import Cause, new_id
from contracts.order import CancelReason, OrderRefunded, RefundReason, RefundRequested
from contracts.types import Money
from order.model.changes import Changes
from order.model.exchange import ExchangeStage, ExchangeStep, Step
from order.model.lines import OrderItem
from order.model.order_return import AWAITED, OrderReturn
from order.model.pricing import spread
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
        """Count the units of a line for which money is given back with a return, once they or the last of it are here."""
        return sum([one.undecided(item.item_id) for one in self.returns])

    def units_unpaid(self, item: OrderItem) -> int:
        """Count the units of a line that left in parcels whose money could not be taken."""
        unpaid = [line for one in self.shipments if one.untaken_amount for line in one.lines]
        return sum([line["quantity"] for line in unpaid if line["item_id"] == str(item.item_id)])

    def _units_to_give_for(self, item: OrderItem) -> int:
        """Count the units of a line that money can be given back for without a return."""
        awaited, came = self.units_awaited(item), self._came_back
        unpaid = max(0, self.units_unpaid(item) - awaited - came[item.item_id])
        return self.units_sent(item) - self.units_refunded(item) - awaited - self._back_for_nothing(item, came) - unpaid

    @property
    def _came_back(self) -> Counter[UUID]:
        """Count the units of each line that came back and were decided about; with an exchange, that is once it is over."""
        came = Counter[UUID]()
        for one in self.returns:
            if one.exchange_stage != ExchangeStage.PLACED or one.state not in AWAITED:
                came.update(one.accepted)
        return came

    def _back_for_nothing(self, item: OrderItem, came: Mapping[UUID, int]) -> int:
        """Count the units of a line, of those that came back, for which nothing was due: never paid, say."""
        refunds = [one for one in self.refunds if one.return_id is not None and one.retried_as is None]
        given: list[int] = [line["quantity"] for one in refunds for line in one.lines if line["item_id"] == str(item.item_id)]
        return max(0, came.get(item.item_id, 0) - sum(given))

    def _never_paid(self, units: Mapping[UUID, int], came: Mapping[UUID, int]) -> int:
        """Tell what of the worth of units was never taken, after those that `came` back before."""
        return self._unpaid_of(Counter(came) + Counter(units)) - self._unpaid_of(came)

    def _unpaid_of(self, came: Mapping[UUID, int]) -> int:
        """Tell what of the worth of so many units of each line was never taken: what is unpaid comes back first."""
        unpaid = Counter[str]()
        for one in (one for one in self.shipments if one.untaken_amount):
            parts = spread(one.untaken_amount, [*[line["amount"] for line in one.lines], one.shipping_amount])
            for line, part in zip(one.lines, parts, strict=False):  # the last part is shipping's
                unpaid[line["item_id"]] += part
        included = self.prices_include_tax
        worth = [(str(item.item_id), item.worth(came.get(item.item_id, 0), included=included)) for item in self.items]
        return sum([min(unpaid[item_id], amount) for item_id, amount in worth])

    def _worth(
        self, units: Mapping[UUID, int], came: Mapping[UUID, int], back: OrderReturn | None = None
    ) -> list[dict[str, Any]]:
        """Tell what units are worth after those that `came` back, were given back or promised before; as lines of a refund.

        All units of a return (`back`) are worth what was promised for them, whatever was given back meanwhile.
        """
        if back is not None and back.promised and units == back.quantities:
            return [dict(line) for line in back.promised]
        given = [line for one in self.refunds if one.counts for line in one.lines]
        given += [line for one in self.returns if one is not back for line in one.promised]
        lines: list[dict[str, Any]] = []
        for item in self.items:
            quantity = units.get(item.item_id, 0)
            if not quantity:
                continue
            before = [line for line in given if line["item_id"] == str(item.item_id)]
            for_nothing = self._back_for_nothing(item, came)
            borne = item.charge(for_nothing, included=self.prices_include_tax)
            counted = min(sum([line["quantity"] for line in before]) + for_nothing + quantity, item.quantity)
            upto = item.charge(counted, included=self.prices_include_tax)
            lines.append(
                {
                    "item_id": str(item.item_id),
                    "product_id": item.product_id,
                    "quantity": quantity,
                    "amount": upto.total - borne.total - sum([line["amount"] for line in before]),
                    "tax_amount": upto.tax - borne.tax - sum([line["tax_amount"] for line in before]),
                }
            )
        return lines

    # --- asked for ------------------------------------------------------------------------------------------------------

    def ask_refund(self, wish: RefundWish, limit: int, cause: Cause) -> tuple[Refund, RefundRequested | None]:
        """Give money back; where that makes more than `limit` by hand, a second person is asked first.

        Raises RefundLinesError, RefundExceedsError.
        """
        if self.order_state != OrderState.CONFIRMED:
            raise RefundStateError(f"The money of an order that is {self.status} is not given back by hand.")
        self._must_be_refundable(wish)
        lines = self._worth(wish.lines, self._came_back)
        refund = self._keep_refund(wish.reason, lines, wish.amount, cause)
        if wish.shipping:
            refund.shipping_amount, refund.shipping_tax_amount = self.shipping_amount, self.shipping_tax_amount
            refund.amount += self.shipping_amount
        refund.notes = wish.notes
        if refund.amount > self.refundable_amount or refund.amount <= 0:
            self._refuse_amount(refund.amount, "amount" if wish.amount else "lines")
        self._add_refund(refund)
        if self.hold_reason == SHORT:
            self._end_hold()
        if self._given_alone > limit:
            refund.state = RefundState.AWAITING_APPROVAL
            self._record(cause, f"Refund of {refund.amount} {self.currency} waits for a second person: {self._why(refund)}")
            return refund, None
        return refund, self._request(refund, cause)

    @property
    def _given_alone(self) -> int:
        """What is given back by hand, in however many parts, that no second person has agreed to or is to agree to."""
        by_hand = [one for one in self.refunds if one.counts and one.return_id is None and one.decided_by is None]
        return sum([one.amount for one in by_hand if one.state != RefundState.AWAITING_APPROVAL])

    def _must_be_refundable(self, wish: RefundWish) -> None:
        known = {item.item_id: item for item in self.items}
        for item_id, quantity in wish.lines.items():
            item = known.get(item_id)
            awaited = self.units_awaited(item) if item is not None else 0
            free = self._units_to_give_for(item) if item is not None else 0
            if quantity > free:
                unpaid = self.units_unpaid(item) if item is not None else 0
                why = f"; {awaited} come back with a return" if awaited else ""
                why += f"; {unpaid} were never paid" if unpaid else ""
                raise RefundLinesError(
                    f"lines: of item {item_id}, {max(free, 0)} units were sent and not given money back for{why}.",
                    errors=[{"field": "lines", "message": f"at most {max(free, 0)} of item {item_id}"}],
                )
        given = any(one.shipping_amount for one in self.refunds if one.counts)
        unpaid_too = any(one.shipping_amount for one in self.shipments if one.untaken_amount)
        if wish.shipping and (not self.shipping_amount or given or unpaid_too):
            raise RefundLinesError(
                "shipping: it cost nothing, was never paid, or was given back before.",
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
        self._money_is(PaymentState.REFUNDED if complete else PaymentState.PARTIALLY_REFUNDED)
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

    def _money_is(self, state: PaymentState) -> None:
        """Take the money's axis on; it says that a parcel's money could not be taken for as long as that is so."""
        unpaid = any(one.untaken_amount for one in self.shipments)
        self.payment_state = PaymentState.CAPTURE_FAILED if unpaid else state

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
            self._end_hold()


def _person(actor: str) -> str:
    """Name who acted, in whatever role."""
    return actor.partition(":")[2]
