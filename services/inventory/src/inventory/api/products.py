"""Keeping the catalogue: products and prices. Each change is told on `catalog.products`."""

from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field, StringConstraints, field_validator

from chassis.commands import Runs
from chassis.domain import NotFoundError
from chassis.pages import Cursor, Limit, page, read_cursor
from chassis.preconditions import etag
from chassis.problems import invalid
from chassis.requests import Clean, LongText, RequestModel, Text
from contracts import Money
from contracts.types import Currency, Line
from inventory.api.forms import REFUSALS, IfMatch, Keeper, Reader, Reads, Search, Sku, SkuPath, versions
from inventory.handlers import change_product, offer_product
from inventory.model import MOST_UNITS, ChangeProduct, OfferProduct, Unsaid
from inventory.model.views import ProductView

router = APIRouter(prefix="/api/admin/products", tags=["catalogue"], responses=REFUSALS)

HIGHEST_PRICE: Final = 10**10
"""Minor units; an order of a hundred such lines still fits the columns that add them up."""

HEAVIEST: Final = 1_000_000
MOST_COMPONENTS: Final = 20
MOST_OF_A_COMPONENT: Final = 10_000

OnSale = Annotated[bool | None, Query(description="Only those on sale, or only those that are not.")]


class Price(RequestModel):
    """A price in minor units of the shop's currency."""

    amount: Annotated[int, Field(strict=True, gt=0, le=HIGHEST_PRICE)]
    currency: Currency


class Component(RequestModel):
    """What one unit of a bundle holds of another product."""

    product_id: Sku
    quantity: Annotated[int, Field(strict=True, ge=1, le=MOST_OF_A_COMPONENT)]


Flag = Annotated[bool, Field(strict=True)]
Grams = Annotated[int, Field(strict=True, ge=0, le=HEAVIEST, description="What one unit weighs, packed.")]
TaxClass = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Threshold = Annotated[int, Field(strict=True, ge=0, le=MOST_UNITS)]
Category = Annotated[str, StringConstraints(max_length=100), Clean]
ImageUrl = Annotated[str, StringConstraints(max_length=500, pattern=r"^(https?://[^\s\"'<>]+|/[^\s\"'<>]*)?$"), Clean]
Components = Annotated[tuple[Component, ...], Field(max_length=MOST_COMPONENTS, description="What a bundle is made of.")]


class WholeProduct(RequestModel):
    """All that can be said anew of a product; what is left out falls back to its default."""

    name: Text
    description: LongText = ""
    price: Price
    active: Flag = True
    weight_grams: Grams = 0
    tax_class: TaxClass = "standard"
    backorder: Flag = False
    low_stock_threshold: Threshold | None = None
    components: Components = ()
    category: Category = ""
    image_url: ImageUrl = ""


class Identified(RequestModel):
    """Says which product."""

    product_id: Sku


class NewProduct(WholeProduct, Identified):
    """A product to be put into the catalogue."""


class ProductPatch(RequestModel):
    """What is to change of a product; what is left out stays. Only the threshold may be null: then stock is never low."""

    name: Text | None = None
    description: LongText | None = None
    price: Price | None = None
    active: Flag | None = None
    weight_grams: Grams | None = None
    tax_class: TaxClass | None = None
    backorder: Flag | None = None
    low_stock_threshold: Threshold | None = None
    components: Components | None = None
    category: Category | None = None
    image_url: ImageUrl | None = None

    @field_validator(
        "name",
        "description",
        "price",
        "active",
        "weight_grams",
        "tax_class",
        "backorder",
        "components",
        "category",
        "image_url",
    )
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
    response.headers["ETag"] = etag(product.version)
    return ProductView.of(product)


@router.post("", status_code=201, response_model=ProductView, responses={409: {"description": "It exists already"}})
async def create_product(run: Runs, _: Keeper, request: Request, body: NewProduct) -> Response:
    """Put a product into the catalogue."""
    wish = OfferProduct(
        sku=body.product_id,
        name=body.name,
        description=body.description,
        price=_in_shop_currency(request, body.price),
        active=body.active,
        weight_grams=body.weight_grams,
        tax_class=body.tax_class,
        backorder=body.backorder,
        low_stock_threshold=body.low_stock_threshold,
        components=_lines(body.components),
        category=body.category,
        image_url=body.image_url,
    )
    return await run(offer_product, wish)


@router.put("/{sku}", response_model=ProductView, responses={412: {"description": "Changed meanwhile"}})
async def replace_product(
    run: Runs, _: Keeper, request: Request, sku: SkuPath, body: WholeProduct, if_match: IfMatch = None
) -> Response:
    """Say anew what a product is."""
    wish = ChangeProduct(
        sku,
        name=body.name,
        description=body.description,
        price=_in_shop_currency(request, body.price),
        active=body.active,
        expected=versions(if_match),
        weight_grams=body.weight_grams,
        tax_class=body.tax_class,
        backorder=body.backorder,
        low_stock_threshold=body.low_stock_threshold,
        components=_lines(body.components),
        category=body.category,
        image_url=body.image_url,
    )
    return await run(change_product, wish)


@router.patch("/{sku}", response_model=ProductView, responses={412: {"description": "Changed meanwhile"}})
async def change_some(
    run: Runs, _: Keeper, request: Request, sku: SkuPath, body: ProductPatch, if_match: IfMatch = None
) -> Response:
    """Change some facts of a product: take it off sale, set its price, and so on."""
    says_threshold = "low_stock_threshold" in body.model_fields_set
    wish = ChangeProduct(
        sku,
        name=body.name,
        description=body.description,
        price=None if body.price is None else _in_shop_currency(request, body.price),
        active=body.active,
        expected=versions(if_match),
        weight_grams=body.weight_grams,
        tax_class=body.tax_class,
        backorder=body.backorder,
        low_stock_threshold=body.low_stock_threshold if says_threshold else Unsaid.UNSAID,
        components=None if body.components is None else _lines(body.components),
        category=body.category,
        image_url=body.image_url,
    )
    return await run(change_product, wish)


def _in_shop_currency(request: Request, price: Price) -> Money:
    currency = request.app.state.settings.currency
    if price.currency != currency:
        raise invalid("price.currency", f"this shop sells in {currency}")
    return Money(amount=price.amount, currency=price.currency)


def _lines(components: Sequence[Component]) -> list[Line]:
    return [Line(product_id=one.product_id, quantity=one.quantity) for one in components]
