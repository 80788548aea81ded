"""What invoices and credit notes say: to the cent, in whatever parts, and every change of them seen."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.testing import MORNING, cause
from contracts.types import Allocation, Line
from order.model import Order, PricedLine, Product, ShippingMethod, ShippingRate, TaxRate, Terms, quote
from order.model.billing import Given, credit, credit_cut, invoice_order, invoice_parcel
from order.model.document import (
    BEGINNING,
    SHIPPING,
    WHOLE,
    Document,
    DocumentKind,
    Issuing,
)

ISSUING = Issuing(
    at_confirmation=False,
    series={DocumentKind.INVOICE: "INV-{year}-", DocumentKind.CREDIT_NOTE: "CN-{year}-"},
    seller={"name": "Shop", "country": "DE"},
)
BUYER = {"name": "Ada", "line1": "Weg 2", "city": "Berlin", "postal_code": "10115", "country": "DE"}


def terms(percent: str, shipping: int = 0, shipping_class: str = "standard") -> Terms:
    methods = [ShippingMethod(method_id="post", name="Post", tax_class=shipping_class, rates=[ShippingRate(price=shipping)])]
    rates = [TaxRate(country="DE", percent=percent), TaxRate(country="DE", tax_class="reduced", percent="7")]
    return Terms(shipping_methods=methods if shipping else [], tax_rates=rates)


def order_of(*goods: tuple[int, int, str], sold: Terms, included: bool = True) -> Order:
    """Place an order of goods at (price, quantity, tax class)."""
    lines = [
        PricedLine(
            Product(sku=f"P{at}", name=f"Product {at}", price=price, currency="EUR", active=True, sequence=1, tax_class=taxed),
            quantity,
        )
        for at, (price, quantity, taxed) in enumerate(goods)
    ]
    order, _ = Order.place(
        user_id="ada",
        quote=quote(lines, sold, BUYER, None, included=included),
        contact={"email": "ada@example.com", "locale": "de"},
        shipping_address=BUYER,
        billing_address=BUYER,
        payment_method="card",
        expected_total=None,
        deadline=timedelta(minutes=30),
        cause=cause(),
    )
    return order


def send(order: Order, *parcels: dict[str, int]) -> None:
    """Confirm the order and send it in these parcels."""
    held = [
        Allocation(warehouse_id=f"w{at}", lines=[Line(product_id=sku, quantity=units) for sku, units in parcel.items()])
        for at, parcel in enumerate(parcels)
    ]
    order.allocate(held, cause())
    order.authorize(cause())
    order.dispatch_rest(cause())


def invoiced(order: Order) -> list[Document]:
    """Invoice every parcel, in the order in which their money was taken."""
    issued: list[Document] = []
    for shipment in order.shipments:
        document = invoice_parcel(order, shipment.shipment_id, issued, ISSUING, cause())
        assert document is not None
        issued.append(numbered(document, len(issued) + 1))
    return issued


def numbered(document: Document, position: int, before: str = BEGINNING) -> Document:
    document.number_as("INV-2026-" if document.is_invoice else "CN-2026-", position, MORNING, before)
    assert document.adds_up
    return document


def sums(documents: Sequence[Document]) -> tuple[int, int]:
    return sum(one.total_amount for one in documents), sum(one.tax_amount for one in documents)


def test_a_known_case_of_a_third_of_a_cent_is_invoiced_as_it_was_charged() -> None:
    """24.99 at 10.75 % and 6.44 for shipping, untaxed, are 34.12."""
    order = order_of((2499, 1, "standard"), sold=terms("10.75", 644, "none"), included=False)
    send(order, {"P0": 1})
    (invoice,) = invoiced(order)
    assert (invoice.total_amount, order.total_amount, order.shipments[0].amount) == (3412, 3412, 3412)
    assert invoice.content["taxes"] == [
        {"tax_rate_ppm": 107_500, "net": 2499, "tax": 269},
        {"tax_rate_ppm": 0, "net": 644, "tax": 0},
    ]
    assert [line["item_id"] for line in invoice.lines] == [str(order.items[0].item_id), SHIPPING]


def discounted() -> Order:
    """10 x 23.90 at 20 % in the price, with 25 % off: 179.25."""
    order = order_of((2390, 10, "standard"), sold=terms("20"))
    (item,) = order.items
    item.discount_amount = 5975
    item.resize(10, included=True)
    order.total_amount, order.tax_amount = item.total_amount, item.tax_amount
    return order


def test_a_known_discount_is_invoiced_and_credited_line_by_line() -> None:
    order = discounted()
    send(order, {"P0": 3}, {"P0": 3}, {"P0": 4})
    issued = invoiced(order)
    assert sums(issued) == (17_925, 2_988)
    (item,) = order.items
    notes = []
    for unit in range(10):
        worth = item.worth(unit + 1, included=True) - item.worth(unit, included=True)
        given_back = [Given(str(item.item_id), 1, worth)]
        note = credit(order, worth, f"refund {unit}", issued, ISSUING, cause(), given_back)
        assert note is not None
        assert -note.total_amount == worth
        issued.append(numbered(note, unit + 1))
        notes.append(note)
    assert sums(notes) == (-17_925, -2_988)
    assert sums(issued) == (0, 0)
    assert sum(line["quantity"] for note in notes for line in note.lines) == -10
    assert credit(order, 1, "one more", issued, ISSUING, cause()) is None


def test_a_discount_shared_by_two_units() -> None:
    """A 10.00 item with 1.00 off for each, one of two given back: 9.00."""
    order = order_of((1000, 2, "standard"), sold=terms("20"))
    (item,) = order.items
    item.discount_amount = 200
    item.resize(2, included=True)
    order.total_amount = item.total_amount
    send(order, {"P0": 2})
    issued = invoiced(order)
    note = credit(order, 900, "r", issued, ISSUING, cause(), [Given(str(item.item_id), 1, 900)])
    assert note is not None
    assert (note.total_amount, note.tax_amount, note.lines[0]["quantity"]) == (-900, -150, -1)


goods = st.lists(
    st.tuples(st.integers(1, 50_000), st.integers(1, 7), st.sampled_from(["standard", "reduced", "none"])),
    min_size=1,
    max_size=4,
)


@given(goods, st.integers(0, 2000), st.sampled_from(["gross", "net"]), st.data())
def test_parts_of_an_order_add_up_to_it_and_credits_to_its_invoices(
    wares: list[tuple[int, int, str]], shipping: int, prices: str, data: st.DataObject
) -> None:
    order = order_of(*wares, sold=terms("19", shipping), included=prices == "gross")
    parcels: list[dict[str, int]] = [{}, {}, {}]
    for at, (_, quantity, _) in enumerate(wares):
        for _ in range(quantity):
            parcel = parcels[data.draw(st.integers(0, 2))]
            parcel[f"P{at}"] = parcel.get(f"P{at}", 0) + 1
    send(order, *(parcel for parcel in parcels if parcel))
    issued = invoiced(order)
    assert sums(issued) == (order.total_amount, order.tax_amount)
    assert [one.total_amount for one in issued] == [one.amount for one in order.shipments]
    left = order.total_amount
    position = 0
    while left:
        amount = data.draw(st.integers(1, left)) if position < 6 else left
        note = credit(order, amount, str(position), issued, ISSUING, cause())
        assert note is not None
        assert -note.total_amount == amount
        assert all(line["total"] <= 0 and line["tax"] <= 0 and line["net"] <= 0 for line in note.lines)
        position += 1
        issued.append(numbered(note, position))
        left -= amount
    assert sums(issued) == (0, 0)
    assert all(sum(line["quantity"] for line in note.lines) <= 0 for note in issued if not note.is_invoice)


@given(goods, st.sampled_from(["gross", "net"]))
def test_all_of_an_order_is_invoiced_once(wares: list[tuple[int, int, str]], prices: str) -> None:
    order = order_of(*wares, sold=terms("19", 490), included=prices == "gross")
    document = invoice_order(order, WHOLE, [], ISSUING, cause())
    assert document is not None
    assert sums([numbered(document, 1)]) == (order.total_amount, order.tax_amount)
    assert invoice_order(order, "change", [document], ISSUING, cause()) is None
    send(order, {f"P{at}": quantity for at, (_, quantity, _) in enumerate(wares)})
    assert invoice_parcel(order, order.shipments[0].shipment_id, [document], ISSUING, cause()) is None


def test_an_invoice_at_confirmation_is_followed_by_what_a_change_adds_or_takes() -> None:
    order = order_of((1190, 3, "standard"), (1070, 2, "reduced"), sold=terms("19", 490))
    mug, pen = order.items
    send_later = [Allocation(warehouse_id="w", lines=order.lines)]
    order.allocate([one.model_copy() for one in send_later], cause())
    order.authorize(cause())
    whole = invoice_order(order, WHOLE, [], ISSUING, cause())
    assert whole is not None
    issued = [numbered(whole, 1)]

    order.reduce(mug.item_id, 1, cause())
    note = credit_cut(order, order.changes[-1].change_id, issued, ISSUING, cause())
    assert note is not None
    assert [(line["name"], line["quantity"], line["total"]) for line in note.lines] == [("Product 0", -2, -2380)]
    issued.append(numbered(note, 1))
    assert sums(issued) == (order.total_amount, order.tax_amount)

    pen.resize(5, included=True)
    order.total_amount += 3 * 1070
    more = invoice_order(order, "an addition", issued, ISSUING, cause())
    assert more is not None
    assert [(line["name"], line["quantity"], line["total"]) for line in more.lines] == [("Product 1", 3, 3210)]
    assert sums([*issued, numbered(more, 2)])[0] == order.total_amount
    assert invoice_order(order, "another", [*issued, more], ISSUING, cause()) is None


def test_a_parcel_that_has_not_left_is_not_invoiced() -> None:
    order = order_of((1000, 2, "standard"), sold=terms("19"))
    order.allocate([Allocation(warehouse_id="w", lines=[Line(product_id="P0", quantity=2)])], cause())
    order.authorize(cause())
    assert invoice_parcel(order, order.shipments[0].shipment_id, [], ISSUING, cause()) is None


def test_a_credit_note_names_the_invoices_it_is_about() -> None:
    order = order_of((1000, 2, "standard"), sold=terms("19"))
    send(order, {"P0": 1}, {"P0": 1})
    issued = invoiced(order)
    note = credit(order, 1500, "r", issued, ISSUING, cause())
    assert note is not None
    assert note.references == [
        {"number": "INV-2026-000001", "issued_on": "2026-03-02"},
        {"number": "INV-2026-000002", "issued_on": "2026-03-02"},
    ]
    only_the_first = credit(order, 500, "s", issued[:1], ISSUING, cause())
    assert only_the_first is not None
    assert [one["number"] for one in only_the_first.references] == ["INV-2026-000001"]


@pytest.mark.parametrize("field", ["total_amount", "number", "user_id", "issued_at", "content", "previous_hash"])
def test_the_hash_covers_all_that_a_document_says(field: str) -> None:
    order = order_of((1000, 2, "standard"), sold=terms("19"))
    send(order, {"P0": 2})
    (document,) = invoiced(order)
    assert document.hash == document.fingerprint()
    changed = {
        "total_amount": document.total_amount + 1,
        "issued_at": document.issued_at + timedelta(microseconds=1),
        "content": document.content | {"buyer": BUYER | {"name": "Eve"}},
    }
    setattr(document, field, changed.get(field, "other"))
    assert document.hash != document.fingerprint()


def test_no_document_is_older_than_the_one_before() -> None:
    order = order_of((1000, 2, "standard"), sold=terms("19"))
    send(order, {"P0": 2})
    (document,) = invoiced(order)
    document.number_as("INV-2026-", 7, MORNING + timedelta(days=1), "f" * 64)
    assert (document.number, document.issued_on.isoformat()) == ("INV-2026-000007", "2026-03-03")
