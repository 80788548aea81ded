"""The PSP's notices over HTTP: about a payment a notice only makes us ask; a dispute it tells of itself."""

from typing import Annotated

from fastapi import APIRouter, Header, Request, Response

from chassis.commands import Commands
from chassis.domain import Cause
from payment.gateway import BounceHeard, DisputeHeard, PspWebhooks
from payment.handlers import DisputeNotice, hear_bounce, hear_dispute, hear_webhook
from payment.store import find_payment

router = APIRouter(tags=["payments"])


@router.post("/api/webhooks/psp", include_in_schema=False)
async def receive_webhook(request: Request, stripe_signature: Annotated[str, Header()] = "") -> Response:
    """Hear a notice of the PSP."""
    webhooks: PspWebhooks = request.app.state.gateways[PspWebhooks]
    heard = webhooks.read(await request.body(), stripe_signature)
    commands: Commands = request.app.state.commands
    if isinstance(heard, DisputeHeard):
        async with request.app.state.database.reading() as session:
            found = await find_payment(session, heard.reference)
        if found is not None:
            notice = DisputeNotice(*found, heard)
            await commands.run(hear_dispute, notice, _cause(request, str(notice.order_id)), None)
    elif isinstance(heard, BounceHeard):
        await commands.run(hear_bounce, heard, _cause(request, str(heard.order_id)), None)
    elif heard is not None:
        await commands.run(hear_webhook, heard, _cause(request, str(heard.order_id)), None)
    return Response(b"{}", media_type="application/json")


def _cause(request: Request, order_id: str) -> Cause:
    return Cause("psp", request.app.state.database.clock(), correlation_id=order_id)
