"""The operators' routes to a service's dead letters: see them, send them back, discard them with a reason.

Whoever decides about one stands in it with the moment and the reason, for good: a decided letter is never decided again. An
attempt that fails changes nothing, and is logged with who made it.
"""

from typing import Annotated, Any, Literal
from uuid import UUID

import structlog
from fastapi import APIRouter, Request
from pydantic import StringConstraints

from chassis import batch
from chassis.auth import Caller, staff
from chassis.database import TRANSIENT
from chassis.deadletters import DeadLetters, NotHandledError
from chassis.pages import Cursor, Limit, page, read_cursor
from chassis.reactions import Reactions, UnreadableError, read
from chassis.requests import Clean, RequestModel, Text

Operator = Annotated[Caller, staff("support")]
Reader = Annotated[Caller, staff("support", "auditor")]
log = structlog.get_logger()


class SendBack(RequestModel):
    """Why a dead letter is sent back."""

    reason: Annotated[str, StringConstraints(max_length=200), Clean] = ""


class Discard(RequestModel):
    """Why a dead letter is given up."""

    reason: Text


def router(service: str, reactions: Reactions) -> APIRouter:
    """Make the routes of one service."""
    routes = APIRouter(prefix=f"/api/admin/dead-letters/{service}", tags=["dead letters"])

    @routes.get("")
    async def list_dead_letters(
        request: Request,
        _: Reader,
        status: Literal["open", "retried", "discarded"] | None = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> dict[str, Any]:
        """List dead letters, newest first."""
        letters: DeadLetters = request.app.state.process.dead_letters
        before = None if cursor is None else read_cursor(cursor, UUID)[0]
        items, following = page(await letters.list(status, limit + 1, before), limit, lambda letter: (letter["id"],))
        return {"items": items, "next_cursor": following}

    @routes.get("/{letter_id}")
    async def get_dead_letter(request: Request, _: Reader, letter_id: UUID) -> dict[str, Any]:
        """Show a dead letter with its headers and content, and what was decided about it by whom and why."""
        letters: DeadLetters = request.app.state.process.dead_letters
        return dict(await letters.whole(letter_id))

    @routes.post("/{letter_id}/retry")
    async def send_back(request: Request, who: Operator, letter_id: UUID, body: SendBack | None = None) -> dict[str, str]:
        """Handle a record again; it stays open when that fails."""
        letters: DeadLetters = request.app.state.process.dead_letters
        record = await letters.record(letter_id)
        try:
            item = read(record, reactions, request.app.state.database.clock())
            if item is not None:
                await batch.run(request.app.state.database, [item])
        except UnreadableError as error:
            log.warning("dead_letter_failed_again", id=str(letter_id), by=who.actor, reason=error.reason)
            raise NotHandledError(f"{error.reason}: {error}") from error
        except TRANSIENT:
            raise
        except Exception as error:
            log.warning("dead_letter_failed_again", id=str(letter_id), by=who.actor, reason=type(error).__name__)
            raise NotHandledError(f"The reaction failed: {type(error).__name__}.") from error
        await letters.resolve(letter_id, "retried", who.actor, body.reason if body is not None else "")
        return {"status": "retried"}

    @routes.post("/{letter_id}/discard")
    async def discard(request: Request, who: Operator, letter_id: UUID, body: Discard) -> dict[str, str]:
        """Give a record up, with the reason."""
        letters: DeadLetters = request.app.state.process.dead_letters
        await letters.resolve(letter_id, "discarded", who.actor, body.reason)
        return {"status": "discarded"}

    return routes
