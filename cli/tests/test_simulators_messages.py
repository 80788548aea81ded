"""The mail and SMS simulators as their clients see them, over real SMTP and HTTP against the real processes."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiosmtplib
import httpx2
import pytest

from waybill.simulators import reading
from waybill.simulators.launching import launched
from waybill.simulators.mail import _header
from waybill.simulators.mailbox import Mailbox
from waybill.simulators.sms import sms_app

HTTP = httpx2.Client(trust_env=False)


@pytest.fixture(scope="module")
def mail_process() -> Iterator[dict[str, str]]:
    with launched("smtp", "--port", "0", "--http-port", "0") as simulator:
        yield simulator.addresses


@pytest.fixture
def mail(mail_process: dict[str, str]) -> Iterator[dict[str, str]]:
    yield mail_process
    HTTP.delete(f"{mail_process['http']}/sim/mail/mode").raise_for_status()
    HTTP.delete(f"{mail_process['http']}/sim/mail/messages").raise_for_status()


@pytest.fixture(scope="module")
def sms_process() -> Iterator[str]:
    with launched("sms", "--port", "0") as simulator:
        yield simulator.addresses["http"]


@pytest.fixture
def sms(sms_process: str) -> Iterator[str]:
    yield sms_process
    HTTP.delete(f"{sms_process}/sim/sms/mode").raise_for_status()
    HTTP.delete(f"{sms_process}/sim/sms/messages").raise_for_status()


def message(message_id: str, order_id: str = "order-1", to: str = "ada@example.com") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Message-ID"] = "shop@example.com", to, message_id
    mail["Subject"], mail["X-Waybill-Order"] = "Bestätigt: Größe 5 ✓", order_id
    mail.set_content("Grüße, Ada\n")
    mail.add_alternative("<p>Grüße, <b>Ada</b></p><script>alert(1)</script>", subtype="html")
    return mail


async def send(mail: dict[str, str], letter: EmailMessage, patience: float = 5.0) -> None:
    host, _, port = mail["smtp"].partition(":")
    await aiosmtplib.send(letter, hostname=host, port=int(port), timeout=patience, start_tls=False)


def mails(mail: dict[str, str], **filters: str | int) -> list[dict[str, Any]]:
    answer = HTTP.get(f"{mail['http']}/sim/mail/messages", params=filters).raise_for_status()
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def set_mode(address: str, kind: str, **setting: Any) -> None:
    HTTP.put(f"{address}/sim/{kind}/mode", json=setting).raise_for_status()


async def test_a_mail_is_read_as_it_was_written(mail: dict[str, str]) -> None:
    await send(mail, message("<a@shop>"))
    (item,) = mails(mail)
    assert (item["message_id"], item["count"], item["order_id"]) == ("<a@shop>", 1, "order-1")
    assert (item["from"], item["to"], item["subject"]) == ("shop@example.com", ["ada@example.com"], "Bestätigt: Größe 5 ✓")
    assert item["text"].strip() == "Grüße, Ada"
    assert "<b>Ada</b>" in item["html"]
    assert item["headers"]["X-Waybill-Order"] == "order-1"


async def test_mails_are_counted_by_their_id_and_found_by_recipient_and_order(mail: dict[str, str]) -> None:
    await send(mail, message("<a@shop>"))
    await send(mail, message("<a@shop>"))
    await send(mail, message("<b@shop>", "order-2", "bob@example.com"))
    assert [(item["message_id"], item["count"]) for item in mails(mail)] == [("<b@shop>", 1), ("<a@shop>", 2)]
    assert [item["message_id"] for item in mails(mail, to="ada@")] == ["<a@shop>"]
    assert [item["message_id"] for item in mails(mail, order_id="order-2")] == ["<b@shop>"]
    assert len(mails(mail, limit=1)) == 1
    totals = HTTP.get(f"{mail['http']}/sim/mail/messages").json()
    assert (totals["total"], totals["deliveries"]) == (2, 3)


@pytest.mark.parametrize(("mode", "code"), [("reject_temporary", 451), ("reject_permanent", 550)])
async def test_a_rejected_mail_is_not_delivered(mail: dict[str, str], mode: str, code: int) -> None:
    set_mode(mail["http"], "mail", mode=mode, remaining=1)
    with pytest.raises(aiosmtplib.SMTPDataError) as refused:
        await send(mail, message("<r@shop>"))
    assert refused.value.code == code
    assert mails(mail) == []
    await send(mail, message("<r@shop>"))
    assert [item["count"] for item in mails(mail)] == [1]


async def test_an_answer_can_be_withheld_after_delivery(mail: dict[str, str]) -> None:
    set_mode(mail["http"], "mail", mode="accept_then_drop", remaining=1)
    with pytest.raises(aiosmtplib.SMTPException):
        await send(mail, message("<u@shop>"), patience=0.5)
    assert [item["count"] for item in mails(mail)] == [1]
    await send(mail, message("<u@shop>"))
    assert [item["count"] for item in mails(mail)] == [2]


async def test_a_mail_server_can_be_down_and_slow(mail: dict[str, str]) -> None:
    set_mode(mail["http"], "mail", mode="down")
    with pytest.raises(aiosmtplib.SMTPException):
        await send(mail, message("<d@shop>"))
    set_mode(mail["http"], "mail", mode="slow", delay_seconds=0.3)
    started = asyncio.get_running_loop().time()
    await send(mail, message("<d@shop>"))
    assert asyncio.get_running_loop().time() - started >= 0.3
    assert len(mails(mail)) == 1


async def test_the_page_shows_mails_and_runs_nothing_of_them(mail: dict[str, str]) -> None:
    letter = message("<page@shop>", order_id="<script>alert(2)</script>")
    await send(mail, letter)
    page = HTTP.get(f"{mail['http']}/sim/mail/")
    assert "Bestätigt: Größe 5 ✓" in page.text
    assert "<script>" not in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
    link = page.text.split('<td><a href="')[1].split('"')[0]
    shown = HTTP.get(f"{mail['http']}{link}")
    assert "<script>" not in shown.text
    assert f'<iframe sandbox title="HTML part" src="{link}/html">' in shown.text
    html = HTTP.get(f"{mail['http']}{link}/html")
    assert "<b>Ada</b>" in html.text
    assert html.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert HTTP.get(f"{mail['http']}/sim/mail/style.css").headers["content-type"].startswith("text/css")
    assert HTTP.post(f"{mail['http']}/sim/mail/clear").status_code == 303
    assert "Nothing here yet" in HTTP.get(f"{mail['http']}/sim/mail/").text
    assert HTTP.get(f"{mail['http']}{link}").status_code == 404


async def test_a_broken_mail_is_taken_in_all_the_same(mail: dict[str, str]) -> None:
    host, _, port = mail["smtp"].partition(":")
    async with aiosmtplib.SMTP(hostname=host, port=int(port)) as smtp:
        for body in (
            b"\xff\xfe no header\r\n",
            b"Content-Type: text/plain; charset=klingon\r\nMessage-ID: <k@x>\r\n\r\nqapla\r\n",
        ):
            await smtp.sendmail("a@example.com", ["b@example.com"], body)
    assert len(mails(mail)) == 2
    assert mails(mail, message_id="<k@x>")[0]["text"].strip() == "qapla"


def text(**changes: Any) -> dict[str, Any]:
    return {"to": "+491701234567", "body": "Your order is on its way.", "message_id": "m-1", "order_id": "order-1"} | changes


def test_an_sms_is_delivered_once_and_counted(sms: str) -> None:
    first = HTTP.post(f"{sms}/v1/messages", json=text())
    again = HTTP.post(f"{sms}/v1/messages", json=text())
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert HTTP.post(f"{sms}/v1/messages", json=text(body="Another text")).status_code == 409
    (item,) = HTTP.get(f"{sms}/sim/sms/messages", params={"order_id": "order-1"}).json()["items"]
    assert (item["count"], item["to"], item["body"]) == (2, "+491701234567", "Your order is on its way.")
    assert item["id"] == first.json()["id"]
    assert "+491701234567" in HTTP.get(f"{sms}/sim/sms/").text


@pytest.mark.parametrize(
    "changes", [{"to": "0170"}, {"body": ""}, {"body": "x" * 1_601}, {"message_id": ""}, {"colour": "red"}]
)
def test_a_message_that_is_none_is_refused(sms: str, changes: dict[str, str]) -> None:
    assert HTTP.post(f"{sms}/v1/messages", json=text(**changes)).status_code == 422
    assert HTTP.get(f"{sms}/sim/sms/messages").json()["items"] == []


@pytest.mark.parametrize(("mode", "status"), [("reject_temporary", 503), ("reject_permanent", 422), ("down", 503)])
def test_an_sms_provider_can_refuse(sms: str, mode: str, status: int) -> None:
    set_mode(sms, "sms", mode=mode, remaining=1)
    assert HTTP.post(f"{sms}/v1/messages", json=text()).status_code == status
    assert HTTP.get(f"{sms}/sim/sms/messages").json()["items"] == []
    assert HTTP.post(f"{sms}/v1/messages", json=text()).status_code == 201


def test_an_sms_can_be_taken_in_without_an_answer(sms: str) -> None:
    set_mode(sms, "sms", mode="accept_then_drop")
    with pytest.raises(httpx2.ReadTimeout):
        HTTP.post(f"{sms}/v1/messages", json=text(), timeout=0.5)
    assert [item["count"] for item in HTTP.get(f"{sms}/sim/sms/messages").json()["items"]] == [1]


def test_a_mailbox_keeps_every_count_but_only_the_latest_contents(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path / "box.db", kept_contents=5)
    for number in range(20):
        mailbox.deliver(f"m-{number}", "a@example.com", None, {"text": "hello"})
    assert mailbox.deliver("m-0", "a@example.com", None, {"text": "hello"}) == 2
    assert mailbox.totals() == {"total": 20, "deliveries": 21}
    with_contents = [each for each in mailbox.messages() if each.content]
    assert 5 <= len(with_contents) < 10
    mailbox.close()
    reopened = Mailbox(tmp_path / "box.db")
    assert reopened.totals() == {"total": 20, "deliveries": 21}
    reopened.close()


async def test_a_mailbox_counts_every_message_since_it_was_emptied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mailbox = Mailbox(tmp_path / "box.db", kept_contents=5)
    began = mailbox.since
    for number in (1, 2, 3, 1):
        mailbox.deliver(f"m-{number}", "a@example.com", None, {})
    monkeypatch.setattr(reading, "_LEDGER_PAGE", 2)
    transport = httpx2.ASGITransport(app=sms_app(mailbox))
    async with httpx2.AsyncClient(transport=transport, base_url="http://sms.invalid") as client:
        first = (await client.get("/sim/sms/ledger")).json()
        assert [(item["message_id"], item["count"]) for item in first["items"]] == [("m-1", 2), ("m-2", 1)]
        last = (await client.get("/sim/sms/ledger", params={"after": first["next_cursor"]})).json()
        assert ([item["message_id"] for item in last["items"]], last["next_cursor"]) == (["m-3"], None)
        assert (await client.get("/sim/sms/ledger", params={"after": "-1"})).status_code == 400
    mailbox.close()
    reopened = Mailbox(tmp_path / "box.db")
    assert reopened.since == began, "a restart forgets nothing"
    reopened.clear()
    assert reopened.since > began
    assert reopened.counted(0, 10) == []
    reopened.close()


def test_a_port_in_use_is_one_clear_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "waybill.simulators", "sms", "--port", str(port)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in ended.stderr


@pytest.mark.parametrize(
    ("head", "found"),
    [
        ("Message-ID: <a@b>\r\nSubject: x", "<a@b>"),
        ("Subject: x\r\nmessage-id:<a@b> ", "<a@b>"),
        ("Message-ID:\r\n <a@b>\r\nSubject: x", "<a@b>"),
        ("Subject: x", None),
    ],
)
def test_a_header_is_found_however_it_is_written(head: str, found: str | None) -> None:
    assert _header(f"{head}\r\n\r\nMessage-ID: <in@the.text>".encode(), "Message-ID") == found
