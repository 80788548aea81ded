"""`waybill fraud`: what other risk rules would have said of past orders."""

import asyncio
import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from waybill.api_client import Gateway, Token, deployment, signed_in
from waybill.errors import WaybillError
from waybill.options import DataDir
from waybill.progress import console

MOST_SHOWN: Final = 50
ASKED: Final = ("rules", "review_at", "reject_at", "shadow")
COLOURS: Final = {"approve": "green", "review": "yellow", "reject": "red"}


class Action(StrEnum):
    """What can be done about fraud from here."""

    BACKTEST = "backtest"


def fraud(
    action: Annotated[Action, typer.Argument(help="backtest: assess past orders by the rules of a file.")],  # noqa: ARG001 - the one
    rules: Annotated[Path, typer.Argument(metavar="RULES.json", help="Rules as `GET /api/admin/risk-rules` answers them.")],
    days: Annotated[int, typer.Option(min=1, max=365, help="How far back.")] = 90,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,  # noqa: FBT002
    data_dir: DataDir = None,
    gateway: Gateway = None,
    token: Token = None,
) -> int:
    """Assess past orders by other risk rules and show what would have changed; nothing is."""
    document = _read(rules)
    place = deployment(data_dir, gateway, token)

    async def ask() -> Any:
        async with signed_in(place, "operator", "fraud_reviewer") as api:
            return await api.post(f"/api/admin/risk-rules/backtest?days={days}", document)

    found = asyncio.run(ask())
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        _show(found)
    return 0


def _read(path: Path) -> dict[str, Any]:
    """Read rules from a file, without what an answer has beside them; raises WaybillError."""
    try:
        document = json.loads(path.read_text())
    except OSError as error:
        raise WaybillError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise WaybillError(f"{path} is not JSON: {error}") from error
    if not isinstance(document, dict) or "rules" not in document:
        raise WaybillError(f"{path} holds no rules: see what `GET /api/admin/risk-rules` answers")
    return {name: document[name] for name in ASKED if name in document}


def _show(found: dict[str, Any]) -> None:
    out = console()
    table = Table(box=None, header_style="bold")
    for column in ("order", "score", "then", "", "now", "because of"):
        table.add_column(column, justify="right" if column == "score" else "left")
    for one in found["changes"][:MOST_SHOWN]:
        table.add_row(
            one["order_id"],
            f"{one['then_score']} → {one['now_score']}",
            _coloured(one["then"]),
            "→",
            _coloured(one["now"]),
            ", ".join(one["now_facts"] or [f"not {name}" for name in one["then_facts"]]),
        )
    if found["changes"]:
        out.print(table)
    if found["changed"] > MOST_SHOWN:
        out.print(f"… and {found['changed'] - MOST_SHOWN} more: see --json")
    counts = ", ".join(f"{name} {found['then'][name]} → {found['now'][name]}" for name in COLOURS)
    out.print(f"{found['assessed']} orders, {found['changed']} of them otherwise than then: {counts}", highlight=False)


def _coloured(verdict: str) -> str:
    return f"[{COLOURS[verdict]}]{verdict}[/{COLOURS[verdict]}]"
