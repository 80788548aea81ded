"""HTTP in: what customers and staff may ask of carts and orders.

Each route that changes something names a command and the function that hears it, both beside it; the answer follows the commit.
"""

from fastapi import APIRouter

from order.api import admin, cart, live, orders

router = APIRouter()
for part in (orders.busy, orders.router, cart.router, live.router, admin.router):  # in one flat list, the busiest first
    router.routes.extend(part.routes)

__all__ = ["router"]
