"""The pages that customers and staff look at: which kinds there are, and single ones made up from what the databases hold.

Every kind comes up in turn, so that a rare one is measured as often as a frequent one; customers look OFTEN times as often.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from bench.databases import Databases
from bench.workload import PRODUCTS, sku
from chassis.pages import write_cursor
from waybill.errors import WaybillError

OWN_LIST: Final = "own list"
OWN_LISTS: Final = "own lists together"
ADMIN_PAGES: Final = "admin pages together"
OWN: Final = "own"
ADMIN: Final = "admin"
SHOWN_CUSTOMERS: Final = 64
ORDERS_OF_EACH: Final = 500
NAMES: Final = 200
OFTEN: Final = 4


@dataclass(frozen=True, slots=True)
class Known:
    """What there is to look at: orders with the number of their customer, and what else goes by a name."""

    orders: Sequence[tuple[int, UUID]]
    """Newest first, for each customer."""
    whole: Sequence[UUID]
    """Those of them that have a payment, and so whatever else belongs to an order."""
    tracking_numbers: Sequence[str]
    documents: Sequence[str]
    first: datetime
    last: datetime

    @classmethod
    async def of(cls, databases: Databases, customers: int) -> "Known":
        """Look what the databases hold; raises WaybillError where there are no orders."""
        orders: list[tuple[int, UUID]] = []
        newest = "SELECT order_id FROM orders WHERE user_id = $1 ORDER BY order_id DESC LIMIT $2"
        for number in range(min(customers, SHOWN_CUSTOMERS)):
            rows = await databases.rows("order", newest, f"customer-{number}", ORDERS_OF_EACH)
            orders += [(number, row["order_id"]) for row in rows]
        paid = "SELECT DISTINCT order_id FROM payment WHERE order_id = ANY($1::uuid[]) ORDER BY order_id"
        whole = [row["order_id"] for row in await databases.rows("payment", paid, [order_id for _, order_id in orders])]
        if not whole:
            raise WaybillError("no customer has a paid order yet: place some before pages are looked at")
        named = "SELECT {0} AS name FROM {1} WHERE {0} IS NOT NULL LIMIT $1"
        found = [
            [row["name"] for row in await databases.rows("order", named.format(name, table), NAMES)]
            for name, table in (("tracking_number", "shipments"), ("number", "document"))
        ]
        ends = "SELECT order_date FROM orders ORDER BY order_id {} LIMIT 1"
        first, last = [await databases.value("order", ends.format(way)) for way in ("ASC", "DESC")]
        return cls(orders, whole, found[0], found[1], first, last)


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its kind, where it is, and the number of the customer who looks at it; None is staff."""

    kind: str
    path: str
    customer: int | None = None


Maker = Callable[[Known, random.Random], tuple[str, int | None]]


def pages(known: Known, chance: random.Random) -> Iterator[Page]:
    """Go through all kinds of pages, again and again."""
    while True:
        for kind in in_turn():
            path, customer = KINDS[kind](known, chance)
            yield Page(kind, path, customer)


def in_turn() -> list[str]:
    """List all kinds in the order in which they come up: a customer's own after each part of staff's."""
    own = [kind for kind in KINDS if kind.startswith(OWN)]
    staffs = [kind for kind in KINDS if not kind.startswith(OWN)]
    return [kind for part in range(OFTEN) for kind in (*own, *staffs[part::OFTEN])]


def _of_order(tail: str) -> Maker:
    def make(known: Known, chance: random.Random) -> tuple[str, int | None]:
        customer, order_id = chance.choice(known.orders)
        return f"/api/orders/{order_id}{tail}", customer

    return make


def _own(**query: str) -> Maker:
    def make(known: Known, chance: random.Random) -> tuple[str, int | None]:
        return _path("/api/orders", **query), chance.choice(known.orders)[0]

    return make


def _own_deep(known: Known, chance: random.Random) -> tuple[str, int | None]:
    customer, order_id = chance.choice(known.orders)
    return _path("/api/orders", cursor=write_cursor(order_id)), customer


def _orders(**query: str | int) -> Maker:
    return _staff("/api/admin/orders", **query)


def _staff(path: str, **query: str | int) -> Maker:
    def make(_: Known, __: random.Random) -> tuple[str, int | None]:
        return _path(path, **query), None

    return make


def _orders_by(choose: Callable[[Known, random.Random], dict[str, str]], path: str = "/api/admin/orders") -> Maker:
    def make(known: Known, chance: random.Random) -> tuple[str, int | None]:
        return _path(path, **choose(known, chance)), None

    return make


def _detail(head: str, tail: str = "") -> Maker:
    def make(known: Known, chance: random.Random) -> tuple[str, int | None]:
        return f"{head}{chance.choice(known.whole)}{tail}", None

    return make


def _path(path: str, **query: str | int) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def _product(_: Known, chance: random.Random) -> dict[str, str]:
    return {"product_id": sku(chance.randrange(PRODUCTS))}


def _deep(known: Known, chance: random.Random) -> dict[str, str]:
    return {"cursor": write_cursor(chance.choice(known.orders)[1])}


def _moment(known: Known, chance: random.Random) -> datetime:
    return known.first + (known.last - known.first) * chance.random()


def _day(known: Known, chance: random.Random) -> dict[str, str]:
    day = _moment(known, chance)
    return {"placed_from": day.isoformat(), "placed_before": (day + timedelta(days=1)).isoformat()}


def _customer(known: Known, chance: random.Random) -> dict[str, str]:
    return {"user_id": f"customer-{chance.choice(known.orders)[0]}"}


def _search(choose: Callable[[Known, random.Random], str]) -> Maker:
    return _orders_by(lambda known, chance: {"q": choose(known, chance)}, "/api/admin/search")


def _name(names: Sequence[str], known: Known, chance: random.Random) -> str:
    return chance.choice(names) if names else str(chance.choice(known.orders)[1])[-8:]


_STATES: Final = {
    "status": ("Pending", "Processing", "Shipped", "Delivered", "Cancelled", "Refunded"),
    "order_state": ("pending", "confirmed", "cancelled"),
    "payment_state": ("pending", "authorized", "captured", "capture_failed", "partially_refunded", "refunded"),
    "fulfilment_state": ("planned", "shipped", "delivered"),
    "return_state": ("none", "requested", "received"),
}

KINDS: Final[dict[str, Maker]] = {
    f"{OWN_LIST}, first page": _own(),
    f"{OWN_LIST}, deep page": _own_deep,
    f"{OWN_LIST} by status": _own(status="Delivered"),
    f"{OWN} order": _of_order(""),
    f"{OWN} history": _of_order("/history"),
    f"{OWN} tracking": _of_order("/tracking"),
    f"{ADMIN} orders": _orders(),
    f"{ADMIN} orders, deep page": _orders_by(_deep),
    **{f"{ADMIN} orders, {axis} {state}": _orders(**{axis: state}) for axis, states in _STATES.items() for state in states},
    f"{ADMIN} orders held": _orders(held="true"),
    f"{ADMIN} orders of a hold reason": _orders(hold_reason="in_review"),
    f"{ADMIN} orders at risk": _orders(risk_from=50),
    f"{ADMIN} orders of a customer": _orders_by(_customer),
    f"{ADMIN} orders with a product": _orders_by(_product),
    f"{ADMIN} orders of a day": _orders_by(_day),
    f"{ADMIN} orders, highest": _orders(sort="highest"),
    f"{ADMIN} orders, oldest": _orders(sort="oldest"),
    f"{ADMIN} orders by amount": _orders(amount_from=17_000, amount_to=18_000),
    f"{ADMIN} orders stuck": _orders(stuck="true"),
    f"{ADMIN} orders, cancelled with a product": _orders_by(lambda *at: {**_product(*at), "status": "Cancelled"}),
    f"{ADMIN} orders, a customer's cancelled": _orders_by(lambda *at: {**_customer(*at), "status": "Cancelled"}),
    f"{ADMIN} orders, cancelled of a day": _orders_by(lambda *at: {**_day(*at), "status": "Cancelled"}),
    f"{ADMIN} orders of another currency": _orders(currency="USD"),
    f"{ADMIN} orders, paid though cancelled": _orders(payment_state="captured", fulfilment_state="cancelled"),
    f"{ADMIN} orders, delivered though cancelled": _orders(status="Delivered", order_state="cancelled"),
    f"{ADMIN} orders, refunded of high amount": _orders(payment_state="refunded", amount_from=15_000),
    f"{ADMIN} orders, highest delivered": _orders(status="Delivered", sort="highest"),
    f"{ADMIN} orders, highest with a product": _orders_by(lambda *at: {**_product(*at), "sort": "highest"}),
    f"{ADMIN} counts": _staff("/api/admin/orders/counts"),
    f"{ADMIN} counts of a product": _orders_by(_product, "/api/admin/orders/counts"),
    f"{ADMIN} counts of a day": _orders_by(_day, "/api/admin/orders/counts"),
    f"{ADMIN} stuck orders": _staff("/api/admin/orders/stuck"),
    f"{ADMIN} order": _detail("/api/admin/orders/"),
    f"{ADMIN} order's saga": _detail("/api/admin/orders/", "/saga"),
    f"{ADMIN} search by reference": _search(lambda known, chance: str(chance.choice(known.orders)[1])[-8:]),
    f"{ADMIN} search by id": _search(lambda known, chance: str(chance.choice(known.orders)[1])),
    f"{ADMIN} search by document": _search(lambda known, chance: _name(known.documents, known, chance)),
    f"{ADMIN} search by tracking number": _search(lambda known, chance: _name(known.tracking_numbers, known, chance)),
    f"{ADMIN} search by customer": _search(lambda known, chance: _customer(known, chance)["user_id"]),
    f"{ADMIN} returns": _staff("/api/admin/returns"),
    f"{ADMIN} payments": _staff("/api/admin/payments"),
    f"{ADMIN} payments captured": _staff("/api/admin/payments", status="captured"),
    f"{ADMIN} payments declined": _staff("/api/admin/payments", status="declined"),
    f"{ADMIN} payments of an order": _detail("/api/admin/payments/"),
    f"{ADMIN} reviews": _staff("/api/admin/reviews"),
    f"{ADMIN} stock": _staff("/api/admin/stock"),
    f"{ADMIN} movements of a product": lambda _, chance: (
        f"/api/admin/stock/{sku(chance.randrange(PRODUCTS))}/movements",
        None,
    ),
    f"{ADMIN} notifications": _staff("/api/admin/notifications"),
    f"{ADMIN} notifications by mail": _staff("/api/admin/notifications", channel="email"),
    f"{ADMIN} notifications by SMS": _staff("/api/admin/notifications", channel="sms"),
    f"{ADMIN} notifications sent": _staff("/api/admin/notifications", status="sent"),
    f"{ADMIN} notifications queued": _staff("/api/admin/notifications", status="queued"),
    f"{ADMIN} notifications failed": _staff("/api/admin/notifications", status="failed"),
    f"{ADMIN} notifications of an order": _orders_by(
        lambda known, chance: {"order_id": str(chance.choice(known.orders)[1])}, "/api/admin/notifications"
    ),
}
