"""`waybill erase`: forget who placed orders, single ones or all of a customer's."""

import asyncio
import json
from collections.abc import Sequence
from typing import Annotated, Any, Final
from uuid import UUID

import typer

from waybill.api_client import Api, ApiError, Gateway, Token, deployment, signed_in
from waybill.errors import WaybillError
from waybill.options import DataDir

REFUSED: Final = (404, 409)


def erase(
    order_ids: Annotated[list[UUID] | None, typer.Argument(help="The orders whose customer is forgotten.")] = None,
    customer: Annotated[str | None, typer.Option(help="All orders of this customer, by the name in their token.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,  # noqa: FBT002 - an option
    data_dir: DataDir = None,
    gateway: Gateway = None,
    token: Token = None,
) -> int:
    """Erase contact and addresses of orders, in all services and for good; exit code 1 where it was too early for one."""
    if bool(order_ids) == (customer is not None):
        raise WaybillError("name orders, or a customer by --customer")
    place = deployment(data_dir, gateway, token)

    async def run() -> dict[str, Any]:
        async with signed_in(place, "operator", "support") as api:
            return await _erase(api, [str(one) for one in order_ids or ()] or await _orders_of(api, str(customer)))

    done = asyncio.run(run())
    if as_json:
        typer.echo(json.dumps(done, indent=2))
    else:
        for order_id, reason in done["refused"].items():
            typer.echo(f"{order_id} is as it was: {reason}")
        typer.echo(f"{len(done['erased'])} orders have no contact and no addresses any more.")
    return 1 if done["refused"] else 0


async def _orders_of(api: Api, customer: str) -> Sequence[str]:
    return [order["order_id"] async for order in api.pages("/api/admin/orders", user_id=customer)]


async def _erase(api: Api, order_ids: Sequence[str]) -> dict[str, Any]:
    """Erase order by order, as far as each is at rest; what was refused stays as it was."""
    erased: list[str] = []
    refused: dict[str, str] = {}
    for order_id in order_ids:
        try:
            await api.send("DELETE", f"/api/admin/orders/{order_id}/personal-data")
        except ApiError as error:
            if error.status not in REFUSED:
                raise
            refused[order_id] = str(error)
        else:
            erased.append(order_id)
    return {"erased": erased, "refused": refused}
