"""HTTP in: what finance and support see of payments and decide about them, the audit of the books, and the PSP's webhooks.

Payments follow their orders: nothing here takes or gives back money. The token of an instrument is in no answer.
"""

from fastapi import APIRouter

from payment.api import disputes, gift_cards, incidents, payments, risk, settlements, statements, transfers, webhooks

router = APIRouter()
# In one flat list, the busiest first.
for part in (
    webhooks.router,
    incidents.router,
    payments.router,
    disputes.router,
    settlements.router,
    risk.router,
    gift_cards.router,
    statements.router,
    transfers.router,
):
    router.routes.extend(part.routes)

__all__ = ["router"]
