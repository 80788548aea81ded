"""What an order would cost: lines, ways of shipping and taxes, before anything is placed."""

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, StringConstraints
from pydantic_core import to_json

from chassis.auth import Customer
from chassis.requests import Clean, RequestModel
from contracts.types import Money
from order.api.cart import CartItem
from order.api.forms import MethodId
from order.api.views import TaxLineView, percent
from order.model import EmptyCartError, Quote, ShippingMethod, Terms, quote
from order.model.cart import MOST_LINES, PricedLine, price_lines
from order.store import OrderQueries

router = APIRouter(prefix="/api/orders", tags=["orders"])


class DestinationBody(RequestModel):
    """Where it is to go, as far as the price depends on it."""

    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
    region: Annotated[str, StringConstraints(min_length=1, max_length=100), Clean] | None = None


class QuoteBody(RequestModel):
    """What is to be priced: `items`, or the cart where they are absent."""

    items: Annotated[list[CartItem], Field(min_length=1, max_length=MOST_LINES)] | None = None
    destination: DestinationBody
    shipping_method: MethodId | None = None


class QuotedItemView(BaseModel):
    """A line with its price and taxes."""

    product_id: str
    name: str
    quantity: int
    price: Money
    subtotal: Money
    tax_percent: str
    tax_amount: Money
    total_amount: Money


class ShippingOfferView(BaseModel):
    """A way of shipping: what it costs, taxes included, and how many days it takes at best and at worst."""

    method_id: str
    name: str
    total_amount: Money
    days: tuple[int, int] | None


class QuoteView(BaseModel):
    """What it costs; `expected_total` of a placement is its `total_amount`."""

    items: list[QuotedItemView]
    shipping_methods: list[ShippingOfferView]
    shipping_method: str | None
    subtotal_amount: Money
    shipping_amount: Money
    tax_amount: Money
    total_amount: Money
    tax_lines: list[TaxLineView]
    prices_include_tax: bool


@router.post("/quote", response_model=QuoteView)
async def post_quote(request: Request, who: Customer, body: QuoteBody) -> Response:
    """Price the cart, or `items`, with shipping and taxes; nothing is placed or held."""
    settings = request.app.state.settings
    async with request.app.state.database.reading() as session:
        queries = OrderQueries(session)
        if body.items is None:
            cart, products = await queries.cart(who.user_id)
            lines = list(cart.items.items()) if cart is not None else []
        else:
            lines = [(item.product_id, item.quantity) for item in body.items]
            products = await queries.products([sku for sku, _ in lines])
        terms = await queries.terms()
    if not lines:
        raise EmptyCartError("Put something in the cart first, or send `items`.")
    priced = price_lines(lines, products, settings.currency)
    address: dict[str, str | None] = {"country": body.destination.country, "region": body.destination.region}
    included = settings.prices_include_tax
    quoted = quote(priced, terms, address, body.shipping_method, included=included)
    grams = sum(line.product.weight_grams * line.quantity for line in priced)
    offers = [
        _offer(priced, terms, address, method, included=included) for method, _ in terms.offers(body.destination.country, grams)
    ]
    return Response(to_json({**quote_view(quoted), "shipping_methods": offers}), media_type="application/json")


def _offer(
    lines: list[PricedLine], terms: Terms, address: dict[str, str | None], method: ShippingMethod, *, included: bool
) -> dict[str, Any]:
    quoted = quote(lines, terms, address, method.method_id, included=included)
    total = {"amount": quoted.shipping_amount, "currency": quoted.currency}
    return {"method_id": method.method_id, "name": method.name, "total_amount": total, "days": method.days}


def quote_view(quoted: Quote) -> dict[str, Any]:
    """Show a quote."""

    def money(amount: int) -> dict[str, Any]:
        return {"amount": amount, "currency": quoted.currency}

    charges = [(line.tax_rate_ppm, line.charge) for line in quoted.lines]
    if quoted.shipping is not None:
        charges.append((quoted.shipping.tax_rate_ppm, quoted.shipping.charge))
    rates = sorted({rate for rate, charge in charges if charge.tax})
    return {
        "items": [
            {
                "product_id": line.line.product.sku,
                "name": line.line.product.name,
                "quantity": line.line.quantity,
                "price": money(line.line.product.price),
                "subtotal": money(line.line.subtotal),
                "tax_percent": percent(line.tax_rate_ppm),
                "tax_amount": money(line.charge.tax),
                "total_amount": money(line.charge.total),
            }
            for line in quoted.lines
        ],
        "shipping_method": quoted.shipping.method_id if quoted.shipping is not None else None,
        "subtotal_amount": money(sum(line.line.subtotal for line in quoted.lines)),
        "shipping_amount": money(quoted.shipping_amount),
        "tax_amount": money(quoted.tax),
        "total_amount": money(quoted.total),
        "tax_lines": [
            {
                "tax_percent": percent(rate),
                "net_amount": money(sum(charge.net for one, charge in charges if one == rate)),
                "tax_amount": money(sum(charge.tax for one, charge in charges if one == rate)),
            }
            for rate in rates
        ],
        "prices_include_tax": quoted.prices_include_tax,
    }
