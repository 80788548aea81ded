"""Disputes: the bank of a card's holder takes captured money back, and decides later whose it is.

They are not asked for by clients but raised by a control, as banks do. What is disputed, or was lost, cannot be refunded.
"""

import time

from waybill.simulators.psp import objects
from waybill.simulators.psp.errors import StripeError, no_such
from waybill.simulators.psp.ledger import Dispute, Ledger
from waybill.simulators.psp.operations import Outcome, find

_OPEN = "needs_response"
_RESPOND_SECONDS = 9 * 24 * 3600


def raise_dispute(ledger: Ledger, payment_intent: str, amount: int | None, reason: str) -> Outcome:
    """Take captured money back; all that is neither refunded nor disputed where no amount is given."""
    intent = find(ledger, payment_intent)
    left = intent.captured - intent.refunded - ledger.disputed(intent.id)
    taken = left if amount is None else amount
    if not 0 < taken <= left:
        raise StripeError(400, f"{taken} cannot be disputed: {left} of this charge are kept.", param="amount")
    now = time.time()
    dispute = Dispute(objects.new_id("dp"), intent.id, taken, reason, _OPEN, now, now + _RESPOND_SECONDS)
    ledger.insert_dispute(dispute)
    rendered = objects.dispute_object(dispute, intent)
    return Outcome(200, rendered, (("charge.dispute.created", rendered),))


def close_dispute(ledger: Ledger, identifier: str, *, won: bool) -> Outcome:
    """Decide a dispute; the money of one that was won is the merchant's again."""
    dispute = ledger.dispute(identifier)
    if dispute is None:
        raise no_such("dispute", identifier, param="dispute")
    if dispute.status != _OPEN:
        raise StripeError(400, f"This dispute is already {dispute.status}.", param="dispute")
    dispute.status = "won" if won else "lost"
    ledger.update_dispute(dispute)
    rendered = objects.dispute_object(dispute, find(ledger, dispute.intent_id))
    return Outcome(200, rendered, (("charge.dispute.closed", rendered),))
