"""Staff at their desks, in a real browser: parcels, returns, risky orders, stock, dead letters; and what each role sees."""

from typing import Any, Final

import asyncpg
import pytest
from playwright.async_api import Page, expect

from chassis.domain import new_id
from chassis.testing import eventually
from tests.running import Waybill
from tests.shop import Shop, order_body
from waybill.reconciliation.sources import Sources

from .conftest import Complaints, Visitor
from .staff import heading, menu, sound

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

DESKS: Final[dict[str, str]] = {
    "": "Good day, Ada",
    "shipping": "Shipping",
    "shipping/picks": "Pick list",
    "returns": "Returns",
    "reviews": "Fraud review",
    "products": "Products",
    "products/create": "New product",
    "stock": "Stock",
    "stock/stocktake": "Stocktake",
    "warehouses": "Warehouses",
    "routing": "Routing rules",
    "shipping-methods": "Shipping methods",
    "return-policy": "Return policy",
    "payments": "Payments",
    "refunds": "Refunds",
    "incidents": "Incidents",
    "disputes": "Disputes",
    "transfers": "Transfers",
    "settlements": "Settlements",
    "gift-cards": "Gift cards",
    "documents": "Documents",
    "tax-rates": "Tax rates",
    "dead-letters": "Dead letters",
    "notifications": "Notifications",
    "templates": "Templates",
    "risk-rules": "Risk rules",
}
MENUS: Final[dict[str, set[str]]] = {
    "wanda": {"Shipping", "Returns", "Products", "Stock", "Warehouses", "Routing rules", "Tax rates"},
    "finn": {"Returns", "Payments", "Refunds", "Incidents", "Settlements", "Gift cards", "Documents", "Tax rates"},
    "rita": {"Fraud review", "Risk rules"},
    "sam": {"Shipping", "Returns", "Fraud review", "Refunds", "Dead letters", "Notifications", "Templates"},
    "otto": {"Returns", "Fraud review", "Products", "Settlements", "Documents", "Dead letters", "Notifications"},
}
"""What each finds in the menu, among other things."""
HIDDEN: Final[dict[str, set[str]]] = {
    "wanda": {"Payments", "Refunds", "Fraud review", "Dead letters"},
    "finn": {"Shipping", "Stock", "Fraud review", "Dead letters"},
    "rita": {"Shipping", "Returns", "Payments", "Stock", "Dead letters"},
    "sam": {"Stock", "Products", "Settlements"},
    "otto": {"Shipping"},
}


async def looked_at(page: Page, desk: str, title: str) -> None:
    """Go to a desk as a link within the panel does, and wait until it shows what it has to show."""
    await page.evaluate(
        "path => { history.pushState({}, '', path); dispatchEvent(new PopStateEvent('popstate')) }", f"/admin/{desk}"
    )
    await expect(heading(page, title)).to_be_visible()
    await expect(page.get_by_role("status", name="Loading")).to_have_count(0)


async def depot(shop: Shop) -> tuple[str, str]:
    """Put up a warehouse of the test's own with a product that only it has; answers both names."""
    warehouse, sku = f"depot-{shop.sku.lower()}", f"{shop.sku}-D"
    place = {"warehouse_id": warehouse, "name": warehouse, "country": "DE"}
    place |= {"line1": "Bahnhofstraße 1", "postal_code": "14467", "city": "Potsdam"}
    await shop.keeper.do("POST", "/api/admin/warehouses", place, expect=201)
    await shop.offer(sku, warehouse, 100)
    return warehouse, sku


async def bought(shop: Shop, sku: str, quantity: int = 1) -> str:
    """Order a product, and wait until it is to be sent."""
    order_id: str = (await shop.customer.do("POST", "/api/orders", order_body(sku, quantity), expect=201))["order_id"]
    await shop.reaches(order_id, "Processing")
    return order_id


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_every_desk_is_for_everybody(visitor: Visitor, shop: Shop, *, dark: bool) -> None:
    await bought(shop, shop.sku)
    page = await visitor("ada", "/admin", dark=dark, width=360 if dark else 1280)
    for desk, title in DESKS.items():
        await looked_at(page, desk, title)
        await sound(page)


@pytest.mark.parametrize("name", MENUS)
async def test_each_role_sees_its_desks(visitor: Visitor, name: str) -> None:
    page = await visitor(name, "/admin")
    await expect(heading(page, f"Good day, {name.capitalize()}")).to_be_visible()
    shown = set(await menu(page).get_by_role("menuitem").all_inner_texts())
    assert MENUS[name] <= shown
    assert not HIDDEN[name] & shown


async def test_a_parcel_is_labelled_and_sent_by_scan(visitor: Visitor, shop: Shop, complaints: Complaints) -> None:
    warehouse, sku = await depot(shop)
    order_id = await bought(shop, sku)
    page = await visitor("wanda", f"/admin/shipping?warehouse={warehouse}")
    row = page.get_by_role("row").filter(has_text=f"#{order_id[-8:].upper()}")

    await row.get_by_role("button", name="Label").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_role("radio").first).to_be_checked()
    await dialog.get_by_role("button", name="Buy label").click()
    await expect(dialog.get_by_role("button", name="Print label")).to_be_enabled()
    await dialog.get_by_role("button", name="Cancel").click()
    await expect(dialog).to_have_count(0)

    await expect(row.get_by_role("button", name="Print label")).to_be_visible()
    [parcel] = (await shop.order(order_id))["shipments"]
    field = page.get_by_role("textbox", name="Scan to dispatch")
    await field.fill("NOBODY-KNOWS-IT")
    await field.press("Enter")
    await expect(page.get_by_role("log")).to_contain_text("No parcel goes by this code.")
    await field.press_sequentially(parcel["tracking_number"])
    await field.press("Enter")
    await expect(page.get_by_role("log")).to_contain_text(f"of order #{order_id[-8:].upper()} is dispatched.")
    await expect(field).to_be_focused()
    await expect(field).to_have_value("")
    await expect(page.get_by_text("All parcels are sent.")).to_be_visible()
    await shop.reaches(order_id, "Shipped")

    complaints.expect("409")  # scanned twice
    await field.fill(parcel["shipment_id"])
    await field.press("Enter")
    await expect(page.get_by_role("log")).to_contain_text("not in a state for this")


async def test_parcels_are_picked_and_kept_back(visitor: Visitor, shop: Shop) -> None:
    warehouse, sku = await depot(shop)
    first, second = await bought(shop, sku, 2), await bought(shop, sku, 3)
    page = await visitor("wanda", f"/admin/shipping/picks?warehouse={warehouse}")
    await expect(page.get_by_role("heading", name=f"{warehouse}: 5 units for 2 parcels")).to_be_visible()
    await expect(page.get_by_role("row").filter(has_text=sku)).to_contain_text("5")

    await page.goto(f"/admin/shipping?warehouse={warehouse}")
    row = page.get_by_role("row").filter(has_text=f"#{first[-8:].upper()}")
    await row.get_by_role("button", name="Hold").click()
    await page.get_by_role("dialog").get_by_role("textbox", name="Reason").fill("box is torn")
    await page.keyboard.press("Enter")
    await expect(row).to_have_count(0)
    await page.goto(f"/admin/shipping?warehouse={warehouse}&state=held")
    await expect(row).to_contain_text("box is torn")
    await row.get_by_role("button", name="Release").click()
    await expect(row).to_have_count(0)

    await page.goto(f"/admin/shipping?warehouse={warehouse}")
    await page.get_by_role("checkbox", name="Select all").check()
    await page.get_by_role("group", name="For the selected rows").get_by_role("button", name="Dispatch").click()
    for order_id in (first, second):
        await shop.reaches(order_id, "Shipped")


async def test_a_return_comes_back_with_one_unit_damaged(visitor: Visitor, shop: Shop) -> None:
    order_id = await bought(shop, shop.sku, 2)
    for status in ("Shipped", "Delivered"):
        await shop.operator.do("PUT", f"/api/admin/orders/{order_id}/status", {"status": status})
    order = await shop.reaches(order_id, "Delivered")

    async def paid() -> bool:
        return bool((await shop.order(order_id))["captured_amount"]["amount"] == order["total_amount"]["amount"])

    await eventually(paid, "the money of the order is taken")
    [item] = order["items"]
    wish = {"lines": [{"item_id": item["item_id"], "quantity": 2, "reason": "damaged"}]}
    back = await shop.customer.do("POST", f"/api/orders/{order_id}/returns", wish, expect=201)
    before = await shop.stock()

    page = await visitor("sam", f"/admin/returns/{order_id}/{back['return_id']}")
    await page.get_by_role("button", name="Approve").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("textbox", name="Words for the customer").fill("Send it back, please.")
    await dialog.get_by_role("button", name="Approve").click()

    await page.get_by_role("textbox", name="Fit for sale").fill("2")
    await page.get_by_role("textbox", name="Damaged").fill("1")
    await page.get_by_role("button", name="Take in 3 units").click()
    await expect(page.get_by_text("At most 2 can come here in all.").first).to_be_visible()
    await page.reload()  # nothing that was typed is lost
    await expect(page.get_by_role("textbox", name="Damaged")).to_have_value("1")
    await page.get_by_role("textbox", name="Fit for sale").fill("1")
    await sound(page)
    await page.get_by_role("button", name="Take in 2 units").click()

    await expect(page.get_by_role("listitem").filter(has_text=": Damaged")).to_contain_text(shop.sku)
    refunds = page.get_by_role("region", name="Refunds that follow")
    await expect(refunds).to_contain_text("€25.00")
    await expect(refunds).to_contain_text("Refunded")

    async def restocked() -> bool:
        return bool((await shop.stock())["on_hand"] == before["on_hand"] + 1)

    await eventually(restocked, "one of the two is on the shelf again")


async def test_a_risky_order_is_looked_at_and_rejected(visitor: Visitor, shop: Shop) -> None:
    body = order_body(shop.sku, email=f"{shop.customer.user}@mailinator.com")
    body["billing_address"] = {**body["shipping_address"], "country": "FR"}
    order_id = (await shop.customer.do("POST", "/api/orders", body, expect=201))["order_id"]

    page = await visitor("rita", "/admin/reviews")
    row = page.get_by_role("row").filter(has_text=f"#{order_id[-8:].upper()}")
    await expect(row).to_contain_text("Throw-away e-mail address", timeout=30_000)
    await expect(row).to_contain_text("left")
    await row.get_by_role("button", name="Review").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("mailinator.com")
    await sound(page)
    await dialog.get_by_role("radio", name="Reject").check()
    await expect(dialog.get_by_role("button", name="Reject")).to_be_disabled()
    await dialog.get_by_role("textbox", name="Why").fill("Nobody answers there.")
    await dialog.get_by_role("button", name="Reject").click()
    await expect(row).to_have_count(0)
    assert (await shop.reaches(order_id, "Cancelled"))["cancel_reason"] == "payment_declined"


async def test_rules_are_tried_on_the_past_and_kept_as_a_version(visitor: Visitor, complaints: Complaints) -> None:
    complaints.expect("422")
    page = await visitor("rita", "/admin/risk-rules")
    await page.get_by_role("button", name="Run back-test").click()
    await expect(page.get_by_text("orders assessed")).to_be_visible()
    field = page.get_by_role("textbox", name="Review from (points)")
    before = await field.input_value()
    save = page.get_by_role("button", name="Save as version")
    await field.fill("91")  # above what is rejected
    await save.click()
    await expect(page.get_by_text("must not be above reject_at", exact=True)).to_be_visible()
    await expect(field).to_have_value("91")
    await field.fill("61")
    name = await save.inner_text()
    await save.click()
    await expect(page.get_by_text(f"Version {name.rpartition(' ')[2]} of the rules is in force.")).to_be_visible()
    await field.fill(before)
    await save.click()
    await expect(save).to_be_disabled()


async def test_stock_is_set_right_for_a_reason(visitor: Visitor, shop: Shop) -> None:
    page = await visitor("wanda", f"/admin/stock?product={shop.sku}")
    row = page.get_by_role("row").filter(has_text=shop.sku)
    await row.get_by_role("button", name="Adjust").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("combobox", name="Kind").click()
    await page.get_by_role("option", name="Written off").click()
    await dialog.get_by_role("textbox", name="Units").fill("3")
    await dialog.get_by_role("textbox", name="Reason").fill("fell off the shelf")
    await dialog.get_by_role("button", name="Adjust").click()
    await expect(row).to_contain_text("9997")
    await row.get_by_role("link", name=shop.sku).click()
    await expect(page.get_by_role("row").filter(has_text="fell off the shelf")).to_contain_text("\N{MINUS SIGN}3")

    await page.goto("/admin/stock/stocktake")
    await page.get_by_role("combobox", name="Warehouse").click()
    await page.get_by_role("option", name="Berlin").click()
    for number, (sku, counted) in enumerate(((shop.sku, "9000"), ("NO-SUCH-THING", "1")), 1):
        line = page.get_by_role("group", name=f"Row {number}")
        await line.get_by_role("textbox", name="SKU").fill(sku)
        await line.get_by_role("textbox", name="Counted").fill(counted)
    await page.get_by_role("button", name="Check").click()
    await expect(page.get_by_text("1 changed, 0 as they were, 1 refused.")).to_be_visible()
    await page.get_by_role("button", name="Book 1 change").click()
    await expect(page.get_by_role("heading", name="What became of it")).to_be_visible()
    assert (await shop.stock())["on_hand"] == 9000


async def dead_letter(waybill: Waybill, kind: str) -> str:
    """Leave a dead letter with the notification service, as if it had not understood an event."""
    letter_id = new_id()
    connection = await asyncpg.connect(Sources.running(waybill.data_dir).databases["notification"])
    try:
        await connection.execute(
            """INSERT INTO dead_letter
            (id, topic, kafka_partition, kafka_offset, key, type, reason, error, headers, value, created_at)
            VALUES ($1, 'order.events', 0, $2, 'a-key', $3, 'bad-value', 'TypeError', $4::text::jsonb, $5, now())""",
            letter_id,
            -(letter_id.int % 10**9),
            kind,
            f'{{"ce_type": "{kind}"}}',
            b'{"parcel": "lost"}',
        )
    finally:
        await connection.close()
    return str(letter_id)


async def test_a_dead_letter_is_read_sent_back_or_given_up(visitor: Visitor, waybill: Waybill, complaints: Complaints) -> None:
    unheard, broken = "inventory.stock_deducted.v1", f"nobody.knows_{new_id().hex[-6:]}.v1"
    await dead_letter(waybill, unheard)
    await dead_letter(waybill, broken)
    page = await visitor("sam", "/admin/dead-letters?service=notification")
    row = page.get_by_role("row").filter(has_text=unheard)
    await row.get_by_role("button", name="Look").click()
    await expect(page.get_by_role("dialog")).to_contain_text('"parcel": "lost"')
    await sound(page)
    await page.get_by_role("dialog").get_by_role("button", name="Close").click()
    await row.get_by_role("button", name="Send back").click()
    await expect(page.get_by_text("Sent back and handled.")).to_be_visible()
    await expect(row).to_have_count(0)

    complaints.expect("422")  # what is not understood is not understood when it is sent back
    row = page.get_by_role("row").filter(has_text=broken)
    await row.get_by_role("button", name="Send back").click()
    await expect(page.get_by_text("It still cannot be handled")).to_be_visible()
    await row.get_by_role("button", name="Discard").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("textbox", name="Reason").fill("a test of ours")
    await dialog.get_by_role("button", name="Discard").click()
    await expect(row).to_have_count(0)
    await page.goto("/admin/dead-letters?service=notification&status=discarded")
    await expect(row).to_contain_text("a test of ours")


async def test_messages_are_shown_as_customers_get_them(visitor: Visitor) -> None:
    page = await visitor("sam", "/admin/templates?template=shipped")
    text = page.get_by_label("Text", exact=True)
    english = await text.inner_text()
    await page.get_by_role("tab", name="German").click()
    await expect(text).not_to_have_text(english)
    frame = page.frame_locator("iframe")
    await expect(frame.locator("body")).to_contain_text("Paket")
    colours: Any = await frame.locator("[data-look]").first.evaluate("node => node.getAttribute('style')")
    assert colours is None, "styles stand in a sheet, where the policy lets them in"
