"""HTTP in: what customers and staff may ask of carts and orders.

Each route that changes something names a command and the function that hears it, both beside it; the answer follows the commit.
"""

from fastapi import APIRouter

from order.api import admin, cart, changes, fulfilment, labels, live, orders, quoting, terms, tracking

router = APIRouter()
for part in (  # in one flat list, the busiest first
    orders.busy,
    orders.router,
    cart.router,
    quoting.router,
    live.router,
    tracking.router,
    changes.router,
    admin.router,
    fulfilment.router,
    labels.router,
    fulfilment.queue,
    terms.router,
):
    router.routes.extend(part.routes)

__all__ = ["router"]
