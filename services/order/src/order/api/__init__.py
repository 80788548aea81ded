"""HTTP in: what customers and staff may ask of carts and orders.

Each route that changes something names a command and the function that hears it, both beside it; the answer follows the commit.
"""

from fastapi import APIRouter

from order.api import admin, cart, live, orders

router = APIRouter()
router.include_router(cart.router)
router.include_router(orders.router)
router.include_router(live.router)
router.include_router(admin.router)

__all__ = ["router"]
