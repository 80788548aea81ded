"""HTTP in: the catalogue for everyone; products, warehouses and stock for those who keep them."""

from fastapi import APIRouter

from inventory.api import offers, products, stock, warehouses

router = APIRouter()
router.include_router(offers.router)
router.include_router(products.router)
router.include_router(warehouses.router)
router.include_router(stock.router)
