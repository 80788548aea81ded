"""The operators' routes to a service's dead letters: see them, send them back, discard them with a reason."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request

from chassis import batch
from chassis.auth import Caller, staff
from chassis.database import TRANSIENT
from chassis.deadletters import DeadLetters, NotHandledError
from chassis.pages import Limit
from chassis.reactions import Reactions, UnreadableError, read
from chassis.requests import RequestModel, Text

Operator = Annotated[Caller, staff("support")]


class Discard(RequestModel):
    """Why a dead letter is given up."""

    reason: Text


def router(service: str, reactions: Reactions) -> APIRouter:
    """Make the routes of one service."""
    routes = APIRouter(prefix=f"/api/admin/dead-letters/{service}", tags=["dead letters"])

    @routes.get("")
    async def list_dead_letters(
        request: Request, _: Operator, status: Literal["open", "retried", "discarded"] | None = None, limit: Limit = 50
    ) -> dict[str, Any]:
        """List dead letters, newest first."""
        letters: DeadLetters = request.app.state.process.dead_letters
        return {"items": await letters.list(status, limit), "next_cursor": None}

    @routes.post("/{letter_id}/retry")
    async def send_back(request: Request, who: Operator, letter_id: UUID) -> dict[str, str]:
        """Handle a record again; it stays open when that fails."""
        letters: DeadLetters = request.app.state.process.dead_letters
        try:
            item = read(await letters.record(letter_id), reactions, request.app.state.database.clock())
            if item is not None:
                await batch.run(request.app.state.database, [item])
        except UnreadableError as error:
            raise NotHandledError(f"{error.reason}: {error}") from error
        except TRANSIENT:
            raise
        except Exception as error:
            raise NotHandledError(f"The reaction failed: {type(error).__name__}.") from error
        await letters.resolve(letter_id, "retried", who.actor, "")
        return {"status": "retried"}

    @routes.post("/{letter_id}/discard")
    async def discard(request: Request, who: Operator, letter_id: UUID, body: Discard) -> dict[str, str]:
        """Give a record up, with the reason."""
        letters: DeadLetters = request.app.state.process.dead_letters
        await letters.resolve(letter_id, "discarded", who.actor, body.reason)
        return {"status": "discarded"}

    return routes
