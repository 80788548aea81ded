"""The workload's products and stock, put in through the admin API, so that all that hear of them do."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any, Final

from bench.client import Answer, request, send_all
from bench.workload import CURRENCY, PRODUCTS, SOLD_OUT, sku
from waybill.embedded.system import System
from waybill.errors import WaybillError
from waybill.tokens import token

WAREHOUSES: Final = (("berlin", "Berlin", "DE"), ("lyon", "Lyon", "FR"))
UNITS: Final = 10**8
PRICE: Final = 1999
ACCEPTED: Final = frozenset({201, 409})
CONNECTIONS: Final = 32


async def fill(system: System) -> None:
    """Offer the products and take in their stock; raises WaybillError when a call is refused."""
    port = system.options.port("gateway")
    bearer = await asyncio.to_thread(token, system.identity.issuer, "bench", ["admin"])
    for path, bodies in (
        ("/api/admin/warehouses", [{"warehouse_id": one, "name": name, "country": land} for one, name, land in WAREHOUSES]),
        ("/api/admin/products", [_product(name) for name in (*_stocked(), SOLD_OUT)]),
        ("/api/admin/stock/adjustments", [_stock(name, warehouse) for name in _stocked() for warehouse, *_ in WAREHOUSES]),
    ):
        requests = [
            request("POST", path, f"127.0.0.1:{port}", bearer, f"bench{path}-{index}", json.dumps(body).encode())
            for index, body in enumerate(bodies)
        ]
        _check(path, await send_all("127.0.0.1", port, requests, CONNECTIONS))


def _stocked() -> list[str]:
    return [sku(rank) for rank in range(PRODUCTS)]


def _product(name: str) -> dict[str, Any]:
    return {"product_id": name, "name": f"Product {name}", "price": {"amount": PRICE, "currency": CURRENCY}}


def _stock(name: str, warehouse: str) -> dict[str, Any]:
    return {"product_id": name, "warehouse_id": warehouse, "delta": UNITS, "reason": "opening stock"}


def _check(path: str, answers: Sequence[Answer]) -> None:
    for answer in answers:
        if answer.status not in ACCEPTED:
            text = answer.body[:200].decode(errors="replace").replace("\n", " ")
            raise WaybillError(f"the catalogue of the benchmark cannot be filled: POST {path} answers {answer.status} {text}")
