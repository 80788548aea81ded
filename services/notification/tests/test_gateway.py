"""The providers: one contract for the stub and the real ones, and what SMTP and HTTP servers can do to us."""

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

import httpx2
import pytest
from aiosmtpd.smtp import SMTP

from chassis.domain import new_id
from notification.gateway import (
    HttpTexter,
    Mail,
    NoTexter,
    PermanentError,
    Receipts,
    SendError,
    ShortMessage,
    SmtpMailer,
    StubProvider,
    TemporaryError,
)
from waybill.simulators.launching import Simulator, launched

SENDER = "Waybill <orders@shop.example>"
CANARY = "ada.canary@example.com"


def mail(**changes: Any) -> Mail:
    facts = {"to": CANARY, "subject": "Your order", "text": "Grüße", "html": "<p>Grüße</p>", **changes}
    return Mail(delivery_id=facts.pop("delivery_id", new_id()), order_id=new_id(), **facts)


def sms(**changes: Any) -> ShortMessage:
    facts = {"to": "+4915112345678", "body": "Your order is confirmed.", **changes}
    return ShortMessage(delivery_id=facts.pop("delivery_id", new_id()), order_id=new_id(), **facts)


# --- one contract, every provider ---------------------------------------------------------------------------------------


@dataclass
class Provider:
    """A provider under test: how to send by it, how to make it fail, and what it took."""

    send: Callable[[Any], Awaitable[str]]
    message: Callable[..., Any]
    fail_once: Callable[[str], Awaitable[None]]
    count: Callable[[], Awaitable[int]]
    """How many messages were handed over, repeats included."""


@pytest.fixture(scope="module")
def mail_simulator() -> Iterator[Simulator]:
    with launched("smtp", "--port", "0", "--http-port", "0") as simulator:
        yield simulator


@pytest.fixture(scope="module")
def sms_simulator() -> Iterator[Simulator]:
    with launched("sms", "--port", "0") as simulator:
        yield simulator


@pytest.fixture
async def stub_provider() -> Provider:
    stub = StubProvider()
    errors = {"reject_temporary": TemporaryError("busy"), "reject_permanent": PermanentError("no such mailbox")}

    async def fail_once(mode: str) -> None:
        stub.answers.append(errors[mode])

    async def count() -> int:
        return stub.count

    return Provider(stub.send, mail, fail_once, count)


@pytest.fixture
async def smtp_provider(mail_simulator: Simulator) -> AsyncIterator[Provider]:
    host, _, port = mail_simulator.addresses["smtp"].partition(":")
    mailer = SmtpMailer(host, int(port), SENDER, timeout_seconds=3)
    async with _simulated(mail_simulator.addresses["http"], "mail", mailer.send, mail) as provider:
        yield provider
    await mailer.close()


@pytest.fixture
async def sms_provider(sms_simulator: Simulator) -> AsyncIterator[Provider]:
    texter = HttpTexter(sms_simulator.addresses["http"], timeout_seconds=3)
    async with _simulated(sms_simulator.addresses["http"], "sms", texter.send, sms) as provider:
        yield provider
    await texter.close()


@asynccontextmanager
async def _simulated(
    url: str, kind: str, send: Callable[[Any], Awaitable[str]], message: Callable[..., Any]
) -> AsyncIterator[Provider]:
    async with httpx2.AsyncClient(base_url=url) as control:

        async def fail_once(mode: str) -> None:
            setting = {"mode": mode, "remaining": 1, "hang_seconds": 20}
            (await control.put(f"/sim/{kind}/mode", json=setting)).raise_for_status()

        async def count() -> int:
            answer = (await control.get(f"/sim/{kind}/messages")).raise_for_status().json()
            return sum(item["count"] for item in answer["items"])

        await control.delete(f"/sim/{kind}/messages")
        yield Provider(send, message, fail_once, count)
        await control.delete(f"/sim/{kind}/mode")


@pytest.fixture(params=["stub_provider", "smtp_provider", "sms_provider"])
def provider(request: pytest.FixtureRequest) -> Provider:
    found: Provider = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=["smtp_provider", "sms_provider"])
def real_provider(request: pytest.FixtureRequest) -> Provider:
    found: Provider = request.getfixturevalue(request.param)
    return found


async def test_a_message_is_taken_and_gets_an_id(provider: Provider) -> None:
    assert await provider.send(provider.message())
    assert await provider.count() == 1


async def test_what_was_taken_is_not_handed_over_again(provider: Provider) -> None:
    message = provider.message()
    first = await provider.send(message)
    assert await provider.send(message) == first
    assert await provider.count() == 1


async def test_not_now_is_said_and_the_same_message_goes_later(provider: Provider) -> None:
    message = provider.message()
    await provider.fail_once("reject_temporary")
    with pytest.raises(TemporaryError):
        await provider.send(message)
    assert await provider.count() == 0
    assert await provider.send(message)
    assert await provider.count() == 1


async def test_never_is_said_and_the_next_message_goes(provider: Provider) -> None:
    await provider.fail_once("reject_permanent")
    with pytest.raises(PermanentError):
        await provider.send(provider.message())
    assert await provider.send(provider.message())
    assert await provider.count() == 1


async def test_many_at_once(provider: Provider) -> None:
    taken = await asyncio.gather(*(provider.send(provider.message()) for _ in range(20)))
    assert len(set(taken)) == 20
    assert await provider.count() == 20


async def test_an_answer_that_is_lost_counts_as_not_now_and_the_repeat_has_the_same_id(real_provider: Provider) -> None:
    message = real_provider.message()
    await real_provider.fail_once("accept_then_drop")
    with pytest.raises(TemporaryError, match="did not answer in time"):
        await real_provider.send(message)
    assert await real_provider.send(message)
    assert await real_provider.count() == 2


# --- SMTP ---------------------------------------------------------------------------------------------------------------


@dataclass
class Inbox:
    """A mail server's handler that can be told what to answer at each command."""

    answers: dict[str, str] = field(default_factory=dict)
    received: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    connections: int = 0
    transports: list[asyncio.Transport] = field(default_factory=list)
    drop_at: str = ""
    utf8: bool = True

    def _answer(self, server: Any, command: str, usual: str) -> str:
        if self.drop_at == command:
            self.drop_at = ""
            server.transport.abort()
        return self.answers.get(command, usual)

    async def handle_EHLO(self, server: Any, session: Any, _: Any, hostname: str, responses: list[str]) -> list[str]:  # noqa: N802
        self.connections += 1
        self.transports.append(server.transport)
        session.host_name = hostname
        return responses

    async def handle_MAIL(self, server: Any, _: Any, envelope: Any, address: str, __: Any) -> str:  # noqa: N802
        envelope.mail_from = address
        return self._answer(server, "MAIL", "250 OK")

    async def handle_RCPT(self, server: Any, _: Any, envelope: Any, address: str, __: Any) -> str:  # noqa: N802
        answer = self._answer(server, "RCPT", "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, _: Any, envelope: Any) -> str:  # noqa: N802
        answer = self._answer(server, "DATA", "250 2.0.0 Ok: queued as 4ZX9Q1")
        if answer.startswith("250"):
            self.recipients += envelope.rcpt_tos
            self.received.append(email.message_from_bytes(envelope.original_content, EmailMessage, policy=email.policy.default))
        return answer


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
async def mailer(inbox: Inbox) -> AsyncIterator[SmtpMailer]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(inbox, hostname="mx.example", enable_SMTPUTF8=inbox.utf8, loop=loop), "127.0.0.1", 0
    )
    mailer = SmtpMailer("127.0.0.1", server.sockets[0].getsockname()[1], SENDER, timeout_seconds=10, connections=1)
    yield mailer
    await mailer.close()
    server.close()


async def test_a_mail_has_its_headers_text_and_html(mailer: SmtpMailer, inbox: Inbox) -> None:
    sent = mail(subject="Ihre Bestellung für Sie")
    assert await mailer.send(sent) == "4ZX9Q1"
    [message] = inbox.received
    assert message["Message-ID"] == f"<{sent.delivery_id}@shop.example>"
    assert message["X-Waybill-Order"] == str(sent.order_id)
    assert (message["From"], message["To"], message["Subject"]) == (SENDER, CANARY, "Ihre Bestellung für Sie")
    assert message["Date"].datetime is not None
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    assert (text.get_content().strip(), html.get_content().strip()) == ("Grüße", "<p>Grüße</p>")


async def test_the_message_id_is_the_same_at_every_attempt(mailer: SmtpMailer, inbox: Inbox) -> None:
    inbox.drop_at = "DATA"
    message = mail()
    with pytest.raises(TemporaryError):
        await mailer.send(message)
    await mailer.send(message)
    # The server of this test takes the message before it cuts the line: the sender cannot know.
    assert [one["Message-ID"] for one in inbox.received] == [f"<{message.delivery_id}@shop.example>"] * 2


async def test_one_connection_serves_many_mails(mailer: SmtpMailer, inbox: Inbox) -> None:
    for _ in range(5):
        await mailer.send(mail())
    assert (inbox.connections, len(inbox.received)) == (1, 5)


async def test_a_refused_recipient_leaves_the_connection_usable(mailer: SmtpMailer, inbox: Inbox) -> None:
    inbox.answers["RCPT"] = "550 5.1.1 no"
    with pytest.raises(PermanentError):
        await mailer.send(mail())
    inbox.answers.clear()
    await mailer.send(mail())
    assert (inbox.connections, len(inbox.received)) == (1, 1)


async def test_a_connection_that_the_server_closed_meanwhile_costs_no_attempt(mailer: SmtpMailer, inbox: Inbox) -> None:
    await mailer.send(mail())
    inbox.transports[0].close()
    await mailer.send(mail())
    assert (inbox.connections, len(inbox.received)) == (2, 2)


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
async def test_a_connection_that_breaks_is_replaced_by_the_next_attempt(mailer: SmtpMailer, inbox: Inbox, command: str) -> None:
    inbox.drop_at = command
    message = mail()
    with pytest.raises(TemporaryError, match="cannot be used"):
        await mailer.send(message)
    assert await mailer.send(message)
    assert inbox.connections == 2


@pytest.mark.parametrize(
    ("command", "answer", "kind", "reason"),
    [
        ("RCPT", f"550 5.1.1 <{CANARY}>: user ada.canary unknown", PermanentError, "550 5.1.1 there is no such mailbox"),
        ("RCPT", f"552 5.2.2 {CANARY} over quota", PermanentError, "552 5.2.2 the mailbox is full"),
        ("RCPT", f"450 4.2.0 <{CANARY}> greylisted, Ada Canary", TemporaryError, "450 4.2.0"),
        ("RCPT", f"451 try later {CANARY}", TemporaryError, "451"),
        ("DATA", f"554 5.7.1 spam to {CANARY}", PermanentError, "554 5.7.1 the recipient's server refuses"),
        ("DATA", f"452 4.3.1 {CANARY}", TemporaryError, "452 4.3.1"),
        ("MAIL", "530 5.7.0 authentication required", TemporaryError, "SMTPSenderRefused 530"),
    ],
)
async def test_what_a_server_answers_is_judged_and_never_repeated(
    mailer: SmtpMailer, inbox: Inbox, command: str, answer: str, kind: type[SendError], reason: str
) -> None:
    inbox.answers[command] = answer
    with pytest.raises(kind) as refused:
        await mailer.send(mail())
    assert reason in str(refused.value)
    assert "canary" not in repr(refused.value).lower()
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


async def test_an_id_of_the_provider_that_repeats_the_address_is_not_kept(mailer: SmtpMailer, inbox: Inbox) -> None:
    inbox.answers["DATA"] = f"250 2.0.0 Ok: queued as {CANARY}"
    message = mail()
    assert await mailer.send(message) == str(message.delivery_id)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "ada@",
        "@example.com",
        "a@b@c",
        "a b@example.com",
        "ada@example.com\r\nBcc: eve@example.com",
        "a,b@example.com",
    ],
)
async def test_an_address_that_is_none_is_refused_without_a_connection(mailer: SmtpMailer, inbox: Inbox, address: str) -> None:
    with pytest.raises(PermanentError, match="not valid"):
        await mailer.send(mail(to=address))
    assert inbox.connections == 0


async def test_a_line_break_in_a_subject_never_becomes_a_header(mailer: SmtpMailer, inbox: Inbox) -> None:
    with pytest.raises(PermanentError, match="cannot be composed"):
        await mailer.send(mail(subject="Hello\r\nBcc: eve@example.com"))
    assert inbox.received == []


async def test_international_domains_and_names(mailer: SmtpMailer, inbox: Inbox) -> None:
    await mailer.send(mail(to="ada@bücher.example"))
    await mailer.send(mail(to="ädä@example.com"))
    assert inbox.recipients == ["ada@xn--bcher-kva.example", "ädä@example.com"]


async def test_an_international_name_needs_a_server_that_knows_them(mailer: SmtpMailer, inbox: Inbox) -> None:
    inbox.utf8 = False
    with pytest.raises(PermanentError, match="international"):
        await mailer.send(mail(to="ädä@example.com"))
    await mailer.send(mail())
    assert len(inbox.received) == 1


async def test_nobody_listening_counts_as_not_now() -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    mailer = SmtpMailer("127.0.0.1", port, SENDER, timeout_seconds=1)
    with pytest.raises(TemporaryError, match="SMTPConnectError"):
        await mailer.send(mail())


async def test_a_server_that_says_nothing_counts_as_not_now_in_time() -> None:
    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    mailer = SmtpMailer("127.0.0.1", server.sockets[0].getsockname()[1], SENDER, timeout_seconds=0.2)
    with pytest.raises(TemporaryError, match="did not answer in time"):
        await mailer.send(mail())
    assert len(writers) == 1
    for writer in writers:
        writer.close()
    server.close()


# --- SMS ----------------------------------------------------------------------------------------------------------------


def texter_that_hears(answer: Callable[[httpx2.Request], httpx2.Response]) -> HttpTexter:
    client = httpx2.AsyncClient(base_url="https://sms.test", transport=httpx2.MockTransport(answer))
    return HttpTexter("https://sms.test", timeout_seconds=1, client=client)


async def test_an_sms_is_posted_with_its_id() -> None:
    heard = []

    def take(request: httpx2.Request) -> httpx2.Response:
        heard.append((request.url.path, request.read()))
        return httpx2.Response(201, json={"id": "SM1"})

    message = sms()
    assert await texter_that_hears(take).send(message) == "SM1"
    [(path, body)] = heard
    assert path == "/v1/messages"
    assert str(message.delivery_id).encode() in body
    assert b"+4915112345678" in body


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (500, TemporaryError),
        (503, TemporaryError),
        (429, TemporaryError),
        (408, TemporaryError),
        (401, TemporaryError),
        (404, TemporaryError),
        (400, PermanentError),
        (422, PermanentError),
    ],
)
async def test_what_an_sms_provider_answers_is_judged_and_never_repeated(status: int, kind: type[SendError]) -> None:
    texter = texter_that_hears(lambda _: httpx2.Response(status, text="no such phone +4915112345678"))
    with pytest.raises(kind) as refused:
        await texter.send(sms())
    assert str(refused.value) == f"the SMS provider answered {status}"


async def test_a_conflict_means_that_the_provider_took_it_before() -> None:
    texter = texter_that_hears(lambda _: httpx2.Response(409, json={"title": "Another message"}))
    message = sms()
    assert await texter.send(message) == str(message.delivery_id)


async def test_an_answer_that_is_no_json_still_counts() -> None:
    texter = texter_that_hears(lambda _: httpx2.Response(200, text="fine"))
    message = sms()
    assert await texter.send(message) == str(message.delivery_id)


async def test_a_phone_that_is_none_is_refused() -> None:
    texter = texter_that_hears(lambda _: httpx2.Response(201, json={"id": "SM1"}))
    with pytest.raises(PermanentError, match="phone number"):
        await texter.send(sms(to="015112345678"))


async def test_a_provider_that_cannot_be_reached_counts_as_not_now() -> None:
    def away(_: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("to +4915112345678 refused")

    with pytest.raises(TemporaryError) as refused:
        await texter_that_hears(away).send(sms())
    assert str(refused.value) == "the SMS provider cannot be reached (ConnectError)"


async def test_without_a_provider_an_sms_is_given_up() -> None:
    with pytest.raises(PermanentError, match="no SMS provider"):
        await NoTexter().send(sms())


def test_receipts_forget_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notification.gateway.REMEMBERED", 2)
    receipts, ids = Receipts(), [new_id() for _ in range(3)]
    for number, one in enumerate(ids):
        receipts.keep(one, str(number))
    assert [receipts.find(one) for one in ids] == [None, "1", "2"]
