"""Renewals: a hold that would lapse before all of it is taken is replaced by another one, in time.

A renewal is a payment of its own, named after the one whose hold it takes the place of; so it is asked for under one key,
however often, and by whichever process. The new hold comes first, then the old one is let go: as long as the PSP has not
answered, shipments draw from the old one, and what they drew is not drawn from the new one, which is let go of in its stead.
Nothing is ever captured twice, for a shipment draws what it costs once, whatever is held. Where the PSP declines, the order is
told, while the old hold may still stand.
"""

from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

from chassis.domain import Cause
from contracts.payment import (
    AdditionVoided,
    IncidentKind,
    PaymentIncident,
    PaymentRefunded,
    PaymentVoided,
    ReauthorizationDeclined,
)
from payment.model.funds import OrderFunds
from payment.model.payment import Payment
from payment.model.standing import Action, Status

EXPIRED: Final = "authorization_expired"
"""Why something cannot be taken whose hold lapsed before the PSP could be asked for another one."""

Answers = PaymentVoided | PaymentRefunded | AdditionVoided


def renewal_of(payment: Payment) -> UUID:
    """Name the renewal of a payment: always the same, so that a hold is renewed once, even from a backup."""
    return uuid5(payment.payment_id, "renewal")


class Renewals(OrderFunds):
    """The payments of one order, as their holds near their end."""

    def renew(self, payment: Payment, cause: Cause) -> Payment | PaymentIncident | None:
        """Have asked for anew what is still to be taken of a payment; after the captures under way are known.

        What a gift card and a card hold together is not renewed: a person is told.
        """
        if payment.warn_at is None or self.drawn_from(payment):
            return None
        payment.warn_at = None
        payment.updated_at = cause.at
        amount = payment.money(payment.available_amount)
        if not amount.amount or self.addition(renewal_of(payment)) is not None:
            return None
        if payment.shared:
            kind = IncidentKind.AUTHORIZATION_EXPIRED
            return PaymentIncident(order_id=payment.order_id, user_id=payment.user_id, kind=kind, amount=amount)
        renewal = Payment.request(payment.order_id, payment.user_id, amount, cause, renewal_of(payment))
        renewal.renews, renewal.action = payment.payment_id, Action.RENEW
        self._payments.append(renewal)
        return renewal

    def _wanted(self, old: Payment) -> int:
        """Tell how much of what an old hold was for is still to be taken, and drawn by no capture."""
        drawn = sum(draw.amount for draw in self._due_draws() if draw.payment_id == old.payment_id and draw.pending)
        return old.lapsed_amount if old.status == Status.LAPSED else max(old.available_amount - drawn, 0)

    def renewed(self, renewal: Payment, reference: str, expires_at: datetime | None, cause: Cause) -> list[Answers]:
        """Note that the PSP holds it anew: the new hold takes the place of the old one, which is let go."""
        if renewal.status != Status.PENDING:
            return []
        before, old = self._answered(), self.payment(_renewed(renewal))
        if old.withdrawn:
            renewal.withdraw(cause)
        renewal.authorize(reference, cause, expires_at)
        if renewal.available_amount:
            excess = renewal.available_amount - self._wanted(old)
            if excess > 0:
                renewal.release(old.payment_id, excess, cause)
            old.replace(cause)
        self.settle(cause)
        return self._answers(before)

    def not_renewed(self, renewal: Payment, code: str, cause: Cause) -> list[ReauthorizationDeclined | Answers]:
        """Note that the PSP does not hold it anew; told where something is still to be taken."""
        if renewal.status != Status.PENDING:
            return []
        before, old, awaited = self._answered(), self.payment(_renewed(renewal)), renewal.awaited
        renewal.decline(code, cause)
        told = self._give_up(old, code) if awaited else None
        return [*([] if told is None else [told]), *self._answers(before)]

    def lapsed(self, payment: Payment, cause: Cause) -> ReauthorizationDeclined | None:
        """Note that a hold is gone; told where something was to be taken of it and no renewal is on its way."""
        if payment.status != Status.AUTHORIZED:
            return None
        payment.lapse(cause)
        renewal = self.addition(renewal_of(payment))
        return None if renewal is not None and renewal.awaited else self._give_up(payment, EXPIRED)

    def _give_up(self, old: Payment, code: str) -> ReauthorizationDeclined | None:
        """Tell that what is still to be taken of a hold will not be had."""
        left = self._wanted(old)
        if not left or self.cancelled or old.withdrawn:
            return None
        return ReauthorizationDeclined(
            order_id=old.order_id, user_id=old.user_id, payment_id=old.payment_id, amount=old.money(left), code=code
        )


def _renewed(renewal: Payment) -> UUID:
    if renewal.renews is None:
        raise LookupError(f"payment {renewal.payment_id} renews nothing")
    return renewal.renews
