"""`waybill invoices`: whether all invoices and credit notes are there, unchanged and in order."""

import asyncio
import json
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.table import Table

from waybill.api_client import Deployment, Gateway, Token, deployment, signed_in
from waybill.options import DataDir
from waybill.progress import console
from waybill.saga_tree import money


class Action(StrEnum):
    """What can be done with invoices."""

    AUDIT = "audit"


def invoices(
    action: Annotated[Action, typer.Argument(help="audit: go through all numbers of all series.")],  # noqa: ARG001 - the one
    series: Annotated[str | None, typer.Option(help="Only this series.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,  # noqa: FBT002 - an option
    data_dir: DataDir = None,
    gateway: Gateway = None,
    token: Token = None,
) -> int:
    """Check that no invoice or credit note is missing, changed or out of order; exit code 1 where one is."""
    found = asyncio.run(_audit(deployment(data_dir, gateway, token), series))
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        _show(found)
    return 0 if found["sound"] else 1


async def _audit(place: Deployment, series: str | None) -> dict[str, Any]:
    async with signed_in(place, "auditor", "auditor") as api:
        found: dict[str, Any] = await api.get("/api/admin/documents/audit", series=series)
        return found


def _show(found: dict[str, Any]) -> None:
    if not found["series"]:
        typer.echo("Nothing has been issued.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("series", "documents", "last", "missing", "broken", "total", "tax"):
        table.add_column(column, no_wrap=column == "series", justify="left" if column == "series" else "right")
    for one in found["series"]:
        table.add_row(
            one["series"],
            str(one["documents"]),
            str(one["last_number"]),
            _few(one["missing"]),
            _few(one["broken"]),
            "\n".join(money(total["total_amount"]) for total in one["totals"]),
            "\n".join(money(total["tax_amount"]) for total in one["totals"]),
        )
    console().print(table)
    if found["sound"]:
        typer.echo("Every number is there once, in order of issue, and unchanged.")
    else:
        typer.echo("waybill: numbers are missing, or documents were changed", err=True)


def _few(names: list[Any]) -> str:
    """Name the first three, and how many there are."""
    if not names:
        return "-"
    shown = ", ".join(str(name) for name in names[:3])
    return shown if len(names) <= len(names[:3]) else f"{shown}, … ({len(names)})"
