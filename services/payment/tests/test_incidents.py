"""Incidents: opened with the fact that a person must act on, listed with what to do, resolved once by somebody."""

import asyncio
from typing import Any

import pytest

from chassis.domain import new_id
from chassis.testing import cause, eventually, perform, told
from contracts.payment import IncidentKind, PaymentIncidentResolved
from payment import handlers
from payment.model.incident import WHAT_TO_DO, Matter
from payment.store import IncidentStore, ResolveIncident

from .shop import TOTAL, Shop
from .test_api import Desk, desk
from .test_transfers_api import post, waits

__all__ = ["desk"]
pytestmark = pytest.mark.database
WHERE = "/api/admin/payments/incidents"


async def overpaid(desk: Desk) -> dict[str, Any]:
    """Have a customer send 1.00 too much."""
    reference = await waits(desk)
    assert (await post(desk, reference=reference, amount=3100)).status_code == 200
    incident: dict[str, Any] = (await desk.get(f"{WHERE}?state=open&limit=1")).json()["items"][0]
    return incident


async def resolve(desk: Desk, incident_id: object, role: str = "finance", **body: Any) -> Any:
    return await desk.client.post(f"{WHERE}/{incident_id}/resolve", json=body, headers=desk.issuer.headers("sam", role))


def test_whoever_looks_is_told_what_to_do_in_one_sentence() -> None:
    assert set(WHAT_TO_DO) == set(Matter) >= set(IncidentKind)
    assert [text for text in WHAT_TO_DO.values() if not text.endswith(".") or ". " in text] == []


async def test_an_incident_is_listed_until_somebody_says_what_was_done(desk: Desk) -> None:
    incident = await overpaid(desk)
    assert (incident["kind"], incident["amount"]["amount"], incident["what_to_do"]) == (
        "overpaid",
        100,
        WHAT_TO_DO[Matter.OVERPAID],
    )
    answer = await resolve(desk, incident["incident_id"], note="sent back by bank transfer")
    assert answer.status_code == 200
    resolved = answer.json()
    assert (resolved["resolved_by"], resolved["note"]) == ("finance:sam", "sent back by bank transfer")
    listed = (await desk.get(f"{WHERE}?state=resolved&kind=overpaid", "auditor")).json()["items"]
    assert resolved in listed
    open_ones = (await desk.get(f"{WHERE}?state=open")).json()["items"]
    assert incident["incident_id"] not in {one["incident_id"] for one in open_ones}


async def test_it_is_resolved_once(desk: Desk) -> None:
    incident_id = (await overpaid(desk))["incident_id"]
    assert (await resolve(desk, incident_id, note="done")).status_code == 200
    again = await resolve(desk, incident_id, note="done otherwise")
    assert (again.status_code, again.json()["type"]) == (409, "urn:waybill:problem:incident-resolved")
    [shown] = [one for one in (await desk.get(WHERE)).json()["items"] if one["incident_id"] == incident_id]
    assert shown["note"] == "done"


async def test_the_order_is_told_without_the_note_and_whether_another_one_is_open(desk: Desk) -> None:
    reference = await waits(desk)
    assert (await post(desk, reference=reference, amount=3100)).status_code == 200
    assert (await post(desk, reference=reference, amount=200)).status_code == 200
    second, first = (await desk.get(f"{WHERE}?state=open&limit=2")).json()["items"]
    assert (first["order_id"], first["amount"]["amount"], second["amount"]["amount"]) == (second["order_id"], 100, 200)
    for incident in (second, first):
        assert (await resolve(desk, incident["incident_id"], note="sent back to Alice")).status_code == 200
    facts = await told(desk.app.state.database, first["order_id"])
    resolved = [one for one in facts if isinstance(one, PaymentIncidentResolved)]
    assert [(one.kind, one.amount.amount, one.others_open) for one in resolved] == [
        ("overpaid", 200, True),
        ("overpaid", 100, False),
    ]
    assert "Alice" not in "".join(one.model_dump_json() for one in resolved)


async def test_of_two_that_are_resolved_at_once_one_is_the_last(shop: Shop) -> None:
    await shop.holds()
    await shop.ships(TOTAL)
    await shop.hears(shop.asked_back(TOTAL + 1), shop.asked_back(TOTAL + 2))
    await shop.works()
    first, second = [ResolveIncident(one, "done") for one in await shop.row("incident_id", "incident")]  # type: ignore[arg-type]
    async with shop.database.transaction() as transaction:
        incidents = IncidentStore(transaction)
        await incidents.fetch([first])
        resolving = asyncio.create_task(perform(shop.database, handlers.resolve_incident, second))
        told = handlers.resolve_incident(first, incidents, cause()).events
        await incidents.flush()

        async def waits_for_the_lock() -> bool:
            query = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            return bool(await shop.database.pool.fetch(query))

        await eventually(waits_for_the_lock, "which is the last one is not known yet")
    await resolving
    assert [one.others_open for one in told] == [True]
    assert [one.others_open for one in await shop.facts() if isinstance(one, PaymentIncidentResolved)] == [False]


async def test_each_order_names_who_cancelled_it(shop: Shop) -> None:
    other = Shop(shop.database, shop.clock)
    for one in (shop, other):
        await one.holds()
        one.booked().canceled, one.booked().open = True, 0
        await one.hears_webhook(doubtful=True)
        await one.works()
    async with shop.database.transaction() as transaction:
        incidents = IncidentStore(transaction)
        for one, actor in ((shop, "customer:ada"), (other, "support:sue")):
            incidents.end(one.order_id, cause(actor))
        await incidents.flush()
    ended = [await one.row("resolved_by", "incident") for one in (shop, other)]
    assert ended == [("customer:ada",), ("support:sue",)]


async def test_they_are_listed_page_by_page_and_by_kind(desk: Desk) -> None:
    mine = [(await overpaid(desk))["incident_id"] for _ in range(2)]
    first = (await desk.get(f"{WHERE}?limit=1")).json()
    second = (await desk.get(f"{WHERE}?limit=1&cursor={first['next_cursor']}")).json()
    assert [one["incident_id"] for page in (first, second) for one in page["items"]] == mine[::-1]
    assert (await desk.get(f"{WHERE}?kind=refund_failed")).json()["items"] == []
    assert (await desk.get(f"{WHERE}?kind=other")).status_code == 422


async def test_only_finance_resolves_and_only_what_there_is(desk: Desk) -> None:
    incident_id = (await overpaid(desk))["incident_id"]
    for role in ("support", "auditor", "customer"):
        assert (await resolve(desk, incident_id, role, note="x")).status_code == 403
    assert (await desk.get(WHERE, "customer")).status_code == 403
    assert (await resolve(desk, new_id(), note="x")).status_code == 404
    bad = await resolve(desk, incident_id, note="")
    assert (bad.status_code, bad.json()["errors"][0]["field"]) == (422, "note")
    assert (await resolve(desk, incident_id, "admin", note="x")).status_code == 200


async def opened(shop: Shop) -> tuple[object, ...]:
    return await shop.row("kind, amount, code, resolved_by", "incident")


async def test_a_failed_refund_and_a_failed_capture_are_incidents(shop: Shop) -> None:
    await shop.holds()
    await shop.ships(TOTAL)
    await shop.hears(shop.asked_back(TOTAL + 1))
    await shop.works()
    await shop.hears(shop.dispatched(100))
    await shop.works()
    assert sorted(await opened(shop)) == [  # type: ignore[type-var]
        ("capture_failed", 100, "not_authorized", None),
        ("refund_failed", TOTAL + 1, "exceeds_captured", None),
    ]


async def test_what_is_captured_after_the_cancellation_is_an_incident(shop: Shop) -> None:
    await shop.holds()
    shop.psp.take_unasked(shop.reference)
    await shop.hears(shop.cancelled())
    await shop.rests()
    assert await opened(shop) == (("captured_after_cancellation", TOTAL, None, None),)


async def test_a_hold_that_is_gone_is_an_incident_until_its_order_is_cancelled(shop: Shop) -> None:
    await shop.holds()
    one = shop.booked()
    one.canceled, one.open = True, 0
    await shop.hears_webhook(doubtful=True)
    await shop.works()
    assert await opened(shop) == (("authorization_expired", TOTAL, "authorization_expired", None),)
    await shop.hears(shop.cancelled())
    assert await opened(shop) == (("authorization_expired", TOTAL, "authorization_expired", "test"),)
