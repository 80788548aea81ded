"""HTTP in: the catalogue for everyone; products, warehouses, stock and routing for those who keep them."""

from fastapi import APIRouter

from inventory.api import offers, products, reports, routing, stock, stocktakes, warehouses

router = APIRouter()
router.include_router(offers.router)
router.include_router(products.router)
router.include_router(warehouses.router)
router.include_router(stock.router)
router.include_router(stocktakes.router)
router.include_router(routing.router)
router.include_router(reports.router)
