"""`waybill saga`: how an order came to be where it is, or which orders are stuck."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import UUID

import typer
from rich.table import Table

from waybill.api_client import Api, ApiError, Deployment, Gateway, Token, deployment, signed_in
from waybill.errors import WaybillError
from waybill.options import DataDir
from waybill.progress import console, duration
from waybill.saga_tree import draw, name_of

EXPLAINED: Final = 50
STUCK_FIELDS: Final = (
    "order_id",
    "status",
    "order_state",
    "payment_state",
    "fulfilment_state",
    "hold_reason",
    "deadline_at",
    "updated_at",
)


def saga(
    order_id: Annotated[UUID | None, typer.Argument(help="The order whose saga is shown.")] = None,
    stuck: Annotated[bool, typer.Option("--stuck", help="List the orders that have not come to rest.")] = False,  # noqa: FBT002
    older_than: Annotated[int, typer.Option(min=0, help="With --stuck: unchanged for so many seconds.")] = 60,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,  # noqa: FBT002
    data_dir: DataDir = None,
    gateway: Gateway = None,
    token: Token = None,
) -> int:
    """Show the causation tree of an order and what it waits for; with --stuck, exit code 1 when an order is stuck."""
    if (order_id is None) != stuck:
        raise WaybillError("name one order, or say --stuck")
    place = deployment(data_dir, gateway, token)
    if order_id is None:
        return _show_stuck(asyncio.run(_stuck(place, older_than)), older_than, as_json=as_json)
    found = asyncio.run(_saga(place, order_id))
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        console().print(draw(found), soft_wrap=True)
    return 0


async def _saga(place: Deployment, order_id: UUID) -> dict[str, Any]:
    async with signed_in(place, "operator", "support") as api:
        try:
            found: dict[str, Any] = await api.get(f"/api/admin/orders/{order_id}/saga")
        except ApiError as error:
            if error.status == 404:  # noqa: PLR2004
                raise WaybillError(f"there is no order {order_id}: `./waybill saga --stuck` lists those that wait") from error
            raise
    return found


async def _stuck(place: Deployment, seconds: int) -> list[dict[str, Any]]:
    """List the orders that have not come to rest; the first of them with what they wait for."""
    async with signed_in(place, "operator", "support") as api:
        # The view of an order holds personal data: only what a saga is about goes on.
        orders = [
            {name: order[name] for name in STUCK_FIELDS}
            async for order in api.pages("/api/admin/orders", stuck_for_seconds=seconds)
        ]
        await asyncio.gather(*(_explain(api, order) for order in orders[:EXPLAINED]))
    return orders


async def _explain(api: Api, order: dict[str, Any]) -> None:
    order["waits_for"] = (await api.get(f"/api/admin/orders/{order['order_id']}/saga"))["waits_for"]


def _show_stuck(orders: list[dict[str, Any]], older_than: int, *, as_json: bool) -> int:
    if as_json:
        typer.echo(json.dumps({"items": orders}, indent=2))
    elif not orders:
        typer.echo(f"No order has been waiting for longer than {older_than} s.")
    else:
        out = console()
        out.print(_table(orders))
        out.print(f"{len(orders)} orders wait. `./waybill saga ORDER_ID` shows how one came to it.", highlight=False)
    return 1 if orders else 0


def _table(orders: list[dict[str, Any]]) -> Table:
    now = datetime.now(UTC)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("order", "status", "payment", "fulfilment", "unchanged for", "waits for", "until"):
        table.add_column(column, no_wrap=column == "order", justify="right" if column == "unchanged for" else "left")
    for order in orders:
        waits = ", ".join(map(name_of, order.get("waits_for", ())))
        table.add_row(
            order["order_id"],
            order["status"],
            order["payment_state"],
            order["fulfilment_state"],
            duration((now - datetime.fromisoformat(order["updated_at"])).total_seconds()),
            f"a person: {order['hold_reason']}" if order["hold_reason"] else waits,
            order["deadline_at"] or "",
        )
    return table
