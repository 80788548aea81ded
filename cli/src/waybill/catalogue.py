"""The demo catalogue: a small shop's products and two warehouses, put in through the same API an operator uses.

Seeding is safe to repeat: each call carries an idempotency key made of what it does, so a start that was interrupted half-way
is completed by the next one and nothing is counted twice, also where the next one is by a version that says more of a product.
A catalogue that someone has filled with other products is left alone.
"""

import asyncio
import csv
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from waybill.errors import WaybillError
from waybill.tokens import token

FILE: Final = Path(__file__).with_name("catalogue.csv")
CURRENCY: Final = "EUR"
PARALLEL_CALLS: Final = 8
CALL_TIMEOUT_SECONDS: Final = 15.0
ACCEPTED: Final = frozenset({200, 201, 202, 204, 409})


@dataclass(frozen=True, slots=True)
class Warehouse:
    """A place that ships, and the address its parcels leave from."""

    warehouse_id: str
    name: str
    country: str
    line1: str
    city: str
    postal_code: str


@dataclass(frozen=True, slots=True)
class Product:
    """A product with its price in minor units and its opening stock by warehouse; a bundle has components instead."""

    sku: str
    name: str
    description: str
    category: str
    cents: int
    weight_grams: int
    tax_class: str
    backorder: bool
    low_stock_threshold: int | None
    components: Sequence[str]
    stock: dict[str, int]


WAREHOUSES: Final = (
    Warehouse("berlin", "Berlin", "DE", "Westhafenstraße 1", "Berlin", "13353"),
    Warehouse("lyon", "Lyon", "FR", "14 Rue de Gerland", "Lyon", "69007"),
)


def products(file: Path = FILE) -> list[Product]:
    """Read the demo products."""
    places = [warehouse.warehouse_id for warehouse in WAREHOUSES]
    with file.open(newline="", encoding="utf-8") as lines:
        return [
            Product(
                sku=row["sku"],
                name=row["name"],
                description=row["description"],
                category=row["category"],
                cents=int(row["cents"]),
                weight_grams=int(row["weight_grams"]),
                tax_class=row["tax_class"],
                backorder=row["backorder"] == "yes",
                low_stock_threshold=int(row["low_stock_threshold"]) if row["low_stock_threshold"] else None,
                components=row["components"].split(),
                stock={place: int(row[place]) for place in places if row[place]},
            )
            for row in csv.DictReader(lines)
        ]


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the admin API; `key` makes its repetition harmless."""

    path: str
    key: str
    body: dict[str, Any]


def calls(catalogue: Sequence[Product]) -> list[list[Call]]:
    """Return the requests that fill the catalogue, in groups that need the one before."""
    warehouses = [
        _new("/api/admin/warehouses", f"demo-warehouse-{warehouse.warehouse_id}", asdict(warehouse)) for warehouse in WAREHOUSES
    ]
    offered, bundled = (
        [_offer(product) for product in catalogue if bool(product.components) is bundles] for bundles in (False, True)
    )
    stocked = [
        Call(
            "/api/admin/stock/adjustments",
            f"demo-stock-{product.sku}-{warehouse}",
            {"product_id": product.sku, "warehouse_id": warehouse, "delta": units, "reason": "opening stock"},
        )
        for product in catalogue
        for warehouse, units in product.stock.items()
    ]
    return [warehouses, offered, bundled, stocked]


def _offer(product: Product) -> Call:
    body = {
        "product_id": product.sku,
        "name": product.name,
        "description": product.description,
        "category": product.category,
        "price": {"amount": product.cents, "currency": CURRENCY},
        "weight_grams": product.weight_grams,
        "tax_class": product.tax_class,
        "backorder": product.backorder,
        "low_stock_threshold": product.low_stock_threshold,
        "components": [{"product_id": part, "quantity": 1} for part in product.components],
    }
    return _new("/api/admin/products", f"demo-product-{product.sku}", body)


def _new(path: str, name: str, body: dict[str, Any]) -> Call:
    """Make the call that puts something in: its key follows what it says, since one that is there already is left alone."""
    said = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    return Call(path, f"{name}-{said[:8]}", body)


async def seed(gateway_url: str, issuer: str) -> None:
    """Fill an empty catalogue, or complete a half-filled one. Raises WaybillError when a call is refused."""
    import httpx2  # noqa: PLC0415 - only the first start needs it

    catalogue = products()
    bearer = await asyncio.to_thread(token, issuer, "catalogue", ["admin"])
    headers = {"Authorization": f"Bearer {bearer}"}
    async with httpx2.AsyncClient(base_url=gateway_url, headers=headers, timeout=CALL_TIMEOUT_SECONDS) as client:
        try:
            present = await _present(client)
            if not present or present & {product.sku for product in catalogue}:
                for group in calls(catalogue):
                    await _send(client, group)
        except httpx2.HTTPError as error:
            raise WaybillError(f"the demo catalogue cannot be filled: {error!r} (see `./waybill logs inventory`)") from error


async def _present(client: Any) -> set[str]:
    answer = await client.get("/api/products", params={"limit": 100})
    answer.raise_for_status()
    return {item["product_id"] for item in answer.json()["items"]}


async def _send(client: Any, group: Iterable[Call]) -> None:
    turn = asyncio.Semaphore(PARALLEL_CALLS)

    async def send(call: Call) -> None:
        async with turn:
            answer = await client.post(call.path, json=call.body, headers={"Idempotency-Key": call.key})
        if answer.status_code not in ACCEPTED:
            text = answer.text[:200].replace("\n", " ")
            raise WaybillError(f"the demo catalogue cannot be filled: POST {call.path} answers {answer.status_code} {text}")

    await asyncio.gather(*(send(call) for call in group))
