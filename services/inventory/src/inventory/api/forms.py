"""What several routes share: who may read and write, the forms of ids, and how a request reaches the queries."""

import re
from typing import Annotated, Any, Final

from fastapi import Depends, Header, Path, Query, Request
from pydantic import StringConstraints

from chassis.auth import Caller, staff
from chassis.requests import Clean
from inventory.store import Queries

Reader = Annotated[Caller, staff("warehouse", "auditor")]
Keeper = Annotated[Caller, staff("warehouse")]

SKU_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
Sku = Annotated[str, StringConstraints(pattern=SKU_PATTERN)]
SkuPath = Annotated[str, Path(pattern=SKU_PATTERN, description="The product's SKU.")]
SkuQuery = Annotated[str | None, Query(pattern=SKU_PATTERN, description="Only this product.")]

WAREHOUSE_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$"
WarehouseId = Annotated[str, StringConstraints(pattern=WAREHOUSE_PATTERN)]
WarehousePath = Annotated[str, Path(pattern=WAREHOUSE_PATTERN, description="The warehouse's id.")]
WarehouseQuery = Annotated[str | None, Query(max_length=32, pattern=r"^[A-Za-z0-9._-]+$", description="Only this warehouse.")]

Search = Annotated[str | None, Query(max_length=100, description="Words in SKU, name or description."), Clean]

IfMatch = Annotated[str | None, Header(max_length=200, description="The ETag last seen; another version answers 412.")]


def versions(if_match: str | None) -> frozenset[int] | None:
    """Read If-Match; None where any version will do, an empty set where none of ours is named."""
    if if_match is None or if_match.strip() == "*":
        return None
    return frozenset(int(version) for version in re.findall(r'"(\d{1,9})"', if_match))


def _queries(request: Request) -> Queries:
    return Queries(request.app.state.database)


Reads = Annotated[Queries, Depends(_queries)]

PROBLEM: Final[dict[str, Any]] = {"content": {"application/problem+json": {}}}
REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    401: {"description": "No valid token", **PROBLEM},
    403: {"description": "Not allowed", **PROBLEM},
    422: {"description": "The request is not valid; `errors` names the fields", **PROBLEM},
}
