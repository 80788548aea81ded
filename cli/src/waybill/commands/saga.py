"""`waybill saga`: how an order came to be where it is, which orders are stuck, and what can be done about one."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.table import Table

from waybill.api_client import ApiError, Deployment, Gateway, Token, deployment, signed_in
from waybill.errors import WaybillError
from waybill.options import DataDir
from waybill.progress import console, duration
from waybill.saga_tree import draw, name_of


def saga(
    order_id: Annotated[UUID | None, typer.Argument(help="The order whose saga is shown.")] = None,
    stuck: Annotated[bool, typer.Option("--stuck", help="List the orders that have not come to rest.")] = False,  # noqa: FBT002
    older_than: Annotated[int, typer.Option(min=0, help="With --stuck: waiting for so many seconds.")] = 60,
    retry: Annotated[bool, typer.Option("--retry", help="Have all services do now what they owe the order.")] = False,  # noqa: FBT002
    force_cancel: Annotated[str | None, typer.Option(metavar="REASON", help="Cancel the order, whatever it waits for.")] = None,
    reason: Annotated[str, typer.Option(help="With --retry: why; it stands in the order's history.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,  # noqa: FBT002
    data_dir: DataDir = None,
    gateway: Gateway = None,
    token: Token = None,
) -> int:
    """Show the causation tree of an order and what it waits for; with --stuck, exit code 1 when an order is stuck."""
    if (order_id is None) != stuck:
        raise WaybillError("name one order, or say --stuck")
    if (retry or force_cancel is not None) and (order_id is None or (retry and force_cancel is not None)):
        raise WaybillError("name one order, and either --retry or --force-cancel REASON")
    if reason and not retry:
        raise WaybillError("--reason is of --retry: --force-cancel has its own")
    place = deployment(data_dir, gateway, token)
    if order_id is not None and (retry or force_cancel is not None):
        return _show_done(asyncio.run(_act(place, order_id, force_cancel, reason)), as_json=as_json)
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
    """List the orders that are past a deadline or have waited too long, with what they wait for."""
    async with signed_in(place, "operator", "support") as api:
        return [order async for order in api.pages("/api/admin/orders/stuck", older_than_seconds=seconds)]


async def _act(place: Deployment, order_id: UUID, force_cancel: str | None, reason: str) -> dict[str, Any]:
    """Cancel an order by force, or where that is not wanted have its saga retried; each for a reason."""
    where = f"/api/admin/orders/{order_id}/saga"
    async with signed_in(place, "operator", "support") as api:
        if force_cancel is not None:
            order: dict[str, Any] = await api.post(f"{where}/force-cancel", {"reason": force_cancel})
            return {name: order[name] for name in ("order_id", "status", "order_state", "payment_state", "fulfilment_state")}
        done: dict[str, Any] = await api.post(f"{where}/retry", {"reason": reason or "from the command line"})
        return done


def _show_done(done: dict[str, Any], *, as_json: bool) -> int:
    if as_json:
        typer.echo(json.dumps(done, indent=2))
        return 0
    if "services" not in done:
        typer.echo(f"order {done['order_id']} is {done['status']}")
        return 0
    for service, did in done["services"].items():
        jobs = f", does now: {', '.join(did['hastened'])}" if did["hastened"] else ""
        typer.echo(f"{service:14}tells {did['told']} facts anew{jobs}")
    for service in done["missing_services"]:
        typer.echo(f"{service:14}does not answer")
    waits = ", ".join(name_of(wait["fact"]) for wait in done["waiting_for"])
    typer.echo(f"order {done['order_id']} waits for {waits or 'nobody'}")
    return 1 if done["missing_services"] else 0


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
        waits = ", ".join(name_of(wait["fact"]) for wait in order["waiting_for"])
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
