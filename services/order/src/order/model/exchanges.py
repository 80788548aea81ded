"""What is given for units that came back: their money, or another order that they pay.

A return that is agreed to with an exchange has another order placed, which its units pay up to its total: that is the credit.
Nothing is given for single receipts then; once the return is over, what all of it is worth decides. Where that is the credit or
more, the credit is moved to the other order and the rest goes to the customer. Where it is less, or nothing came, the other
order is cancelled and the customer has the money. What all of it was said to be worth counts as promised, so no cent of it goes
to another unit of its lines that is given for meanwhile. Whatever ends the other order before that makes the return an ordinary
one; what ends it afterwards has payment give the credit to the customer.
"""

from collections import Counter
from collections.abc import Mapping
from uuid import UUID

from chassis.domain import Cause
from contracts.order import CancelReason, RefundReason, RefundRequested
from order.model.exchange import (
    AWAITS_RETURN,
    REASONS,
    ExchangeFor,
    ExchangePaymentError,
    ExchangeStage,
    ExchangeStep,
    ExchangeWish,
    ExchangeWorthlessError,
    Step,
)
from order.model.order_return import AWAITED, OrderReturn, ReturnNotFoundError
from order.model.refund import Refund
from order.model.refunds import SHORT, Refunds
from order.model.shipment import ShipmentState
from order.model.status import PaymentState


class ExchangePriceError(ExchangePaymentError):
    """What is wanted instead costs more by now than the customer has agreed to pay."""

    slug = "price-changed"
    title = "The price has changed"
    status = 409


class Exchanges(Refunds):
    """An order as those see it who give something for what comes back, and one that is given for it."""

    def return_of(self, return_id: UUID) -> OrderReturn:
        """Answer one of the order's returns; raises ReturnNotFoundError."""
        found = next((one for one in self.returns if one.return_id == return_id), None)
        if found is None:
            raise ReturnNotFoundError(f"The order has no return {return_id}.")
        return found

    # --- of the order that units come back of -----------------------------------------------------------------------------

    def _want_exchange(self, back: OrderReturn, wish: ExchangeWish) -> None:
        """Note what the customer wants instead; raises ExchangeWorthlessError, ExchangePaymentError."""
        self._must_be_worth_something(back.refund_amount)
        document = wish.document(back.refund_amount, self._worth(back.quantities, self._came_back, back))
        if document["difference"] and wish.payment is None:
            raise ExchangePaymentError(
                f"exchange.payment: {document['difference']} {self.currency} (minor units) are to be paid.",
                errors=[{"field": "exchange.payment", "message": "says how the difference is paid"}],
                difference=self.money(document["difference"]).model_dump(),
            )
        back.exchange = document

    @staticmethod
    def _must_be_worth_something(worth: int) -> None:
        if not worth:
            raise ExchangeWorthlessError(
                "exchange: what comes back is worth nothing.",
                errors=[{"field": "exchange", "message": "nothing would be credited"}],
            )

    def _must_cost_as_agreed(self, back: OrderReturn, worth: int, total: int) -> None:
        """Raise ExchangePriceError where the customer would pay more than was agreed to."""
        if back.exchange is None or back.exchange_stage != ExchangeStage.WANTED:
            return
        self._must_be_worth_something(worth)
        difference, agreed = max(0, total - worth), back.exchange["difference"]
        if difference > agreed:
            raise ExchangePriceError(
                f"The difference is {difference} {self.currency} now (minor units), and {agreed} was agreed to.",
                difference=self.money(difference).model_dump(),
                agreed=self.money(agreed).model_dump(),
            )

    def _place_exchange(self, back: OrderReturn, total: int | None, exchange_order_id: UUID, cause: Cause) -> UUID | None:
        """Settle what the exchange of a return is: `total` is what it costs now (None: it is not to be); answers its order."""
        if back.exchange is None or back.exchange_stage != ExchangeStage.WANTED:
            return None
        if total is None:
            back.exchange_becomes(ExchangeStage.ENDED)
            return None
        credit = min(back.refund_amount, total)
        back.exchange_becomes(ExchangeStage.PLACED, order_id=str(exchange_order_id), credit=credit)
        link = {"order_id": str(exchange_order_id), "return_id": str(back.return_id)}
        self.exchange = {**(self.exchange or {}), "by": [*(self.exchange or {}).get("by", ()), link]}
        self._record(cause, f"Order {exchange_order_id} placed in exchange: {credit} {self.currency} are credited")
        return exchange_order_id

    def exchange_of(self, return_id: UUID) -> ExchangeFor | None:
        """Tell which order is to be placed in exchange for a return, if one is."""
        back = self.return_of(return_id)
        if back.exchange is None or back.exchange_stage != ExchangeStage.PLACED:
            return None
        return ExchangeFor(UUID(back.exchange["order_id"]), self.order_id, return_id, back.exchange["credit"])

    def _end_exchange(self, back: OrderReturn, cause: Cause, reason: CancelReason | None = None) -> None:
        """Have the exchange of a return not come about; `reason`: and have its order cancelled."""
        if back.exchange is None or back.exchange_stage not in {ExchangeStage.WANTED, ExchangeStage.PLACED}:
            return
        if reason is not None and back.exchange_stage == ExchangeStage.PLACED:
            key = UUID(back.exchange["order_id"])
            self.steps.append(ExchangeStep.tell(key, back.return_id, Step.CANCEL, cause, reason))
        back.exchange_becomes(ExchangeStage.ENDED)

    def dissolve_exchange(self, return_id: UUID, cause: Cause) -> list[RefundRequested]:
        """Note that the order placed in exchange is cancelled: what came, and what still comes, has its money back.

        Where what came pays that order already, payment has it go to the customer.
        """
        back = self.return_of(return_id)
        if back.exchange_stage != ExchangeStage.PLACED:
            return []
        self._end_exchange(back, cause)
        self._record(cause, "The order placed in exchange is cancelled: money is given back instead")
        return self._give_for(back, back.accepted, cause)

    # --- what is given ----------------------------------------------------------------------------------------------------

    def _give_for(self, back: OrderReturn, came: Mapping[UUID, int], cause: Cause) -> list[RefundRequested]:
        """Give what is due for units of a return that `came`; with an exchange, for all of them once it is over."""
        exchanged = back.exchange is not None and back.exchange_stage == ExchangeStage.PLACED
        if exchanged and back.state in AWAITED:
            return []
        refund = self._due_for(back, back.accepted if exchanged else came, cause)
        if back.exchange is None or not exchanged:
            return self._ask([refund], cause)
        credit, order_id = back.exchange["credit"], UUID(back.exchange["order_id"])
        if refund is None or refund.amount < credit:
            self._end_exchange(back, cause, CancelReason.STAFF)
            said = f"No exchange: {refund.amount if refund is not None else 0} of {credit} {self.currency} are due"
            self._record(cause, said)
            return self._ask([refund], cause)
        rest = refund.move(credit, order_id)
        back.exchange_becomes(ExchangeStage.SETTLED)
        return self._ask([refund, rest], cause)

    def _ask(self, refunds: list[Refund | None], cause: Cause) -> list[RefundRequested]:
        asked = []
        for refund in refunds:
            if refund is not None:
                self._add_refund(refund)
                asked.append(self._request(refund, cause))
        return asked

    def _due_for(self, back: OrderReturn, units: Mapping[UUID, int], cause: Cause) -> Refund | None:
        """Tell what was paid for units that came, less what the customer bears of their way, and no more than is left."""
        came = self._came_back - Counter(units)
        refund = self._keep_refund(RefundReason.RETURN, self._worth(units, came, back), 0, cause)
        worth = refund.amount
        paid = max(0, worth - self._never_paid(units, came))
        fee = min(back.fee_amount - back.fee_taken, paid)
        back.fee_taken += fee
        # What is due for parcels that left, and not lost, is as good as taken: payment gives nothing back before it is.
        due = sum([one.amount - one.untaken_amount for one in self.shipments if one.dispatched_at is not None])
        coming = max(0, due - self.captured_amount)
        refund.amount = min(paid - fee, self.refundable_amount + coming)
        if refund.amount < paid - fee and self.payment_state == PaymentState.CAPTURE_FAILED:
            self.hold_reason = SHORT
        if refund.amount <= 0:
            return None
        refund.kept_amount = worth - refund.amount
        refund.return_id = back.return_id
        return refund

    # --- of the order that is placed in exchange ----------------------------------------------------------------------------

    def release_exchange(self, cause: Cause) -> None:
        """Let its parcels go, since what came back pays them."""
        source = self.exchange_for
        if source is None or not source["waits"]:
            return
        self.exchange = {**(self.exchange or {}), "for": {**source, "waits": False}}
        for shipment in self.shipments:
            if shipment.state == ShipmentState.HELD and shipment.hold_reason == AWAITS_RETURN:
                shipment.become(ShipmentState.PLANNED)
                shipment.hold_reason = None
        self._record(cause, "What it is exchanged for has come back and pays it")

    def _leave_exchange(self, cause: Cause) -> None:
        """Have the order told that it is not exchanged, since this one is cancelled."""
        source = self.exchange_for
        if source is not None:
            self.exchange = {**(self.exchange or {}), "for": {**source, "waits": False}}
            self.steps.append(ExchangeStep.tell(UUID(source["order_id"]), UUID(source["return_id"]), Step.DISSOLVE, cause))


def reason_of(refusal: str) -> CancelReason:
    """Tell why the order is cancelled that was placed in exchange for a return that was declined."""
    return REASONS.get(refusal, CancelReason.STAFF)
