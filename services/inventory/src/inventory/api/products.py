"""Keeping the catalogue: products and prices. Each change is told on `catalog.products`."""

import re
from typing import Annotated, Final

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel, Field, field_validator

from chassis.commands import Runs
from chassis.domain import NotFoundError
from chassis.pages import Cursor, Limit, page, read_cursor
from chassis.problems import invalid
from chassis.requests import LongText, RequestModel, Text
from contracts import Money
from contracts.types import Currency
from inventory.api.forms import REFUSALS, Keeper, Reader, Reads, Search, Sku, SkuPath
from inventory.handlers import change_product, etag, offer_product
from inventory.model import ChangeProduct, OfferProduct
from inventory.model.views import ProductView

router = APIRouter(prefix="/api/admin/products", tags=["catalogue"], responses=REFUSALS)

HIGHEST_PRICE: Final = 10**10
"""Minor units; an order of a hundred such lines still fits the columns that add them up."""

IfMatch = Annotated[str | None, Header(max_length=200, description="The ETag last seen; another version answers 412.")]
OnSale = Annotated[bool | None, Query(description="Only those on sale, or only those that are not.")]


class Price(RequestModel):
    """A price in minor units of the shop's currency."""

    amount: Annotated[int, Field(strict=True, gt=0, le=HIGHEST_PRICE)]
    currency: Currency


class NewProduct(RequestModel):
    """A product to be put into the catalogue."""

    product_id: Sku
    name: Text
    description: LongText = ""
    price: Price
    active: Annotated[bool, Field(strict=True)] = True


class WholeProduct(RequestModel):
    """All that can be said anew of a product; what is left out falls back to its default."""

    name: Text
    description: LongText = ""
    price: Price
    active: Annotated[bool, Field(strict=True)] = True


class ProductPatch(RequestModel):
    """What is to change of a product; what is left out stays."""

    name: Text | None = None
    description: LongText | None = None
    price: Price | None = None
    active: Annotated[bool, Field(strict=True)] | None = None

    @field_validator("*")
    @classmethod
    def _say_something(cls, value: object) -> object:
        if value is None:
            raise ValueError("must not be null; leave it out to keep it")
        return value


class Products(BaseModel):
    """A page of products."""

    items: list[ProductView]
    next_cursor: str | None


@router.get("")
async def list_all_products(
    reads: Reads, _: Reader, limit: Limit = 50, cursor: Cursor = None, q: Search = None, active: OnSale = None
) -> Products:
    """List products, on sale or not, by SKU."""
    after = None if cursor is None else read_cursor(cursor, str)[0]
    rows, following = page(await reads.products(q, active, after, limit + 1), limit, lambda row: (row.sku,))
    return Products(items=[ProductView.of(product) for product in rows], next_cursor=following)


@router.get("/{sku}")
async def get_any_product(reads: Reads, _: Reader, sku: SkuPath, response: Response) -> ProductView:
    """Show a product with its version (ETag)."""
    product = await reads.product(sku)
    if product is None:
        raise NotFoundError(f"There is no product {sku}.")
    response.headers["ETag"] = etag(product)
    return ProductView.of(product)


@router.post("", status_code=201, response_model=ProductView, responses={409: {"description": "It exists already"}})
async def create_product(run: Runs, _: Keeper, request: Request, body: NewProduct) -> Response:
    """Put a product into the catalogue."""
    price = _in_shop_currency(request, body.price)
    return await run(offer_product, OfferProduct(body.product_id, body.name, body.description, price, body.active))


@router.put("/{sku}", response_model=ProductView, responses={412: {"description": "Changed meanwhile"}})
async def replace_product(
    run: Runs, _: Keeper, request: Request, sku: SkuPath, body: WholeProduct, if_match: IfMatch = None
) -> Response:
    """Say anew what a product is."""
    price = _in_shop_currency(request, body.price)
    wish = ChangeProduct(sku, body.name, body.description, price, body.active, expected=_versions(if_match))
    return await run(change_product, wish)


@router.patch("/{sku}", response_model=ProductView, responses={412: {"description": "Changed meanwhile"}})
async def change_some(
    run: Runs, _: Keeper, request: Request, sku: SkuPath, body: ProductPatch, if_match: IfMatch = None
) -> Response:
    """Change some facts of a product: take it off sale, set its price, and so on."""
    price = None if body.price is None else _in_shop_currency(request, body.price)
    wish = ChangeProduct(sku, body.name, body.description, price, body.active, expected=_versions(if_match))
    return await run(change_product, wish)


def _in_shop_currency(request: Request, price: Price) -> Money:
    currency = request.app.state.settings.currency
    if price.currency != currency:
        raise invalid("price.currency", f"this shop sells in {currency}")
    return Money(amount=price.amount, currency=price.currency)


def _versions(if_match: str | None) -> frozenset[int] | None:
    """Read If-Match; None where any version will do, an empty set where none of ours is named."""
    if if_match is None or if_match.strip() == "*":
        return None
    return frozenset(int(version) for version in re.findall(r'"(\d{1,9})"', if_match))
