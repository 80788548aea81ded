"""The funds of an order: all its payments and captures, and what is decided over them as one.

Here cancel meets money. Whoever decides holds the lock of all the order's payments. A cancellation waits for every outcome that
is not known yet and is answered after all of them: by PaymentVoided, or by PaymentRefunded where money had been taken; a
withdrawn change is answered by AdditionVoided. An answer is told by the very change that makes it true, so it is told exactly
once, whatever comes last and however often it comes. A shipment's money is drawn from the oldest payment first; what an order
costs less is let go of the newest first, and never what a dispatched shipment is waiting for; what was refused of a shipment's
draws is let go, too. What is given back on request is drawn from the newest first, and never more than was taken and is neither
given back nor promised nor disputed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final
from uuid import UUID

from chassis.domain import Cause
from contracts.payment import (
    AdditionAuthorized,
    AdditionDeclined,
    AdditionVoided,
    IncidentKind,
    PaymentCaptured,
    PaymentCaptureFailed,
    PaymentDeclined,
    PaymentIncident,
    PaymentReduced,
    PaymentRefunded,
    PaymentVoided,
    RefundBounced,
    RefundFailed,
)
from contracts.types import Money
from payment.model.capture import Capture, CaptureStatus, Draw
from payment.model.dispute import Dispute
from payment.model.payment import Payment
from payment.model.refund import EXCEEDS_CAPTURED, Refund, RefundPart, RefundStatus
from payment.model.standing import GIVEN_BACK, LET_GO, Status

ORDER_CANCELLED: Final = "order_cancelled"
NOT_AUTHORIZED: Final = "not_authorized"
CURRENCY_MISMATCH: Final = "currency_mismatch"
GIVEN: Final = RefundStatus.REFUNDED
AMOUNT_EXCEEDS: Final = "amount_exceeds_authorization"


class OrderFunds:
    """The payments of one order, the main one first and then by age, with the captures drawn from them.

    `refunds` and `disputes` are needed where it is decided what a refund is drawn from.
    """

    def __init__(
        self,
        payments: Iterable[Payment],
        captures: Iterable[Capture] = (),
        refunds: Iterable[Refund] = (),
        disputes: Iterable[Dispute] = (),
    ) -> None:
        self._refunds = list(refunds)
        self._disputes = list(disputes)
        self._payments = sorted(payments, key=lambda payment: (payment.change_id is not None, payment.payment_id))
        self._captures = sorted(captures, key=lambda capture: capture.capture_id)
        if not self._payments:
            raise LookupError("there is no payment of this order")

    @property
    def main(self) -> Payment:
        """The payment for the order as it was placed."""
        return self._payments[0]

    @property
    def cancelled(self) -> bool:
        """Whether the order is cancelled."""
        return self.main.barred

    @property
    def lost(self) -> bool:
        """Whether a hold was let go by the PSP, or could not be renewed."""
        return any(one.status == Status.LAPSED or (one.renews and one.status == Status.DECLINED) for one in self._payments)

    def drawn_from(self, payment: Payment) -> bool:
        """Tell whether a capture that has no outcome yet takes something of a payment."""
        return any(draw.payment_id == payment.payment_id and draw.pending for draw in self._due_draws()) or (
            payment is self.main and any(capture.asked and not capture.draws for capture in self._captures)
        )

    def payment(self, payment_id: UUID) -> Payment:
        """Find a payment; raises LookupError."""
        return next((one for one in self._payments if one.payment_id == payment_id), None) or _gone(payment_id)

    def addition(self, change_id: UUID) -> Payment | None:
        """Find the payment for what a change adds."""
        return next((one for one in self._payments if one.change_id == change_id), None)

    def _renewals(self, payment: Payment) -> Iterator[Payment]:
        for one in self._payments:
            if one.renews == payment.payment_id:
                yield from (one, *self._renewals(one))

    # --- additions and reductions -------------------------------------------------------------------------------------

    def include(self, addition: Payment, cause: Cause) -> AdditionAuthorized | None:
        """Take in the payment for what a change adds: barred on a cancelled order, and not asked for where it is nothing."""
        self._payments.append(addition)
        if self.cancelled:
            addition.bar(cause)
            return None
        told = None if addition.amount else addition.authorize(None, cause)
        return told if isinstance(told, AdditionAuthorized) else None

    def withdraw(self, change_id: UUID, user_id: str, cause: Cause) -> tuple[Payment, AdditionVoided | None]:
        """Let go of what is held for a withdrawn change, and bar it where it has not come yet; once."""
        before = self._answered()
        addition = self.addition(change_id)
        if addition is None:
            addition = Payment.request(self.main.order_id, user_id, self.main.money(0), cause, change_id)
            self._payments.append(addition)
            if self.cancelled:
                addition.bar(cause)
        for payment in (addition, *self._renewals(addition)):
            payment.withdraw(cause)
        self.settle(cause)
        return addition, next(iter(self._withdrawals(before)), None)

    def reduce(self, change_id: UUID, less: int, due: Money, cause: Cause) -> PaymentReduced:
        """Let go of what a change makes the order cost less, of the newest payments first, as far as it is held."""
        spoken_for = self._spoken_for()
        left = less
        for payment in reversed(self._payments):
            part = min(left, payment.available_amount - spoken_for[payment.payment_id])
            if part > 0:
                payment.release(change_id, part, cause)
                left -= part
        self.settle(cause)
        return PaymentReduced(
            order_id=self.main.order_id,
            user_id=self.main.user_id,
            change_id=change_id,
            amount=self.main.money(max(less, 0) - max(left, 0)),
            due=due,
        )

    def _spoken_for(self, besides: Capture | None = None) -> dict[UUID, int]:
        """Tell how much of each payment the captures under way are going to take; `besides` one, those that go before it."""
        taken = dict.fromkeys((payment.payment_id for payment in self._payments), 0)
        for capture in self._captures:
            decided = capture.draws or capture.asked
            before = besides is None or (capture is not besides and (decided or capture.capture_id < besides.capture_id))
            if capture.pending and before:
                for payment_id, amount in self._plan(capture, taken):
                    taken[payment_id] += amount
        return taken

    # --- captures -----------------------------------------------------------------------------------------------------

    def draw(self, capture: Capture, cause: Cause) -> PaymentCaptureFailed | None:
        """Decide from which payments the money due for a shipment is taken; told where it cannot be had.

        As long as what is held is not enough, and a payment that may yet be held is undecided, so is this.
        """
        if capture.draws or not capture.pending:
            return None
        taken = self._spoken_for(besides=capture)
        if not capture.asked:
            available = sum(max(payment.available_amount - taken[payment.payment_id], 0) for payment in self._payments)
            if capture.amount > available and any(payment.awaited for payment in self._payments):
                return None
            refusal = self._refusal(capture, available)
            if refusal is not None:
                return self._fail(capture, refusal)
        for payment_id, amount in self._plan(capture, taken):
            capture.draw(payment_id, amount, final=amount == self.payment(payment_id).open_amount)
        capture.ask_by(cause.at)
        return None

    def _refusal(self, capture: Capture, available: int) -> str | None:
        if self.cancelled:
            return ORDER_CANCELLED
        if not any(payment.available_amount for payment in self._payments):
            return NOT_AUTHORIZED
        if capture.currency != self.main.currency:
            return CURRENCY_MISMATCH
        return None if 0 < capture.amount <= available else AMOUNT_EXCEEDS

    def _plan(self, capture: Capture, taken: Mapping[UUID, int]) -> list[tuple[UUID, int]]:
        """Spread what a capture is still to take over the payments, oldest first, beside what is `taken` of them."""
        if capture.draws:
            return [(draw.payment_id, draw.amount) for draw in capture.draws if draw.pending]
        if capture.asked:  # by a version that knew the main payment alone
            return [(self.main.payment_id, capture.amount)]
        plan, left = [], capture.amount
        for payment in self._payments:
            part = min(left, payment.available_amount - taken[payment.payment_id])
            if part > 0:
                plan.append((payment.payment_id, part))
                left -= part
        return plan

    def _due_draws(self) -> Iterator[Draw]:
        return (draw for capture in self._captures if capture.pending for draw in capture.draws)

    def take(
        self, capture: Capture, payment_id: UUID, cause: Cause
    ) -> list[PaymentCaptured | PaymentCaptureFailed | AdditionVoided]:
        """Note that the PSP took what a capture draws of a payment; told when all of the shipment's money is taken."""
        draw = capture.draw_of(payment_id)
        if draw is None or not draw.pending or not capture.pending:
            return []
        before = self._answered()
        self.payment(payment_id).capture(capture.shipment_id, draw.amount, cause, final=draw.final)
        capture.succeed(draw, cause)
        told: list[PaymentCaptured | PaymentCaptureFailed | AdditionVoided] = []
        if not capture.pending:
            told.append(self._captured(capture))
        elif self.cancelled:
            told.append(self._fail(capture, ORDER_CANCELLED))
        self.settle(cause)
        return [*told, *self._withdrawals(before)]

    def _captured(self, capture: Capture) -> PaymentCaptured:
        return PaymentCaptured(
            order_id=self.main.order_id,
            user_id=self.main.user_id,
            payment_id=capture.draws[0].payment_id,
            shipment_id=capture.shipment_id,
            amount=self.main.money(capture.amount),
            captured=self.main.money(sum(payment.captured_amount for payment in self._payments)),
        )

    def refuse(
        self, capture: Capture, payment_id: UUID, code: str, cause: Cause
    ) -> list[PaymentCaptureFailed | AdditionVoided]:
        """Note that a part of a shipment's money is not to be had: the rest of it is let go, and a person must act."""
        draw = capture.draw_of(payment_id)
        if draw is None or not draw.pending or not capture.pending:
            return []
        before = self._answered()
        told = self._fail(capture, code)
        for one in capture.draws:  # nobody asks for it again, so it is neither kept nor renewed
            payment = self.payment(one.payment_id)
            if one.status == CaptureStatus.FAILED and one.amount <= payment.available_amount:
                payment.release(capture.shipment_id, one.amount, cause)
        self.settle(cause)
        return [told, *self._withdrawals(before)]

    def _fail(self, capture: Capture, code: str) -> PaymentCaptureFailed:
        draw = capture.next_draw
        payment_id = self.main.payment_id if draw is None else draw.payment_id
        capture.fail(code)
        return PaymentCaptureFailed(
            order_id=self.main.order_id,
            user_id=self.main.user_id,
            payment_id=payment_id,
            shipment_id=capture.shipment_id,
            amount=Money(amount=capture.amount - capture.taken, currency=capture.currency),
            code=code,
        )

    # --- giving back --------------------------------------------------------------------------------------------------

    def cancel(self, cause: Cause) -> list[PaymentVoided | PaymentRefunded | PaymentCaptureFailed]:
        """Give back whatever is held or taken for a cancelled order, additions included; nothing more is taken.

        Answers at once where nothing was ever asked of the PSP or nothing came of it.
        """
        before = self._answered()
        for payment in self._payments:
            payment.bar(cause)
        unasked = [capture for capture in self._captures if capture.pending and not capture.asked]
        failed = [self._fail(capture, ORDER_CANCELLED) for capture in unasked]
        self.settle(cause)
        answer = self._cancellation(before)
        return [*failed, *([] if answer is None else [answer])]

    def settle(self, cause: Cause) -> None:
        """Have the next thing let go or given back of each payment of which nothing is to be kept."""
        for payment in self._payments:
            payment.settle(cause, capturing=self.drawn_from(payment))

    def decline(
        self, payment: Payment, code: str, cause: Cause
    ) -> list[PaymentDeclined | AdditionDeclined | PaymentVoided | PaymentRefunded | AdditionVoided]:
        """Note that a payment is not held and will not be; this may be what an answer waited for."""
        before = self._answered()
        told = payment.decline(code, cause)
        return [*([] if told is None else [told]), *self._answers(before)]

    def void(self, payment: Payment, cause: Cause) -> list[PaymentVoided | PaymentRefunded | AdditionVoided]:
        """Note that the PSP let go of a payment."""
        before = self._answered()
        payment.void(cause)
        return self._answers(before)

    def take_late(
        self, payment: Payment, taken: int, cause: Cause
    ) -> list[PaymentVoided | PaymentRefunded | AdditionVoided | PaymentIncident]:
        """Note that the PSP has taken money of a cancelled order though nothing was to be taken; told where that is more."""
        before = self._answered()
        late = payment.take_late(taken, cause)
        if not late:
            return []
        order_id, user_id, kind = self.main.order_id, self.main.user_id, IncidentKind.CAPTURED_AFTER_CANCELLATION
        incident = PaymentIncident(order_id=order_id, user_id=user_id, kind=kind, amount=self.main.money(late))
        return [incident, *self._answers(before)]

    def refund(self, payment: Payment, cause: Cause) -> PaymentVoided | PaymentRefunded | None:
        """Note that the PSP gave back what was captured of a payment."""
        before = self._answered()
        payment.refund(cause)
        return self._cancellation(before)

    # --- giving back on request ---------------------------------------------------------------------------------------

    def allot(self, refund: Refund, cause: Cause) -> RefundFailed | None:
        """Decide of which payments a refund is given back; told where that much was not taken.

        As long as it is not enough, and more may yet be taken, it waits.
        """
        if refund.parts or not refund.pending:
            return None
        left = {payment.payment_id: self._returnable(payment) for payment in self._payments}
        enough = refund.amount <= sum(left.values())
        if not self.cancelled and not enough and self._may_take_more():
            return refund.wait(cause)
        refusal = self._refund_refusal(refund, enough=enough)
        if refusal is not None:
            return refund.fail(refusal)
        wanted = refund.amount
        for payment in reversed(self._payments):
            part = min(wanted, left[payment.payment_id])
            if part > 0:
                refund.draw(payment.payment_id, part, cause)
                wanted -= part
        return None

    def _refund_refusal(self, refund: Refund, *, enough: bool) -> str | None:
        if self.cancelled:
            return ORDER_CANCELLED
        if refund.currency != self.main.currency:
            return CURRENCY_MISMATCH
        return None if enough and refund.amount > 0 else EXCEEDS_CAPTURED

    def _returnable(self, payment: Payment) -> int:
        """Tell how much of a payment can be promised: taken, and neither given back nor promised nor disputed."""
        promised = sum(
            part.amount
            for refund in self._refunds
            for part in refund.parts
            if part.payment_id == payment.payment_id and part.pending
        )
        disputed = sum(one.taken_back for one in self._disputes if one.payment_id == payment.payment_id)
        return max(payment.captured_amount - payment.refunded_amount - promised - disputed, 0)

    def _may_take_more(self) -> bool:
        return any(capture.pending for capture in self._captures) or any(payment.awaited for payment in self._payments)

    def give_back(self, refund: Refund, payment_id: UUID, cause: Cause) -> PaymentRefunded | None:
        """Note that the PSP gave back a part of a refund; told when the customer has all of it."""
        part = refund.part_of(payment_id)
        if part is None or not part.pending:
            return None
        self.payment(payment_id).return_(part.booked_as, part.amount, cause)
        refund.succeed(part, cause)
        return None if refund.pending or part.bounced else self._given(refund)

    def bounce(self, refund: Refund, part: RefundPart, code: str, cause: Cause) -> RefundBounced | None:
        """Note that a part of a refund came back from the customer's bank; told when it is not sent again."""
        self.payment(part.payment_id).bounce(part.booked_as, part.amount, cause)
        return refund.bounce(part, code, cause)

    def keep(
        self, refund: Refund, payment_id: UUID, code: str, cause: Cause
    ) -> list[PaymentRefunded | RefundFailed | RefundBounced]:
        """Note that the PSP refused a part of a refund: at last the rest of it has failed, beside what was given back."""
        part = refund.part_of(payment_id)
        if part is None or not part.pending or not refund.refuse(part, code, cause):
            return []
        if part.bounced:  # it was told as given back
            return [refund.lose(part, code)]
        failed = refund.fail(code)
        return [self._given(refund), failed] if refund.given else [failed]

    def _given(self, refund: Refund) -> PaymentRefunded:
        return PaymentRefunded(
            order_id=self.main.order_id,
            user_id=self.main.user_id,
            payment_id=refund.parts[0].payment_id,
            amount=self.main.money(refund.given),
            refunded=self._refunded,
            refund_id=refund.refund_id,
        )

    @property
    def _refunded(self) -> Money:
        bounced = [part.amount for one in self._refunds for part in one.parts if part.bounced and part.status != GIVEN]
        return self.main.money(sum(payment.refunded_amount for payment in self._payments) + sum(bounced))

    def _answered(self) -> AbstractSet[UUID]:
        """Name, as things stand, the withdrawn changes for which nothing is held; and the cancelled order, if all is back."""
        withdrawn = [one for one in self._payments if one.withdrawn and one.renews is None]
        answered = {one.change_id for one in withdrawn if one.change_id and one.status in LET_GO}
        if self.cancelled and all(one.status in GIVEN_BACK for one in self._payments):
            answered.add(self.main.order_id)
        return answered

    def _answers(self, before: AbstractSet[UUID]) -> list[PaymentVoided | PaymentRefunded | AdditionVoided]:
        cancellation = self._cancellation(before)
        return [*self._withdrawals(before), *([] if cancellation is None else [cancellation])]

    def _withdrawals(self, before: AbstractSet[UUID]) -> Sequence[AdditionVoided]:
        """Answer the withdrawals of changes for which nothing is held since now."""
        now, told = self._answered(), self.main.order_id in before
        return [
            AdditionVoided(
                order_id=one.order_id,
                user_id=one.user_id,
                change_id=one.change_id,
                amount=one.money(0 if told else one.let_go_amount),  # of a cancelled order it was told before
            )
            for one in self._payments
            if one.change_id is not None and one.change_id in now - before
        ]

    def _cancellation(self, before: AbstractSet[UUID]) -> PaymentVoided | PaymentRefunded | None:
        """Answer the cancellation, if all is given back since now."""
        if self.main.order_id not in self._answered() - before:
            return None
        order_id, user_id = self.main.order_id, self.main.user_id
        refunded = [payment for payment in self._payments if payment.refunded_amount > payment.returned_amount]
        if refunded:
            amount = self.main.money(sum(payment.refunded_amount - payment.returned_amount for payment in refunded))
            total, payment_id = self._refunded, refunded[0].payment_id
            return PaymentRefunded(order_id=order_id, user_id=user_id, payment_id=payment_id, amount=amount, refunded=total)
        let_go = sum(payment.let_go_amount for payment in self._payments if not (payment.withdrawn and payment.change_id))
        return PaymentVoided(order_id=order_id, user_id=user_id, amount=self.main.money(let_go))


def _gone(payment_id: UUID) -> Payment:
    raise LookupError(f"payment {payment_id} is gone")
