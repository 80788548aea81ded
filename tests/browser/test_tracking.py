"""The tracking page, as whoever holds a link sees it: without a login, without who ordered what."""

import pytest
from playwright.async_api import expect

from tests.shop import Shop

from .conftest import Complaints, Visitor

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("waybill")]


async def test_a_link_shows_the_way_of_a_parcel(visitor: Visitor, shop: Shop) -> None:
    placed = await shop.place(2)
    order = await shop.reaches(placed["order_id"], "Processing")
    link = (await shop.customer.do("POST", f"/api/orders/{order['order_id']}/tracking-link"))["url"]
    page = await visitor(path=f"/track/{link.rpartition('/')[2]}", width=360, height=740, language="de-DE")
    await expect(
        page.get_by_role("heading", name=f"Bestellung {order['order_id'].replace('-', '')[-8:].upper()}")
    ).to_be_visible()
    await expect(page.get_by_role("heading", name="Paket · 2 Artikel")).to_be_visible()
    await expect(page.get_by_role("listitem").filter(has_text="Wird gepackt")).to_have_attribute("aria-current", "step")

    (shipment,) = order["shipments"]
    path = f"/api/admin/orders/{order['order_id']}/shipments/{shipment['shipment_id']}"
    await shop.operator.do(
        "POST", f"{path}/dispatch", {"carrier": "DHL", "tracking_number": f"T{shipment['shipment_id'][-12:]}"}
    )
    await shop.operator.do("POST", f"{path}/deliver")
    await page.reload()
    await expect(page.get_by_role("listitem").filter(has_text="Zugestellt")).to_have_attribute("aria-current", "step")
    shown = await page.locator("main").inner_text()
    assert "Ada" not in shown
    assert shop.sku not in shown
    assert "12,50" not in shown


async def test_a_link_that_is_not_whole_leads_nowhere(visitor: Visitor, complaints: Complaints) -> None:
    complaints.expect("404")
    page = await visitor(path="/track/abc")
    await expect(page.get_by_role("heading", name="This link does not lead to an order")).to_be_visible()


@pytest.mark.parametrize(
    ("status", "slug", "heading"),
    [(410, "link-expired", "This link has expired"), (503, "unavailable", "Where your parcels are")],
)
async def test_a_link_that_cannot_be_shown_says_why(
    visitor: Visitor, complaints: Complaints, status: int, slug: str, heading: str
) -> None:
    complaints.expect(str(status))
    page = await visitor(path="/livez")
    body = f'{{"type":"urn:waybill:problem:{slug}","title":"No","status":{status}}}'
    await page.route(
        "**/api/tracking/*", lambda route: route.fulfill(status=status, body=body, content_type="application/problem+json")
    )
    await page.goto("/track/abc")
    await expect(page.get_by_role("heading", name=heading)).to_be_visible()
