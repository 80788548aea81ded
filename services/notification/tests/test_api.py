"""What staff see and do: lists in pages, masked addresses, retries on the record, previews."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from chassis.testing import Issuer, SettableClock, perform, serving
from notification.api import masked
from notification.gateway import PermanentError
from notification.handlers import notify_confirmed, notify_payment_due, notify_received
from notification.main import create
from notification.model import Template
from notification.settings import Settings
from notification.store import open_work

pytestmark = pytest.mark.database
LIST = "/api/admin/notifications"
ISSUER = Issuer()
SUPPORT = ISSUER.headers("sue", "support")
AUDITOR = ISSUER.headers("ann", "auditor")


@asynccontextmanager
async def _serving(url: str) -> AsyncIterator[tuple[httpx2.AsyncClient, FastAPI, SettableClock, Settings]]:
    """Serve the API alone: nothing is sent unless the test does it."""
    settings = Settings(
        database_url=url,
        kafka_bootstrap_servers="127.0.0.1:1",
        roles="api",
        auth_issuer=ISSUER.url,
        auth_jwks_url=f"{ISSUER.url}/jwks",
        providers="stub",
    )
    clock = SettableClock()
    app = create(settings, clock=clock)
    async with serving(app, ISSUER) as client:
        yield client, app, clock, settings


@pytest.fixture
async def served(clean: tuple[str, Any], desk_of: Any) -> AsyncIterator[tuple[httpx2.AsyncClient, Any]]:
    async with _serving(clean[0]) as (client, app, clock, settings):
        yield client, desk_of(app.state.database, clock, settings)


@pytest.fixture(scope="module")
async def client(migrated: tuple[str, Any]) -> AsyncIterator[httpx2.AsyncClient]:
    """Serve once for all tests that change nothing and do not mind what is there."""
    async with _serving(migrated[0]) as (client, *_):
        yield client


async def test_messages_are_listed_newest_first_and_masked(served: Any, story: Any) -> None:
    client, desk = served
    await desk.know(story)
    await perform(desk.database, notify_received, story.placed)
    await perform(desk.database, notify_confirmed, story.confirmed)
    answer = await client.get(LIST, params={"order_id": str(story.order_id)}, headers=SUPPORT)
    assert answer.status_code == 200
    items = answer.json()["items"]
    shown = {(one["template"], one["channel"], one["recipient"], one["status"]) for one in items}
    assert shown == {
        ("received", "email", "a***@example.com", "queued"),
        ("confirmed", "email", "a***@example.com", "queued"),
        ("confirmed", "sms", "+49***78", "queued"),
    }
    assert [one["delivery_id"] for one in items] == sorted((one["delivery_id"] for one in items), reverse=True)
    assert "canary" not in answer.text.lower()
    assert story.phone not in answer.text


async def test_lists_are_filtered_and_paged_without_repeats(served: Any, stories: Any) -> None:
    client, desk = served
    told_of = [stories() for _ in range(5)]
    await desk.know(*told_of)
    await perform(desk.database, notify_confirmed, *(story.confirmed for story in told_of))
    seen: list[str] = []
    params = {"channel": "sms", "status": "queued", "limit": 2}
    pages = 0
    while True:
        page = (await client.get(LIST, params=params, headers=AUDITOR)).json()
        seen += [one["delivery_id"] for one in page["items"]]
        pages += 1
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert (pages, len(seen), len(set(seen))) == (3, 5, 5)
    failed = await client.get(LIST, params={"status": "failed"}, headers=AUDITOR)
    assert failed.json() == {"items": [], "next_cursor": None}


async def test_an_erased_customer_is_shown_without_an_address(served: Any, story: Any) -> None:
    client, desk = served
    await perform(desk.database, notify_received, story.placed)
    [item] = (await client.get(LIST, headers=SUPPORT)).json()["items"]
    assert (item["recipient"], item["status"]) == (None, "waiting_for_contact")


async def test_a_failed_message_is_tried_again_on_the_record(served: Any, story: Any, stub: Any) -> None:
    client, desk = served
    await desk.know(story)
    await perform(desk.database, notify_received, story.placed)
    stub.answers.append(PermanentError("550 5.1.1 there is no such mailbox"))
    await desk.round(stub, stub)
    [item] = (await client.get(LIST, params={"status": "failed"}, headers=SUPPORT)).json()["items"]
    assert item["last_error"] == "550 5.1.1 there is no such mailbox"
    retry = f"{LIST}/{item['delivery_id']}/retry"
    headers = {**SUPPORT, "Idempotency-Key": "k1"}
    answers = [await client.post(retry, headers=headers) for _ in range(2)]
    assert [one.status_code for one in answers] == [200, 200]
    assert answers[0].json() == {"delivery_id": item["delivery_id"], "status": "queued", "attempts": 1}
    assert answers[1].headers["Idempotency-Replayed"] == "true"
    refused = await client.post(retry, headers=SUPPORT)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:waybill:problem:delivery-not-failed")
    async with desk.database.transaction() as transaction:
        [kept] = await transaction.fetch("SELECT actor, error FROM delivery_retry")
    assert (kept["actor"], kept["error"]) == ("support:sue", "550 5.1.1 there is no such mailbox")
    await desk.round(stub, stub)
    [item] = (await client.get(LIST, headers=SUPPORT)).json()["items"]
    assert (item["status"], item["attempts"], item["last_error"]) == ("sent", 2, None)


async def test_a_sent_message_is_shown_whole_and_sent_again_on_the_record(served: Any, story: Any, stub: Any) -> None:
    client, desk = served
    await desk.know(story)
    await perform(desk.database, notify_received, story.placed)
    again = {"reason": "the customer deleted it"}
    [item] = (await client.get(LIST, headers=SUPPORT)).json()["items"]
    where = f"{LIST}/{item['delivery_id']}"
    early = await client.post(f"{where}/resend", json=again, headers=SUPPORT)
    assert (early.status_code, early.json()["type"]) == (409, "urn:waybill:problem:delivery-not-sent")
    await desk.round(stub, stub)
    resent = await client.post(f"{where}/resend", json=again, headers=SUPPORT)
    assert (resent.status_code, resent.json()["resend_of"]) == (201, item["delivery_id"])
    assert await desk.round(stub, stub) == 1, "it goes out as a message of its own"
    whole = (await client.get(where, headers=SUPPORT)).json()
    assert whole["content"]["recipient"] == story.email
    assert whole["content"]["subject"]
    assert whole["requests"] == [
        {
            "kind": "resend",
            "actor": "support:sue",
            "at": whole["requests"][0]["at"],
            "reason": "the customer deleted it",
            "error": None,
            "delivery_id": resent.json()["delivery_id"],
        }
    ]
    copy = (await client.get(f"{LIST}/{resent.json()['delivery_id']}", headers=SUPPORT)).json()
    assert (copy["status"], copy["about"], copy["resend_of"]) == ("sent", item["about"], item["delivery_id"])
    assert copy["content"] == whole["content"]
    assert copy["provider_message_id"] != whole["provider_message_id"]
    for reason in ("", "4111 1111 1111 1111"):
        refused = await client.post(f"{where}/resend", json={"reason": reason}, headers=SUPPORT)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "reason")


async def test_what_nobody_can_be_told_yet_is_shown_without_words(served: Any, story: Any) -> None:
    client, desk = served
    await perform(desk.database, notify_received, story.placed)
    [item] = (await client.get(LIST, headers=SUPPORT)).json()["items"]
    whole = (await client.get(f"{LIST}/{item['delivery_id']}", headers=SUPPORT)).json()
    assert (whole["content"], whole["recipient"], whole["requests"]) == (None, None, [])


async def test_a_message_that_cannot_be_written_is_shown_without_words(served: Any, story: Any) -> None:
    client, desk = served
    await desk.know(story)
    await perform(desk.database, notify_received, story.placed)
    async with desk.database.transaction() as transaction:
        await transaction.fetch("UPDATE delivery SET facts = '{}'")
    [item] = (await client.get(LIST, headers=SUPPORT)).json()["items"]
    answer = await client.get(f"{LIST}/{item['delivery_id']}", headers=SUPPORT)
    assert (answer.status_code, answer.json()["content"], answer.json()["recipient"]) == (200, None, "a***@example.com")


async def test_staff_see_which_of_two_emails_a_message_goes_to(served: Any, story: Any) -> None:
    client, desk = served
    former, story.email = story.email, "second@example.org"
    await desk.know(replace(story, email=former))
    await desk.know(story)
    await perform(desk.database, notify_received, story.placed)
    items = (await client.get(LIST, headers=SUPPORT)).json()["items"]
    assert [(one["template"], one["recipient"]) for one in items] == [
        ("received", "s***@example.org"),
        ("changed", "a***@example.com"),
    ]
    for item, email in zip(items, (story.email, former), strict=True):
        whole = (await client.get(f"{LIST}/{item['delivery_id']}", headers=SUPPORT)).json()
        assert (whole["recipient"], whole["content"]["recipient"]) == (item["recipient"], email)


async def test_staff_cannot_have_a_paid_order_paid_again(served: Any, stories: Any, stub: Any) -> None:
    client, desk = served
    story = stories(phone=None)
    await desk.know(story)
    await perform(desk.database, notify_payment_due, story.transfer_due)
    await desk.round(stub, stub)
    await perform(desk.database, notify_confirmed, story.confirmed)
    [item] = (await client.get(LIST, params={"status": "sent"}, headers=SUPPORT)).json()["items"]
    wish = {"reason": "the customer deleted it"}
    refused = await client.post(f"{LIST}/{item['delivery_id']}/resend", json=wish, headers=SUPPORT)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:waybill:problem:nothing-to-pay")
    assert [row["template"] for row in await desk.rows()] == ["transfer_due", "confirmed"]


async def test_templates_are_listed_and_previewed(client: httpx2.AsyncClient) -> None:
    templates = (await client.get(f"{LIST}/templates", headers=SUPPORT)).json()["items"]
    assert {"name": "received", "channels": ["email"], "locales": ["de", "en"]} in templates
    assert len(templates) == len(Template)
    preview = (await client.get(f"{LIST}/templates/shipped/preview", params={"locale": "de-AT"}, headers=SUPPORT)).json()
    assert (preview["locale"], preview["channel"]) == ("de", "email")
    assert "Sendungsnummer" in preview["text"]
    assert preview["html"].startswith("<!doctype html>")
    sms = (await client.get(f"{LIST}/templates/shipped/preview", params={"channel": "sms"}, headers=SUPPORT)).json()
    assert (sms["subject"], sms["html"]) == (None, None)
    missing = await client.get(f"{LIST}/templates/received/preview", params={"channel": "sms"}, headers=SUPPORT)
    assert missing.status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "roles", "status"),
    [
        ("GET", "", (), 401),
        ("GET", "", ("customer",), 403),
        ("GET", "", ("warehouse",), 403),
        ("GET", "", ("support",), 200),
        ("GET", "", ("auditor",), 200),
        ("GET", "", ("admin",), 200),
        ("GET", "/templates", ("customer",), 403),
        ("GET", "/templates/shipped/preview", ("customer",), 403),
        ("GET", "/templates/shipped/preview", ("auditor",), 200),
        ("GET", "/templates/nothing/preview", ("auditor",), 422),
        ("GET", "/templates/shipped/preview?locale=../../etc", ("auditor",), 422),
        ("POST", "/01929a3b-7c4d-7e5f-8a6b-9c0d1e2f3a4b/retry", (), 401),
        ("POST", "/01929a3b-7c4d-7e5f-8a6b-9c0d1e2f3a4b/retry", ("auditor",), 403),
        ("POST", "/01929a3b-7c4d-7e5f-8a6b-9c0d1e2f3a4b/retry", ("customer",), 403),
        ("POST", "/01929a3b-7c4d-7e5f-8a6b-9c0d1e2f3a4b/retry", ("support",), 404),
        ("POST", "/nonsense/retry", ("support",), 422),
        ("GET", "/01929a3b-7c4d-7e5f-8a6b-9c0d1e2f3a4b", ("auditor",), 403),
        ("GET", "/01929a3b-7c4d-7e5f-8a6b-9c0d1e2f3a4b", ("support",), 404),
        ("GET", "/01929a3b-7c4d-7e5f-8a6b-9c0d1e2f3a4b", ("admin",), 404),
        ("POST", "/01929a3b-7c4d-7e5f-8a6b-9c0d1e2f3a4b/resend", ("auditor",), 403),
        ("GET", "?order_id=nonsense", ("support",), 422),
        ("GET", "?status=lost", ("support",), 422),
        ("GET", "?cursor=nonsense", ("support",), 422),
        ("GET", "?limit=0", ("support",), 422),
    ],
)
async def test_who_may_do_what_and_what_is_understood(
    client: httpx2.AsyncClient, method: str, path: str, roles: tuple[str, ...], status: int
) -> None:
    headers = ISSUER.headers("someone", *roles) if roles else {}
    answer = await client.request(method, LIST + path, headers=headers)
    assert answer.status_code == status
    if status >= 400:
        assert answer.headers["content-type"] == "application/problem+json"


async def test_the_metrics_count_what_is_not_at_rest(served: Any, story: Any) -> None:
    client, desk = served
    await perform(desk.database, notify_confirmed, story.confirmed)
    text = (await client.get("/metrics")).text
    assert 'saga_open{state="delivery_waiting_for_contact"} 2.0' in text
    assert 'saga_open{state="delivery_failed"} 0.0' in text


async def test_the_metrics_stop_counting_where_more_makes_no_difference(
    served: Any, stories: Any, stub: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, desk = served
    monkeypatch.setattr(open_work, "MOST_COUNTED", 2)
    told_of = [stories(phone=None) for _ in range(3)]
    await desk.know(*told_of)
    await perform(desk.database, notify_received, *(story.placed for story in told_of))
    stub.answers += [PermanentError("no such mailbox")] * 3
    await desk.round(stub, stub)
    assert 'saga_open{state="delivery_failed"} 2.0' in (await client.get("/metrics")).text


@pytest.mark.parametrize(
    ("address", "shown"),
    [("ada@example.com", "a***@example.com"), ("@example.com", "***@example.com"), ("+4915112345678", "+49***78")],
)
def test_addresses_are_masked(address: str, shown: str) -> None:
    assert masked(address) == shown
