"""Parcels through the API: staff plan, label and send them, carriers tell of them, customers and link holders follow them."""

import json
import re
from datetime import timedelta
from email.utils import format_datetime
from hashlib import sha256
from hmac import new as hmac
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from chassis import links
from chassis.testing import eventually, perform, told
from contracts.inventory import ShipmentMoved
from contracts.order import LabelBought, OrderDelivered, ShipmentDispatched, ShipmentMoveRequested, ShipmentTracked
from order.handlers import note_moved
from services.order.tests.conftest import CARRIER_SECRET, LINK_SECRET, Shop

pytestmark = pytest.mark.database

NOTICE_PATH = "/api/webhooks/carrier"


def admin(order: dict[str, Any], *parts: object) -> str:
    return "/".join(["/api/admin/orders", order["order_id"], *map(str, parts)])


async def do(shop: Shop, order: dict[str, Any], parcel: int, what: str, body: Any = None) -> httpx2.Response:
    """Have the warehouse do something to one of an order's parcels."""
    shipment = order["shipments"][parcel]["shipment_id"]
    return await shop.ask("POST", admin(order, "shipments", shipment, what), "warehouse", user="wim", json=body)


async def labelled(shop: Shop, order: dict[str, Any], parcel: int = 0) -> dict[str, Any]:
    """Have a parcel's label bought; answers the parcel."""
    assert (await do(shop, order, parcel, "label")).status_code == 202
    shipment = order["shipments"][parcel]["shipment_id"]

    async def look() -> dict[str, Any] | None:
        seen = (await shop.ask("GET", admin(order, "shipments"), "warehouse")).json()["items"]
        found = next(one for one in seen if one["shipment_id"] == shipment)
        return found if found["tracking_number"] else None

    found: dict[str, Any] = await eventually(look, "a label with a tracking number")
    return found


def notice(number: str, *steps: tuple[str, str], secret: str = CARRIER_SECRET, at: Any = None) -> dict[str, Any]:
    """Write a carrier's notice about a parcel and sign it: headers and content for a request."""
    details = [
        {
            "object": "TrackingDetail",
            "status": status,
            "status_detail": status,
            "message": status,
            "datetime": when,
            "source": "Postline",
            "tracking_location": {"city": "HANOVER", "state": None, "country": "DE", "zip": None},
        }
        for status, when in steps
    ]
    tracker = {
        "object": "Tracker",
        "id": "trk_1",
        "tracking_code": number,
        "carrier": "Postline",
        "status": steps[-1][0],
        "status_detail": steps[-1][0],
        "updated_at": steps[-1][1],
        "est_delivery_date": None,
        "tracking_details": details,
    }
    event = {"object": "Event", "id": f"evt_{uuid4().hex}", "description": "tracker.updated", "result": tracker}
    content = json.dumps(event).encode()
    moment = format_datetime(at)
    mac = hmac(secret.encode(), f"{moment}POST{NOTICE_PATH}".encode() + content, sha256).hexdigest()
    headers = {
        "X-Timestamp": moment,
        "X-Path": NOTICE_PATH,
        "X-Hmac-Signature-V2": f"hmac-sha256-hex={mac}",
        "Content-Type": "application/json",
    }
    return {"headers": headers, "content": content}


# ------------------------------------------------------------------------------------------------------------------- the plan


async def test_the_warehouse_sees_its_work(shop: Shop) -> None:
    order = await shop.confirmed("ada", "berlin", "lyon")
    reply = await shop.ask("GET", "/api/admin/shipments?warehouse_id=lyon", "warehouse")
    (work,) = reply.json()["items"]
    assert (work["order_id"], work["warehouse_id"], work["status"], work["units"]) == (order["order_id"], "lyon", "planned", 3)
    assert work["shipping_address"]["city"] == "Berlin"
    first = (await shop.ask("GET", "/api/admin/shipments?limit=1", "warehouse")).json()
    second = (await shop.ask("GET", f"/api/admin/shipments?limit=1&cursor={first['next_cursor']}", "warehouse")).json()
    assert {one["items"][0]["warehouse_id"] for one in (first, second)} == {"berlin", "lyon"}
    assert second["next_cursor"] is None


async def test_a_parcel_is_kept_back_and_released(shop: Shop) -> None:
    order = await shop.confirmed()
    held = (await do(shop, order, 0, "hold", {"reason": "stock to be checked"})).json()
    assert (held["shipments"][0]["status"], held["shipments"][0]["hold_reason"]) == ("held", "stock to be checked")
    refused = await do(shop, order, 0, "dispatch")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:waybill:problem:invalid-transition")
    assert (await do(shop, order, 0, "release")).json()["shipments"][0]["status"] == "planned"
    assert (await do(shop, order, 0, "release")).json()["type"] == "urn:waybill:problem:shipment-state"


async def test_a_parcel_is_split_merged_and_moved(shop: Shop) -> None:
    order = await shop.confirmed()
    mug = order["items"][0]["item_id"]
    apart = (await do(shop, order, 0, "split", {"lines": [{"item_id": mug, "quantity": 1}]})).json()
    assert [sum(line["quantity"] for line in one["lines"]) for one in apart["shipments"]] == [4, 1]
    assert sum(one["amount"]["amount"] for one in apart["shipments"]) == 3097
    moving = (await do(shop, apart, 1, "move", {"warehouse_id": "lyon"})).json()
    assert (moving["shipments"][1]["status"], moving["shipments"][1]["moving_to"]) == ("moving", "lyon")
    asked = [fact for fact in await told(shop.database, order["order_id"]) if isinstance(fact, ShipmentMoveRequested)]
    moved = ShipmentMoved(
        order_id=asked[0].order_id,
        user_id="ada",
        shipment_id=asked[0].shipment_id,
        move_id=asked[0].move_id,
        warehouse_id="lyon",
    )
    await perform(shop.database, note_moved, moved)
    other = apart["shipments"][1]["shipment_id"]
    refused = await do(shop, apart, 0, "merge", {"shipment_ids": [other]})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:waybill:problem:shipment-state")
    shipments = (await shop.ask("GET", admin(order, "shipments"), "support")).json()["items"]
    assert [(one["warehouse_id"], one["status"]) for one in shipments] == [("berlin", "planned"), ("lyon", "planned")]


async def test_parcels_of_one_warehouse_are_merged(shop: Shop) -> None:
    order = await shop.confirmed()
    apart = (await do(shop, order, 0, "split", {"lines": [{"item_id": order["items"][1]["item_id"], "quantity": 3}]})).json()
    merged = (await do(shop, apart, 0, "merge", {"shipment_ids": [apart["shipments"][1]["shipment_id"]]})).json()
    assert [one["status"] for one in merged["shipments"]] == ["planned", "cancelled"]
    assert merged["shipments"][0]["amount"]["amount"] == 3097


# ---------------------------------------------------------------------------------------------------------------------- labels


async def test_a_label_is_bought_printed_and_given_back(shop: Shop) -> None:
    order = await shop.confirmed()
    rates = (
        await shop.ask("GET", admin(order, "shipments", order["shipments"][0]["shipment_id"], "rates"), "warehouse")
    ).json()
    assert (rates["items"][0]["carrier"], rates["items"][0]["service"]) == ("Postline", "Economy")
    parcel = await labelled(shop, order)
    assert (parcel["carrier"], parcel["service"], parcel["tracking_status"]) == ("Postline", "Economy", "pre_transit")
    path = admin(order, "shipments", parcel["shipment_id"], "label")
    pdf = await shop.ask("GET", path, "warehouse")
    assert (pdf.headers["content-type"], pdf.headers["cache-control"]) == ("application/pdf", "private, no-store")
    assert pdf.content.startswith(b"%PDF")
    assert (await do(shop, order, 0, "label")).json()["type"] == "urn:waybill:problem:shipment-state"
    assert (await shop.ask("DELETE", path, "warehouse")).status_code == 202

    async def voided() -> bool:
        labels = (await shop.ask("GET", admin(order, "labels"), "warehouse")).json()["items"]
        return [one["state"] for one in labels] == ["voided"]

    assert await eventually(voided, "the label given back")
    assert (await shop.ask("GET", path, "warehouse")).status_code == 404
    assert [label.voided for label in shop.carriers.books.values()] == [True]


async def test_a_label_of_the_wished_carrier(shop: Shop) -> None:
    order = await shop.confirmed()
    assert (await do(shop, order, 0, "label", {"carrier": "Courio"})).status_code == 202
    facts = await eventually(
        lambda: bought_labels(shop, order["order_id"]), "the label that was wished for", seen=lambda: shop.carriers.books
    )
    assert (facts[0].carrier, facts[0].service) == ("Courio", "Standard")


async def bought_labels(shop: Shop, order_id: str) -> list[LabelBought]:
    return [fact for fact in await told(shop.database, order_id) if isinstance(fact, LabelBought)]


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"carrier": "Pigeon"}, "carrier"),
        ({"carrier": "Courio", "service": "Priority"}, "service"),
        ({"carrier": ""}, "carrier"),
    ],
)
async def test_no_label_of_a_carrier_that_does_not_offer(shop: Shop, wish: dict[str, str], field: str) -> None:
    order = await shop.confirmed()
    refused = await do(shop, order, 0, "label", wish)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)
    assert (await shop.ask("GET", admin(order, "labels"), "warehouse")).json()["items"] == []
    assert shop.carriers.books == {}


async def test_carriers_that_do_not_answer_are_said_to(shop: Shop) -> None:
    order = await shop.confirmed()
    shop.carriers.misbehave("timeout_lost")
    path = admin(order, "shipments", order["shipments"][0]["shipment_id"], "rates")
    reply = await shop.ask("GET", path, "warehouse")
    assert (reply.status_code, reply.json()["type"]) == (503, "urn:waybill:problem:carriers-unavailable")
    assert reply.headers["retry-after"]


# ----------------------------------------------------------------------------------------------------------------- on the road


async def test_a_parcel_leaves_with_its_label(shop: Shop) -> None:
    order = await shop.confirmed()
    parcel = await labelled(shop, order)
    for wrong in ({"carrier": "Courio"}, {"tracking_number": "OTHER"}):
        refused = await do(shop, order, 0, "dispatch", wrong)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (409, next(iter(wrong)))
    sent = (await do(shop, order, 0, "dispatch")).json()
    assert (sent["status"], sent["shipments"][0]["tracking_number"]) == ("Shipped", parcel["tracking_number"])


async def test_the_tracking_number_of_another_order_is_refused(shop: Shop) -> None:
    parcel = await labelled(shop, await shop.confirmed("ada"))
    other = await shop.confirmed("bob")
    taken = {"carrier": parcel["carrier"], "tracking_number": parcel["tracking_number"]}
    refused = await do(shop, other, 0, "dispatch", taken)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:waybill:problem:tracking-number-taken")
    assert (await shop.ask("GET", f"/api/orders/{other['order_id']}", user="bob")).json() == other
    assert (await do(shop, other, 0, "dispatch", taken | {"carrier": "DHL"})).status_code == 200


@pytest.mark.parametrize(
    ("what", "body", "status", "kind"),
    [
        ("dispatch", {"tracking_number": ""}, 422, "invalid-request"),
        ("dispatch", {"lines": [{"item_id": "MUG", "quantity": 99}]}, 422, "invalid-request"),
        ("deliver", None, 409, "invalid-transition"),
        ("split", {"lines": []}, 422, "invalid-request"),
        ("split", {"lines": [{"item_id": str(uuid4()), "quantity": 1}]}, 422, "shipment-lines"),
        ("split", {"lines": [{"item_id": "MUG", "quantity": 3}]}, 422, "shipment-lines"),
        ("split", {"lines": [{"item_id": "MUG", "quantity": 2}, {"item_id": "PEN", "quantity": 3}]}, 422, "shipment-lines"),
        ("split", {"lines": [{"item_id": "MUG", "quantity": 0}]}, 422, "invalid-request"),
        ("merge", {"shipment_ids": []}, 422, "invalid-request"),
        ("merge", {"shipment_ids": [str(uuid4())]}, 404, "shipment-not-found"),
        ("merge", {"shipment_ids": ["SELF"]}, 422, "shipment-lines"),
        ("move", {"warehouse_id": "berlin"}, 409, "shipment-state"),
        ("move", {"warehouse_id": "../etc"}, 422, "invalid-request"),
        ("hold", {}, 422, "invalid-request"),
        ("hold", {"reason": "a\x00b"}, 422, "invalid-request"),
    ],
)
async def test_what_cannot_be_done_to_a_parcel_changes_nothing(
    shop: Shop, what: str, body: Any, status: int, kind: str
) -> None:
    order = await shop.confirmed()
    text = json.dumps(body)
    for name, item in zip(("MUG", "PEN"), order["items"], strict=True):
        text = text.replace(f'"{name}"', f'"{item["item_id"]}"')
    body = json.loads(text.replace("SELF", order["shipments"][0]["shipment_id"]))
    facts = await told(shop.database)
    refused = await do(shop, order, 0, what, body)
    assert (refused.status_code, refused.headers["content-type"]) == (status, "application/problem+json")
    assert refused.json()["type"] == f"urn:waybill:problem:{kind}"
    assert (await shop.ask("GET", f"/api/orders/{order['order_id']}")).json() == order
    assert await told(shop.database) == facts


async def test_a_parcel_leaves_once_and_one_of_another_order_is_not_found(shop: Shop) -> None:
    order, other = await shop.confirmed("ada"), await shop.confirmed("bob")
    shipment = order["shipments"][0]["shipment_id"]
    elsewhere = await shop.ask("POST", admin(other, "shipments", shipment, "dispatch"), "warehouse")
    assert (elsewhere.status_code, elsewhere.json()["type"]) == (404, "urn:waybill:problem:shipment-not-found")
    assert (await do(shop, order, 0, "dispatch")).status_code == 200
    again = await do(shop, order, 0, "dispatch")
    assert (again.status_code, again.json()["type"]) == (409, "urn:waybill:problem:invalid-transition")
    dispatched = [fact for fact in await told(shop.database) if isinstance(fact, ShipmentDispatched)]
    assert [str(fact.shipment_id) for fact in dispatched] == [shipment]


async def test_what_was_cancelled_does_not_leave(shop: Shop) -> None:
    order = await shop.confirmed("ada", "berlin", "lyon")
    gone = order["shipments"][1]
    item = gone["lines"][0]["item_id"]
    cut = await shop.ask("PATCH", f"/api/orders/{order['order_id']}/items/{item}", json={"quantity": 0})
    assert [one["status"] for one in cut.json()["shipments"]] == ["planned", "cancelled"]
    refused = await do(shop, order, 1, "dispatch")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:waybill:problem:invalid-transition")
    sent = (await do(shop, order, 0, "dispatch")).json()
    assert (sent["status"], sent["shipments"][0]["amount"]) == ("Shipped", sent["total_amount"])


async def test_a_stale_dispatch_is_refused(shop: Shop) -> None:
    order = await shop.confirmed()
    path = admin(order, "shipments", order["shipments"][0]["shipment_id"], "dispatch")
    stale = await shop.ask("POST", path, "warehouse", headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["current_version"]) == (412, order["version"])


# -------------------------------------------------------------------------------------------------------------------- tracking


async def test_a_carrier_tells_of_a_parcel_twice_and_out_of_order(shop: Shop) -> None:
    order = await shop.confirmed()
    parcel = await labelled(shop, order)
    number = parcel["tracking_number"]
    late = notice(number, ("in_transit", "2026-01-05T11:00:00Z"), at=shop.clock.now)
    whole = notice(number, ("in_transit", "2026-01-05T11:00:00Z"), ("delivered", "2026-01-06T12:00:00Z"), at=shop.clock.now)
    for message in (whole, whole, late):
        assert (await shop.http.post(NOTICE_PATH, **message)).status_code == 200
    tracking = (await shop.ask("GET", f"/api/orders/{order['order_id']}/tracking")).json()
    (seen,) = tracking["shipments"]
    assert (tracking["status"], seen["status"], seen["tracking_status"]) == ("Delivered", "delivered", "delivered")
    assert [(one["status"], one["city"]) for one in seen["events"]] == [("delivered", "HANOVER"), ("in_transit", "HANOVER")]
    facts = await told(shop.database, order["order_id"])
    assert [fact.status for fact in facts if isinstance(fact, ShipmentTracked)] == ["in_transit", "delivered"]
    assert sum(isinstance(fact, ShipmentDispatched) for fact in facts) == 1
    assert sum(isinstance(fact, OrderDelivered) for fact in facts) == 1


async def test_a_forged_and_a_stale_notice_are_refused_and_counted(shop: Shop) -> None:
    order = await shop.confirmed()
    number = (await labelled(shop, order))["tracking_number"]
    step = ("delivered", "2026-01-06T12:00:00Z")
    forged = notice(number, step, secret="whsec_of_somebody", at=shop.clock.now)
    stale = notice(number, step, at=shop.clock.now - timedelta(minutes=6))
    for message in (forged, stale):
        refused = await shop.http.post(NOTICE_PATH, **message)
        assert (refused.status_code, refused.json()["type"]) == (400, "urn:waybill:problem:invalid-webhook")
    assert (await shop.http.post(NOTICE_PATH, content=b"{}")).status_code == 400
    assert (await shop.ask("GET", f"/api/orders/{order['order_id']}")).json()["status"] == "Processing"
    metrics = (await shop.http.get("/metrics")).text
    assert re.search(r'carrier_webhooks_total\{result="refused"\} 3\.0', metrics)


async def test_a_notice_about_somebody_elses_parcel_is_ignored(shop: Shop) -> None:
    message = notice("NOBODYS", ("delivered", "2026-01-06T12:00:00Z"), at=shop.clock.now)
    assert (await shop.http.post(NOTICE_PATH, **message)).status_code == 200
    assert await told(shop.database) == []


@pytest.mark.parametrize("status", ["cancelled", "error", "expired"])
async def test_a_notice_about_a_label_moves_no_parcel(shop: Shop, status: str) -> None:
    order = await shop.confirmed()
    number = (await labelled(shop, order))["tracking_number"]
    message = notice(number, (status, "2026-01-05T11:00:00Z"), at=shop.clock.now)
    assert (await shop.http.post(NOTICE_PATH, **message)).status_code == 200
    seen = (await shop.ask("GET", admin(order), "support")).json()
    assert (seen["status"], seen["shipments"][0]["status"]) == ("Processing", "planned")
    assert seen["hold_reason"] == ("delivery_expired" if status == "expired" else "delivery_exception")
    kinds = {type(fact) for fact in await told(shop.database, order["order_id"])}
    assert not kinds & {ShipmentDispatched, ShipmentTracked}


async def test_a_notice_about_a_label_that_was_given_back_is_none_about_the_parcel(shop: Shop) -> None:
    order = await shop.confirmed()
    parcel = await labelled(shop, order)
    number, path = parcel["tracking_number"], admin(order, "shipments", parcel["shipment_id"], "label")
    assert (await shop.ask("DELETE", path, "warehouse")).status_code == 202
    before = (await shop.ask("GET", admin(order), "support")).json()
    void = notice(number, ("cancelled", "2026-01-05T11:00:00Z"), at=shop.clock.now)
    assert (await shop.http.post(NOTICE_PATH, **void)).status_code == 200
    tracking = (await shop.ask("GET", f"/api/orders/{order['order_id']}/tracking")).json()
    assert tracking["shipments"][0]["events"] == []
    after = (await shop.ask("GET", admin(order), "support")).json()
    assert [after[name] for name in ("status", "hold_reason", "shipments")] == ["Processing", None, before["shipments"]]
    scanned = notice(number, ("in_transit", "2026-01-05T12:00:00Z"), at=shop.clock.now)
    for _ in range(2):
        assert (await shop.http.post(NOTICE_PATH, **scanned)).status_code == 200
    seen = (await shop.ask("GET", admin(order), "support")).json()
    assert (seen["status"], seen["hold_reason"]) == ("Processing", "carrier_has_it")
    entries = (await shop.ask("GET", admin(order, "history"), "support")).json()["items"]
    noted = f"The carrier has a parcel by a label that was given back: {number}"
    assert [entry["notes"] for entry in entries].count(noted) == 1
    assert ShipmentDispatched not in {type(fact) for fact in await told(shop.database, order["order_id"])}


async def test_a_link_shows_where_parcels_are_and_nothing_else(shop: Shop) -> None:
    order = await shop.confirmed()
    await labelled(shop, order)
    link = (await shop.ask("POST", f"/api/orders/{order['order_id']}/tracking-link")).json()
    assert re.fullmatch(r"https://shop\.example/track/[\w.~-]+", link["url"])
    reply = await shop.http.get(f"/api/tracking/{link['url'].rpartition('/')[2]}")
    assert (reply.status_code, reply.headers["cache-control"]) == (200, "private, no-store")
    shown = reply.json()
    assert (shown["status"], shown["shipments"][0]["tracking_status"]) == ("Processing", "pre_transit")
    for secret in ("ada", "Ada", "Hauptstraße", "10115", "MUG", "PEN", "1250", "3097", order["order_id"], "warehouse"):
        assert secret not in reply.text
    shop.clock.forward(days=91)
    late = await shop.http.get(f"/api/tracking/{link['url'].rpartition('/')[2]}")
    assert (late.status_code, late.headers["content-type"]) == (410, "application/problem+json")


async def test_a_link_that_was_made_up_opens_nothing(shop: Shop) -> None:
    order = await shop.confirmed()
    at = shop.clock.now + timedelta(days=1)
    good = links.sign(LINK_SECRET, "tracking", order["order_id"], at)
    assert (await shop.http.get(f"/api/tracking/{good}")).status_code == 200
    for token in (
        links.sign("link_of_somebody_0123456789", "tracking", order["order_id"], at),
        links.sign(LINK_SECRET, "invoice", order["order_id"], at),
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        "x",
        order["order_id"],
    ):
        assert (await shop.http.get(f"/api/tracking/{token}")).status_code == 404
    assert (await shop.ask("POST", f"/api/orders/{order['order_id']}/tracking-link", user="eve")).status_code == 404
