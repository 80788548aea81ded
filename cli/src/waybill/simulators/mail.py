"""A mail server that delivers everything into one mailbox to read.

Messages are counted by their Message-ID. What is answered with 250 is in the mailbox; what was refused is not; in the mode
``accept_then_drop`` a message is in the mailbox although its sender never got an answer.
"""

import asyncio
import email
import email.policy
import re
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from email.utils import make_msgid
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session
from starlette.applications import Starlette

from waybill.simulators.delivery_faults import DeliveryFault, DeliverySetting
from waybill.simulators.faults import FaultSwitch
from waybill.simulators.mailbox import Mailbox
from waybill.simulators.reading import mailbox_routes
from waybill.simulators.serving import address, listen, serve

_MAX_MESSAGE_BYTES = 10_000_000
_ORDER_HEADER = "X-Waybill-Order"


class _Delivery:
    """The SMTP commands that a fault can touch."""

    def __init__(self, mailbox: Mailbox, switch: FaultSwitch[DeliverySetting]) -> None:
        self._mailbox = mailbox
        self._switch = switch

    async def handle_DATA(self, server: SMTP, _: Session, envelope: Envelope) -> str:  # noqa: N802 - named by aiosmtpd
        setting = self._switch.take(lambda present: present.mode is not DeliveryFault.DOWN)
        if setting.mode is DeliveryFault.REJECT_TEMPORARY:
            return "451 4.3.0 Try again later"
        if setting.mode is DeliveryFault.REJECT_PERMANENT:
            return "550 5.1.1 No such mailbox"
        if setting.mode is DeliveryFault.SLOW:
            await asyncio.sleep(setting.delay_seconds)
        self._take_in(envelope)
        if setting.mode is DeliveryFault.ACCEPT_THEN_DROP:
            await asyncio.sleep(setting.hang_seconds)
            if isinstance(server.transport, asyncio.WriteTransport):
                server.transport.abort()
        return "250 2.0.0 Delivered"

    def _take_in(self, envelope: Envelope) -> None:
        """Keep a message as it came: it is taken apart when somebody reads it, which costs 2 ms and seldom happens."""
        raw = envelope.original_content or b""
        message_id = _header(raw, "Message-ID") or make_msgid(domain="without-an-id.invalid")
        kept = {"from": envelope.mail_from, "to": list(envelope.rcpt_tos), "raw": raw.decode("latin-1")}
        self._mailbox.deliver(message_id, " ".join(envelope.rcpt_tos), _header(raw, _ORDER_HEADER), kept)


def _header(raw: bytes, name: str) -> str | None:
    """Find a header that stands on one line, as most do; one that does not is found the long way."""
    head = raw.partition(b"\r\n\r\n")[0]
    found = re.search(rb"(?im)^" + name.encode() + rb":[ \t]*(\S[^\r\n]*)\r?$(?!\n[ \t])", head)
    if found is not None and found.group(1).isascii():
        return found.group(1).decode().strip()
    value = email.message_from_bytes(raw, EmailMessage, policy=email.policy.default)[name]
    return None if value is None else str(value).strip()


def shown(kept: Mapping[str, Any]) -> dict[str, Any]:
    """Take a message apart for whoever reads it."""
    if "raw" not in kept:
        return dict(kept)  # only its count is left
    message = email.message_from_bytes(kept["raw"].encode("latin-1"), EmailMessage, policy=email.policy.default)
    return {
        "from": kept["from"],
        "to": kept["to"],
        "subject": str(message["Subject"] or ""),
        "text": _part(message, "plain"),
        "html": _part(message, "html"),
        "headers": {name: str(value) for name, value in message.items()},
    }


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    if part is None:
        return ""
    try:
        return str(part.get_content())
    except LookupError:  # an unknown character set: show what can be read
        payload = part.get_payload(decode=True)
        return payload.decode("ascii", "replace") if isinstance(payload, bytes) else ""


class _HungUp(asyncio.Protocol):
    """A server that is down: whoever connects is cut off."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


def protocol_factory(mailbox: Mailbox, switch: FaultSwitch[DeliverySetting]) -> Callable[[], asyncio.Protocol]:
    """Return what makes one SMTP connection."""
    delivery = _Delivery(mailbox, switch)

    def connect() -> asyncio.Protocol:
        if switch.take(lambda present: present.mode is DeliveryFault.DOWN).mode is DeliveryFault.DOWN:
            return _HungUp()
        connection: asyncio.Protocol = SMTP(
            delivery,
            hostname="mail.waybill.invalid",
            ident="Waybill mail simulator",
            enable_SMTPUTF8=True,
            data_size_limit=_MAX_MESSAGE_BYTES,
        )
        return connection

    return connect


async def run_mail(host: str, smtp_port: int, http_port: int, *, store: Path | None) -> None:
    """Run the mail server and its reading page until told to stop. Raises OSError when a port is taken."""
    smtp_listener, http_listener = listen(host, smtp_port), listen(host, http_port)
    mailbox = Mailbox(store, shown=shown)
    switch = FaultSwitch(DeliverySetting())
    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol_factory(mailbox, switch), sock=smtp_listener)
    app = Starlette(routes=[*switch.routes("/sim/mail/mode"), *mailbox_routes(mailbox, "/sim/mail", "Mail")])
    try:
        await serve(app, http_listener, f"ready smtp smtp={address(smtp_listener)} http=http://{address(http_listener)}")
    finally:
        server.close()
        mailbox.close()
