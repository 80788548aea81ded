"""Messages out: the ports to mail and SMS providers, and what may be told of their answers.

A provider's answer is one of three: taken (its id of the message), not now (`TemporaryError`: try again later with the same
id), never (`PermanentError`). No answer counts as "not now", since sending again with the same id is the only way to find out.
What a provider says often repeats the address, so only codes and our own words for them leave this room. A message that a
provider took in this process is remembered: asked again, the gateway answers with the receipt and sends nothing.
"""

import asyncio
import contextlib
import re
import socket
from binascii import b2a_qp
from collections import OrderedDict
from dataclasses import dataclass, field
from email.header import Header
from email.headerregistry import Address
from email.utils import format_datetime, parseaddr
from http import HTTPStatus
from typing import Any, Final, Literal, Protocol
from uuid import UUID

import aiosmtplib
import httpx2
from aiosmtplib import SMTPException, SMTPResponseException, SMTPServerDisconnected

from chassis.domain import utc_now

REMEMBERED: Final = 20_000


class SendError(Exception):
    """A message was not taken; the text holds no personal data."""


class TemporaryError(SendError):
    """Not now, or nobody knows: send it again later with the same id."""


class PermanentError(SendError):
    """Never: sending it again changes nothing."""


@dataclass(frozen=True, slots=True)
class Mail:
    """An e-mail ready to go; its Message-ID derives from `delivery_id`, so it is the same at every attempt."""

    delivery_id: UUID
    order_id: UUID
    to: str
    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class ShortMessage:
    """An SMS ready to go; the provider knows it by `delivery_id`."""

    delivery_id: UUID
    order_id: UUID
    to: str
    body: str


class Mailer(Protocol):
    """Hands e-mails to a provider."""

    async def send(self, mail: Mail) -> str:
        """Send; answers the provider's id of the message. Raises TemporaryError, PermanentError."""
        ...


class Texter(Protocol):
    """Hands SMS to a provider."""

    async def send(self, message: ShortMessage) -> str:
        """Send; answers the provider's id of the message. Raises TemporaryError, PermanentError."""
        ...


class Receipts:
    """What providers took from this process lately: the guard against sending again what we know was taken."""

    def __init__(self) -> None:
        self._receipts: OrderedDict[UUID, str] = OrderedDict()

    def find(self, delivery_id: UUID) -> str | None:
        """Answer the provider's id of a message it took."""
        return self._receipts.get(delivery_id)

    def keep(self, delivery_id: UUID, provider_id: str) -> str:
        """Remember that the provider took a message."""
        self._receipts[delivery_id] = provider_id
        if len(self._receipts) > REMEMBERED:
            self._receipts.popitem(last=False)
        return provider_id


_MAILBOX: Final = re.compile(r"[^\s@<>,;:\"\\()\[\]\x00-\x1f\x7f]{1,64}@[^\s@<>,;:\"\\()\[\]\x00-\x1f\x7f]{1,253}")
_ENHANCED: Final = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")
_QUEUED_AS: Final = re.compile(r"queued as ([A-Za-z0-9._-]{4,64})(?![\w@.-])", re.IGNORECASE)
_PERMANENT_FROM: Final = 500

# RFC 3463: the class of a failure is its first digit, the rest says what it is about.
_MEANINGS: Final = {
    "1.1": "there is no such mailbox",
    "1.2": "there is no such mail domain",
    "1.3": "the address is not valid",
    "1.6": "the mailbox has moved",
    "1.10": "the domain takes no mail",
    "2.1": "the mailbox is disabled",
    "2.2": "the mailbox is full",
    "3.4": "the message is too large",
    "4.1": "the recipient's server does not answer",
    "4.4": "no route to the recipient's server",
    "4.7": "the message could not be delivered in time",
    "7.1": "the recipient's server refuses the message by its rules",
    "7.26": "the sender is not authenticated",
}


class SmtpMailer:
    """Sends e-mails by SMTP over a few connections that stay open; a broken one is replaced.

    An attempt ends within `timeout_seconds`, waiting for a connection included. What the server says to the recipient or the
    message counts as its answer; trouble before that (connecting, our login, our sender) is never the message's fault.
    """

    def __init__(
        self,
        host: str,
        port: int,
        sender: str,
        *,
        security: Literal["none", "starttls", "tls"] = "none",
        username: str = "",
        password: str = "",
        timeout_seconds: float = 30.0,
        connections: int = 4,
    ) -> None:
        name, address = parseaddr(sender)
        self._sender = Address(name, addr_spec=address)
        self._timeout = timeout_seconds
        self._free = asyncio.Semaphore(connections)
        self._idle: list[aiosmtplib.SMTP] = []
        self._receipts = Receipts()
        self._options: dict[str, Any] = {
            "hostname": host,
            "port": port,
            "username": username or None,
            "password": password or None,
            "local_hostname": socket.gethostname(),
            "timeout": timeout_seconds,
            "use_tls": security == "tls",
            "start_tls": security == "starttls",
        }

    async def close(self) -> None:
        """Part from the server."""
        for client in self._idle:
            with contextlib.suppress(SMTPException, OSError):  # it may have gone first, and that is as good
                await client.quit(timeout=1)
        self._idle.clear()

    async def send(self, mail: Mail) -> str:
        """Send; answers the provider's id of the message. Raises TemporaryError, PermanentError."""
        taken = self._receipts.find(mail.delivery_id)
        if taken is not None:
            return taken
        to = _recipient(mail.to)
        content = compose(mail, self._sender, to)
        try:
            async with asyncio.timeout(self._timeout), self._free:
                reply = await self._hand_over(to, content)
        except TimeoutError:
            raise TemporaryError("the mail server did not answer in time") from None
        except (SMTPException, OSError) as error:
            code = f" {error.code}" if isinstance(error, SMTPResponseException) else ""
            raise TemporaryError(f"the mail server cannot be used ({type(error).__name__}{code})") from None
        queued = _QUEUED_AS.search(reply)
        return self._receipts.keep(mail.delivery_id, queued.group(1) if queued else str(mail.delivery_id))

    async def _hand_over(self, to: Address, content: bytes) -> str:
        """Run one mail transaction; answers what the server said when it took the message."""
        client = await self._begin(to)
        try:
            await client.rcpt(to.addr_spec, encoding="utf-8")
            reply = await client.data(content)
        except SMTPResponseException as error:
            await self._give_back(client)
            raise _judged(error) from None
        except BaseException:
            client.close()
            raise
        self._idle.append(client)
        return reply.message

    async def _begin(self, to: Address) -> aiosmtplib.SMTP:
        """Name the sender on a connection that works: one at rest that turns out to be gone is replaced."""
        while True:
            rested = bool(self._idle)
            client = self._idle.pop() if rested else aiosmtplib.SMTP(**self._options)
            try:
                if not client.is_connected:
                    await client.connect()
                await client.mail(self._sender.addr_spec, options=_mail_options(client, to))
            except SMTPServerDisconnected:
                client.close()
                if not rested:
                    raise
            except BaseException:
                client.close()
                raise
            else:
                return client

    async def _give_back(self, client: aiosmtplib.SMTP) -> None:
        """Keep a connection whose server refused a message: it is as good as before, once that transaction is reset."""
        try:
            await client.rset()
        except (SMTPException, OSError):
            client.close()
        else:
            self._idle.append(client)


def _mail_options(client: aiosmtplib.SMTP, to: Address) -> list[str] | None:
    if to.addr_spec.isascii():
        return None
    if not client.supports_extension("smtputf8"):
        raise PermanentError("the mail server does not know international addresses")
    return ["SMTPUTF8"]


def compose(mail: Mail, sender: Address, to: Address) -> bytes:
    """Make the message: text and HTML, with a Message-ID that is the same at every attempt. Raises PermanentError.

    Written out by hand: the standard library's message classes take 2.5 ms of processor time for it, this takes 0.05 ms.
    """
    boundary = f"=_{mail.delivery_id.hex}"  # cannot occur in quoted-printable, where every = is followed by a hex digit
    headers = {
        "From": str(sender),
        "To": to.addr_spec,
        "Subject": mail.subject if mail.subject.isascii() else Header(mail.subject, "utf-8").encode(linesep="\r\n"),
        "Date": format_datetime(utc_now()),
        "Message-ID": f"<{mail.delivery_id}@{sender.domain}>",
        "X-Waybill-Order": str(mail.order_id),
        "Auto-Submitted": "auto-generated",
        "MIME-Version": "1.0",
        "Content-Type": f'multipart/alternative; boundary="{boundary}"',
    }
    if not (mail.subject.isprintable() and to.addr_spec.isprintable()):
        raise PermanentError("the message cannot be composed: a header holds control characters")
    lines = [f"{name}: {value}".encode() for name, value in headers.items()]
    for kind, content in (("plain", mail.text), ("html", mail.html)):
        lines += [b"", f"--{boundary}".encode(), f'Content-Type: text/{kind}; charset="utf-8"'.encode(), _QUOTED, b""]
        lines.append(b2a_qp(content.encode("utf-8", "replace"), istext=True).replace(b"\n", b"\r\n"))
    return b"\r\n".join([*lines, f"--{boundary}--".encode(), b""])


_QUOTED: Final = b"Content-Transfer-Encoding: quoted-printable"


def _recipient(address: str) -> Address:
    """Read an address, one and nothing else; raises PermanentError."""
    if not _MAILBOX.fullmatch(address):
        raise PermanentError("the e-mail address is not valid")
    user, _, domain = address.rpartition("@")
    try:
        return Address(username=user, domain=domain.encode("idna").decode())
    except (UnicodeError, ValueError):
        raise PermanentError("the e-mail address is not valid") from None


def _judged(error: SMTPResponseException) -> SendError:
    """Say what a server's refusal means, in our words: its own often repeat the address."""
    enhanced = _ENHANCED.match(str(error.message).strip())
    meaning = _MEANINGS.get(enhanced.group().partition(".")[2], "") if enhanced else ""
    said = " ".join(filter(None, (str(error.code), enhanced.group() if enhanced else "", meaning)))
    kind = PermanentError if error.code >= _PERMANENT_FROM else TemporaryError
    return kind(f"the mail server answered {said}")


_PHONE: Final = re.compile(r"\+[1-9]\d{6,14}")


class HttpTexter:
    """Sends SMS by a provider's HTTP interface: `POST /v1/messages {to, body, message_id}`, idempotent by `message_id`."""

    def __init__(
        self, url: str, *, timeout_seconds: float, api_key: str = "", client: httpx2.AsyncClient | None = None
    ) -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._client = client or httpx2.AsyncClient(base_url=url, timeout=timeout_seconds, headers=headers)
        self._timeout = timeout_seconds
        self._receipts = Receipts()

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def send(self, message: ShortMessage) -> str:
        """Send; answers the provider's id of the message. Raises TemporaryError, PermanentError."""
        taken = self._receipts.find(message.delivery_id)
        if taken is not None:
            return taken
        if not _PHONE.fullmatch(message.to):
            raise PermanentError("the phone number is not valid")
        return self._receipts.keep(message.delivery_id, await self._post(message))

    async def _post(self, message: ShortMessage) -> str:
        body = {
            "to": message.to,
            "body": message.body,
            "message_id": str(message.delivery_id),
            "order_id": str(message.order_id),
        }
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._client.post("/v1/messages", json=body)
        except (TimeoutError, httpx2.TimeoutException):
            raise TemporaryError("the SMS provider did not answer in time") from None
        except httpx2.HTTPError as error:
            raise TemporaryError(f"the SMS provider cannot be reached ({type(error).__name__})") from None
        return _read(response, message)


def _read(response: httpx2.Response, message: ShortMessage) -> str:
    """Read a provider's answer; a conflict means that it took this message before, when its answer was lost."""
    status = response.status_code
    if response.is_success or status == HTTPStatus.CONFLICT:
        return _provider_id(response) or str(message.delivery_id)
    said = f"the SMS provider answered {status}"
    passing = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
    # Our own key being refused is a fault of the settings, which a person mends; the customer's message must not be lost by it.
    ours = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}
    if response.is_server_error or status in passing | ours:
        raise TemporaryError(said)
    raise PermanentError(said)


def _provider_id(response: httpx2.Response) -> str:
    try:
        answer: Any = response.json()
    except ValueError:
        return ""
    found = answer.get("id") if isinstance(answer, dict) else None
    return found[:200] if isinstance(found, str) else ""


class NoTexter:
    """Stands where no SMS provider is set up, for what was queued while there was one."""

    async def send(self, message: ShortMessage) -> str:
        """Refuse every message; raises PermanentError."""
        raise PermanentError(f"no SMS provider is set up for delivery {message.delivery_id}")


@dataclass(slots=True)
class StubProvider:
    """A provider in this process that takes everything at once and counts it, for tests and the benchmark.

    `answers` is what it says to the next messages before it takes any: an error to raise.
    """

    answers: list[SendError] = field(default_factory=list)
    count: int = 0
    receipts: Receipts = field(default_factory=Receipts)

    async def send(self, message: Mail | ShortMessage) -> str:
        """Take a message, or raise what it was told to."""
        taken = self.receipts.find(message.delivery_id)
        if taken is not None:
            return taken
        if self.answers:
            raise self.answers.pop(0)
        self.count += 1
        return self.receipts.keep(message.delivery_id, f"stub-{self.count}")
