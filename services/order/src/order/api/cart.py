"""The customer's cart."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Never

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field, StrictInt, StringConstraints

from chassis.auth import Customer
from chassis.batch import Answer
from chassis.commands import Runs
from chassis.domain import Cause
from chassis.preconditions import ExpectedVersion, etag
from chassis.problems import invalid
from chassis.requests import Clean, RequestModel
from order.api.views import CartView, cart_view
from order.model import Cart, VersionMismatchError
from order.model.cart import MOST_LINES, MOST_OF_ONE, price_lines
from order.store import CartStore, OrderQueries, ProductStore

router = APIRouter(prefix="/api/cart", tags=["cart"])

Sku = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$"), Clean]
Quantity = Annotated[StrictInt, Field(ge=1, le=MOST_OF_ONE)]


class CartItem(RequestModel):
    """A quantity of a product."""

    product_id: Sku
    quantity: Quantity


class CartContents(RequestModel):
    """All that the cart is to hold."""

    items: Annotated[list[CartItem], Field(max_length=MOST_LINES)]


class CartQuantity(RequestModel):
    """The new quantity of a product; 0 takes it out."""

    quantity: Annotated[StrictInt, Field(ge=0, le=MOST_OF_ONE)]


@dataclass(frozen=True, slots=True)
class ChangeCart:
    """Change a cart: replace its contents, add to it, or set the quantity of one product."""

    cart_of: str
    currency: str
    replace: Mapping[str, int] | None = None
    add: tuple[str, int] | None = None
    quantity: tuple[str, int] | None = None
    expected_version: int | None = None

    @property
    def skus(self) -> tuple[str, ...]:
        """The products that come into the cart."""
        if self.replace is not None:
            return tuple(self.replace)
        one = self.add or self.quantity
        return (one[0],) if one is not None else ()


def change_cart(command: ChangeCart, carts: CartStore, products: ProductStore, cause: Cause) -> Answer[Never]:
    """Change the customer's cart; only products on sale come in."""
    cart = carts.get(command.cart_of)
    if command.expected_version not in {None, cart.version}:
        raise VersionMismatchError("The cart has changed; look at it again and repeat.", current_version=cart.version)
    incoming = [sku for sku in command.skus if command.quantity is None or command.quantity[1] > 0]
    price_lines([(sku, 1) for sku in incoming], products.all, command.currency)
    _change(cart, command, cause)
    view = cart_view(command.cart_of, cart, products.all, command.currency)
    return Answer(view.model_dump_json().encode(), headers={"ETag": etag(cart.version)})


def _change(cart: Cart, command: ChangeCart, cause: Cause) -> None:
    if command.replace is not None:
        cart.replace(command.replace, cause.at)
    elif command.add is not None:
        cart.add(*command.add, cause.at)
    elif command.quantity is not None:
        sku, quantity = command.quantity
        if quantity == 0 and sku not in cart.items:
            raise invalid("product_id", "is not in the cart")
        cart.set_quantity(sku, quantity, cause.at)


@router.get("", response_model=CartView)
async def get_cart(request: Request, who: Customer) -> Response:
    """Show the cart at the prices of the moment."""
    async with request.app.state.database.reading() as session:
        cart, products = await OrderQueries(session).cart(who.user_id)
    view = cart_view(who.user_id, cart, products, request.app.state.settings.currency)
    return Response(view.model_dump_json(), headers={"ETag": etag(view.version)}, media_type="application/json")


@router.put("", response_model=CartView)
async def replace_cart(
    request: Request, run: Runs, who: Customer, body: CartContents, expected_version: ExpectedVersion
) -> Response:
    """Put exactly these products in the cart."""
    contents: dict[str, int] = {}
    for item in body.items:
        contents[item.product_id] = contents.get(item.product_id, 0) + item.quantity
    currency = request.app.state.settings.currency
    return await run(change_cart, ChangeCart(who.user_id, currency, replace=contents, expected_version=expected_version))


@router.post("/items", response_model=CartView)
async def add_to_cart(request: Request, run: Runs, who: Customer, body: CartItem) -> Response:
    """Put more of a product in the cart."""
    currency = request.app.state.settings.currency
    return await run(change_cart, ChangeCart(who.user_id, currency, add=(body.product_id, body.quantity)))


@router.patch("/items/{sku}", response_model=CartView)
async def set_quantity(
    request: Request,
    run: Runs,
    who: Customer,
    sku: Annotated[Sku, Path()],
    body: CartQuantity,
    expected_version: ExpectedVersion,
) -> Response:
    """Change how much of a product is in the cart."""
    command = ChangeCart(
        who.user_id, request.app.state.settings.currency, quantity=(sku, body.quantity), expected_version=expected_version
    )
    return await run(change_cart, command)


@router.delete("/items/{sku}", response_model=CartView)
async def remove_from_cart(request: Request, run: Runs, who: Customer, sku: Annotated[Sku, Path()]) -> Response:
    """Take a product out of the cart."""
    return await run(change_cart, ChangeCart(who.user_id, request.app.state.settings.currency, quantity=(sku, 0)))
