"""The shop window: products on sale, for anyone, without a token."""

from fastapi import APIRouter
from pydantic import BaseModel

from chassis.domain import NotFoundError
from chassis.pages import Cursor, Limit, page, read_cursor
from inventory.api.forms import Reads, Search, SkuPath
from inventory.model.views import OfferView

router = APIRouter(prefix="/api/products", tags=["products"])


class Offers(BaseModel):
    """A page of products on sale."""

    items: list[OfferView]
    next_cursor: str | None


@router.get("")
async def list_products(reads: Reads, limit: Limit = 50, cursor: Cursor = None, q: Search = None) -> Offers:
    """List products on sale, by SKU."""
    after = None if cursor is None else read_cursor(cursor, str)[0]
    rows, following = page(await reads.offers(q, after, limit + 1), limit, lambda row: (row[0].sku,))
    return Offers(items=[OfferView.of(product, available=there) for product, there in rows], next_cursor=following)


@router.get("/{sku}", responses={404: {"description": "No such product on sale"}})
async def get_product(reads: Reads, sku: SkuPath) -> OfferView:
    """Show a product on sale."""
    found = await reads.offer(sku)
    if found is None:
        raise NotFoundError(f"There is no product {sku} on sale.")
    return OfferView.of(found[0], available=found[1])
