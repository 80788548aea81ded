"""`waybill dead-letters`: the records that services put aside, and what becomes of them."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import Annotated, Any, Final
from uuid import UUID

import typer
from rich.table import Table

from waybill.api_client import Api, ApiError, Deployment, Gateway, Token, deployment, signed_in
from waybill.embedded.system import SERVICES
from waybill.errors import WaybillError
from waybill.options import DataDir
from waybill.progress import console

MOST_SHOWN: Final = 200
NOT_FOUND: Final = 404
ALL: Final = "With list: whatever became of them; else: the open ones, 200 at a time."

Letter = dict[str, Any]


class Action(StrEnum):
    """What can be done with dead letters."""

    LIST = "list"
    SHOW = "show"
    RETRY = "retry"
    DISCARD = "discard"


class LetterStatus(StrEnum):
    """What has become of a dead letter."""

    OPEN = "open"
    RETRIED = "retried"
    DISCARDED = "discarded"


def dead_letters(
    action: Annotated[Action, typer.Argument(help="list, show, retry or discard.")] = Action.LIST,
    letters: Annotated[list[UUID] | None, typer.Argument(metavar="[ID…]", help="Which (not for list).")] = None,
    service: Annotated[str | None, typer.Option(help=f"Only those of one service: {', '.join(SERVICES)}.")] = None,
    status: Annotated[LetterStatus | None, typer.Option(help="With list: only those (default: open).")] = None,
    everything: Annotated[  # noqa: FBT002 - an option
        bool, typer.Option("--all", help="With list: whatever became of them; else: the open ones, 200 at a time.")
    ] = False,
    reason: Annotated[str | None, typer.Option(help="With discard: why; with retry, if you like.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,  # noqa: FBT002
    data_dir: DataDir = None,
    gateway: Gateway = None,
    token: Token = None,
) -> int:
    """List dead letters, show one, send them back to their service, or give them up with a reason."""
    services = _services(service)
    if action is Action.DISCARD and not reason:
        raise WaybillError("a dead letter is given up for a reason: say it with --reason")
    if action is not Action.LIST and bool(letters) == (everything and action is not Action.SHOW):
        raise WaybillError(f"name the dead letters to {action}{'' if action is Action.SHOW else ', or say --all'}")
    place = deployment(data_dir, gateway, token)
    if action is Action.LIST:
        wanted = None if everything and status is None else status or LetterStatus.OPEN
        return _show_list(asyncio.run(_list(place, services, wanted)), as_json=as_json)
    if action is Action.SHOW:
        return _show_whole(asyncio.run(_find(place, services, letters or [])), as_json=as_json)
    return _show_outcomes(asyncio.run(_resolve(place, services, letters, reason, action)), as_json=as_json)


def _services(service: str | None) -> Sequence[str]:
    if service is not None and service not in SERVICES:
        raise WaybillError(f"there is no service {service}: choose from {', '.join(SERVICES)}")
    return SERVICES if service is None else (service,)


async def _list(place: Deployment, services: Sequence[str], status: LetterStatus | None) -> list[Letter]:
    """List the dead letters of services, newest first."""
    async with signed_in(place, "operator", "support") as api:
        return await _read(api, services, status)


async def _read(api: Api, services: Sequence[str], status: LetterStatus | None) -> list[Letter]:
    async def of(service: str) -> list[Letter]:
        found = await api.get(f"/api/admin/dead-letters/{service}", status=status, limit=MOST_SHOWN)
        return [{"service": service, **letter} for letter in found["items"]]

    lists = await asyncio.gather(*(of(service) for service in services))
    return sorted((letter for letters in lists for letter in letters), key=lambda letter: str(letter["id"]), reverse=True)


async def _find(place: Deployment, services: Sequence[str], wanted: Sequence[UUID]) -> list[Letter]:
    """Read whole dead letters, each from the service that keeps it."""
    async with signed_in(place, "operator", "support") as api:
        return [await _whole(api, services, str(letter_id)) for letter_id in wanted]


async def _whole(api: Api, services: Sequence[str], letter_id: str) -> Letter:
    for service in services:
        try:
            return {"service": service, **await api.get(f"/api/admin/dead-letters/{service}/{letter_id}")}
        except ApiError as error:
            if error.status != NOT_FOUND:
                raise
    raise WaybillError(f"there is no dead letter {letter_id}: `./waybill dead-letters list --all` shows them")


async def _resolve(
    place: Deployment, services: Sequence[str], wanted: Sequence[UUID] | None, reason: str | None, action: Action
) -> list[Letter]:
    """Send back or give up the named dead letters, or all open ones; each with what became of it."""
    body = {"reason": reason} if reason else None
    async with signed_in(place, "operator", "support") as api:

        async def decide(service: str, letter_id: str) -> Letter:
            answer = await api.post(f"/api/admin/dead-letters/{service}/{letter_id}/{action}", body)
            return {"service": service, "id": letter_id, "status": answer["status"], "error": None}

        if not wanted:
            # Oldest first: what was put aside first was meant to be heard first.
            known = [(letter["service"], letter["id"]) for letter in reversed(await _read(api, services, LetterStatus.OPEN))]
            return [await _told(letter_id, [service], decide) for service, letter_id in known]
        return [await _told(str(letter_id), services, decide) for letter_id in wanted]


async def _told(letter_id: str, services: Sequence[str], decide: Callable[[str, str], Awaitable[Letter]]) -> Letter:
    """Have the service that keeps a dead letter decide on it; its refusal is an outcome too."""
    for service in services:
        try:
            return await decide(service, letter_id)
        except ApiError as error:
            if error.status != NOT_FOUND:
                return {"service": service, "id": letter_id, "status": "open", "error": str(error)}
    return {"service": None, "id": letter_id, "status": None, "error": "no service has this dead letter"}


def _show_list(letters: list[Letter], *, as_json: bool) -> int:
    if as_json:
        typer.echo(json.dumps({"items": letters}, indent=2))
        return 0
    if not letters:
        typer.echo("There are no dead letters.")
        return 0
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("id", "service", "status", "since", "event", "key", "reason", "error"):
        table.add_column(column, no_wrap=column == "id")
    for letter in letters:
        table.add_row(
            letter["id"],
            letter["service"],
            letter["status"],
            str(letter["created_at"])[:19],
            letter["type"] or "",
            letter["key"] or "",
            letter["reason"],
            letter["error"][:120],
        )
    console().print(table)
    return 0


def _show_whole(letters: list[Letter], *, as_json: bool) -> int:
    if as_json:
        typer.echo(json.dumps({"items": letters}, indent=2))
        return 0
    for letter in letters:
        for name, value in letter.items():
            if isinstance(value, dict):
                for part, text in value.items():
                    typer.echo(f"{name:16} {part}: {text}")
            elif value is not None:
                typer.echo(f"{name:16} {value}")
        typer.echo()
    return 0


def _show_outcomes(outcomes: list[Letter], *, as_json: bool) -> int:
    if as_json:
        typer.echo(json.dumps({"items": outcomes}, indent=2))
    else:
        for outcome in outcomes:
            typer.echo(f"{outcome['id']} {outcome['error'] or outcome['status']}")
        if not outcomes:
            typer.echo("There are no open dead letters.")
    return 1 if any(outcome["error"] for outcome in outcomes) else 0
