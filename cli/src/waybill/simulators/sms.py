"""An SMS provider that delivers everything into one mailbox to read.

``POST /v1/messages`` is idempotent by ``message_id``: the same message again is counted and answered as before, another message
under the same id is a conflict.
"""

import asyncio
import hashlib
from functools import partial
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from waybill.simulators.delivery_faults import DeliveryFault, DeliverySetting
from waybill.simulators.faults import FaultSwitch
from waybill.simulators.mailbox import Mailbox
from waybill.simulators.reading import mailbox_routes
from waybill.simulators.serving import address, listen, problem, read_body, serve, withhold


class Message(BaseModel):
    """A short message to one phone, in E.164 form."""

    model_config = ConfigDict(extra="forbid")

    to: str = Field(pattern=r"^\+[1-9]\d{6,14}$")
    body: str = Field(min_length=1, max_length=1_600)
    message_id: str = Field(min_length=1, max_length=255)
    order_id: str | None = None
    sender: str = Field(default="Waybill", alias="from", max_length=20)


async def run_sms(host: str, port: int, *, store: Path | None) -> None:
    """Run the SMS provider until told to stop. Raises OSError when the port is taken."""
    listener = listen(host, port)
    mailbox = Mailbox(store)
    try:
        await serve(sms_app(mailbox), listener, f"ready sms http=http://{address(listener)}")
    finally:
        mailbox.close()


def sms_app(mailbox: Mailbox) -> Starlette:
    """Return the ASGI application."""
    switch = FaultSwitch(DeliverySetting())
    return Starlette(
        routes=[
            Route("/v1/messages", partial(_send, mailbox, switch), methods=["POST"]),
            *switch.routes("/sim/sms/mode"),
            *mailbox_routes(mailbox, "/sim/sms", "SMS"),
        ],
    )


async def _send(mailbox: Mailbox, switch: FaultSwitch[DeliverySetting], request: Request) -> Response:
    try:
        message = Message.model_validate_json(await read_body(request))
    except ValueError as error:
        return problem(422, "Not a message", str(error))
    setting = switch.take()
    if setting.mode in {DeliveryFault.REJECT_TEMPORARY, DeliveryFault.DOWN}:
        return problem(503, "Unavailable", "Try again later.")
    if setting.mode is DeliveryFault.REJECT_PERMANENT:
        return problem(422, "Not deliverable", "There is no such phone.")
    if setting.mode is DeliveryFault.SLOW:
        await asyncio.sleep(setting.delay_seconds)
    answer = _deliver(mailbox, message)
    if setting.mode is DeliveryFault.ACCEPT_THEN_DROP:
        await withhold(request, setting.hang_seconds)
    return answer


def _deliver(mailbox: Mailbox, message: Message) -> Response:
    content = {"id": _provider_id(message), "from": message.sender, "to": message.to, "body": message.body}
    for known in mailbox.messages(message_id=message.message_id):
        if known.content and known.content != content:
            return problem(409, "Another message", f"message_id {message.message_id} belongs to another message.")
    count = mailbox.deliver(message.message_id, message.to, message.order_id, content)
    headers = {"Idempotent-Replayed": "true"} if count > 1 else None
    return JSONResponse({"id": content["id"], "message_id": message.message_id, "status": "accepted"}, 201, headers)


def _provider_id(message: Message) -> str:
    """Derive the provider's own id, so that a repeated request gets the same one."""
    return "SM" + hashlib.sha256(message.message_id.encode()).hexdigest()[:32]
