"""The shop window: products on sale, for anyone, without a token. Nobody is told how many there are."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel

from chassis.domain import NotFoundError
from chassis.pages import Cursor, Limit
from chassis.requests import Clean
from inventory.api.forms import Search, SkuPath
from inventory.model.views import OfferView
from inventory.store import Wanted, Window, WindowSort

router = APIRouter(prefix="/api/products", tags=["products"])

Category = Annotated[str | None, Query(max_length=100, description="Only this category."), Clean]
InStock = Annotated[bool, Query(description="Only what lies there.")]


class Offers(BaseModel):
    """A page of products on sale."""

    items: list[OfferView]
    next_cursor: str | None


def _window(request: Request) -> Window:
    return Window(request.app.state.database)


Shown = Annotated[Window, Depends(_window)]


@router.get("")
async def list_products(
    window: Shown,
    limit: Limit = 50,
    cursor: Cursor = None,
    q: Search = None,
    category: Category = None,
    in_stock: InStock = False,  # noqa: FBT002 - a query parameter
    sort: WindowSort = WindowSort.SKU,
) -> Offers:
    """List products on sale, by SKU unless `sort` says otherwise."""
    found, following = await window.offers(Wanted(q, category, in_stock, sort), limit, cursor)
    return Offers(items=[OfferView.of(product, there) for product, there in found], next_cursor=following)


@router.get("/{sku}", responses={404: {"description": "No such product on sale"}})
async def get_product(window: Shown, sku: SkuPath) -> OfferView:
    """Show a product on sale."""
    found = await window.offer(sku)
    if found is None:
        raise NotFoundError(f"There is no product {sku} on sale.")
    return OfferView.of(*found)
