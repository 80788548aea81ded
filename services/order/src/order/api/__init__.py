"""HTTP in: what customers and staff may ask of carts and orders.

Each route that changes something names a command and the function that hears it, both beside it; the answer follows the commit.
"""

from fastapi import APIRouter

from order.api import (
    admin,
    cart,
    changes,
    desk,
    documents,
    evidence,
    fulfilment,
    labels,
    live,
    orders,
    privacy,
    quoting,
    refunds,
    reports,
    return_policy,
    returns,
    saga,
    search,
    terms,
    tracking,
)

router = APIRouter()
for part in (  # in one flat list, the busiest first
    orders.busy,
    orders.router,
    cart.router,
    quoting.router,
    live.router,
    tracking.router,
    changes.router,
    desk.router,
    saga.router,
    search.router,
    reports.router,
    admin.router,
    fulfilment.router,
    labels.router,
    fulfilment.queue,
    terms.router,
    returns.router,
    returns.desk,
    returns.queue,
    refunds.router,
    refunds.queue,
    return_policy.router,
    documents.router,
    evidence.router,
    privacy.router,
    documents.admin,
):
    router.routes.extend(part.routes)

__all__ = ["router"]
