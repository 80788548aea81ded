"""Documents as PDF/A-3 with EN 16931 XML inside: what they show, in whose language, how fast, and always the same."""

import io
import re
import statistics
import time
from typing import Any

import facturx  # type: ignore[import-untyped]
import pytest
from pypdf import PdfReader

from chassis.testing import cause
from order.gateway.papers import Papers
from order.gateway.papers.einvoice import terms_of
from order.model.billing import credit, invoice_order
from order.model.document import WHOLE, Document
from services.order.tests.test_documents_model import ISSUING, invoiced, numbered, order_of, send, terms

SELLER = {
    "name": "Shop GmbH",
    "line1": "Weg 1",
    "postal_code": "20457",
    "city": "Hamburg",
    "country": "DE",
    "vat_id": "DE123456789",
}


@pytest.fixture(scope="module")
def papers() -> Papers:
    return Papers()


def issued(locale: str = "en", goods: int = 2, **buyer: str) -> list[Document]:
    """Make an invoice over goods and shipping, and a credit note of 5.00 on it."""
    order = order_of(*[(1190, 2, "standard"), (1070, 1, "reduced")] * (goods // 2), sold=terms("19", 490))
    order.contact = {"locale": locale}
    order.billing_address = order.billing_address | buyer
    order.shipping_name = "Parcel"
    send(order, {item.product_id: item.quantity for item in order.items})
    (invoice,) = invoiced(order)
    note = credit(order, 500, "r", [invoice], ISSUING, cause())
    assert note is not None
    for one in (invoice, numbered(note, 1)):
        one.content["seller"] = SELLER
    return [invoice, note]


def text_of(pdf: bytes) -> str:
    return " ".join("\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).split())


async def test_a_paper_says_what_the_document_says(papers: Papers) -> None:
    invoice, note = issued()
    shown = text_of(await papers.pdf(invoice))
    for words in (
        "Invoice INV-2026-000001",
        "Shop GmbH",
        "VAT ID DE123456789",
        "Ada",
        "Product 0",
        "€23.80",
        "Shipping: Parcel",
    ):
        assert words in shown
    for words in ("19% €24.12 €4.58 €28.70", "7% €10.00 €0.70 €10.70", "Total €39.40", "Page 1 of 1", "Nothing is left to pay"):
        assert words in shown
    shown = text_of(await papers.pdf(note))
    for words in ("Credit note CN-2026-000001", "For invoice INV-2026-000001", "Total credited \u2212€5.00", "given back"):
        assert words in shown


async def test_a_paper_speaks_the_language_of_the_order(papers: Papers) -> None:
    invoice, note = issued("de-AT")
    shown = text_of(await papers.pdf(invoice))
    for words in ("Rechnung INV-2026-000001", "02.03.2026", "€ 39,40", "Versand: Parcel", "Deutschland", "Seite 1 von 1"):
        assert words in shown
    assert "Rechnungskorrektur" in text_of(await papers.pdf(note))
    assert "Invoice INV" in text_of(await papers.pdf(issued("fr")[0]))
    assert "Invoice INV" in text_of(await papers.pdf(issued("zz-ZZ")[0]))


async def test_inside_is_the_same_document_for_machines(papers: Papers) -> None:
    for document in issued():
        pdf = await papers.pdf(document)
        name, xml = facturx.get_facturx_xml_from_pdf(pdf, check_xsd=True)
        assert name == "factur-x.xml"
        assert document.number.encode() in xml
        reader = PdfReader(io.BytesIO(pdf))
        metadata: Any = reader.trailer["/Root"]["/Metadata"]  # type: ignore[index]
        for words in (b"<pdfaid:part>3</pdfaid:part>", b"<fx:ConformanceLevel>EN 16931</fx:ConformanceLevel>"):
            assert words in metadata.get_data()


def test_the_terms_of_a_document_add_up() -> None:
    order = order_of((2499, 1, "standard"), sold=terms("10.75", 644, "none"), included=False)
    send(order, {"P0": 1})
    (invoice,) = invoiced(order)
    found = terms_of(invoice, "Shipping")
    assert (found["BT-106"], found["BT-110"], found["BT-112"], found["BT-113"], found["BT-115"]) == (
        "31.43",
        "2.69",
        "34.12",
        "34.12",
        "0.00",
    )
    assert [(one["BT-118"], one["BT-119"], one["BT-116"], one["BT-117"]) for one in found["BG-23"]] == [
        ("S", "10.75", "24.99", "2.69"),
        ("Z", "0", "6.44", "0.00"),
    ]


def test_what_is_invoiced_before_its_money_is_taken_is_due() -> None:
    order = order_of((1190, 1, "standard"), sold=terms("19"))
    invoice = invoice_order(order, WHOLE, [], ISSUING, cause())
    assert invoice is not None
    found = terms_of(numbered(invoice, 1), "Shipping")
    assert (found["BT-113"], found["BT-115"]) == ("0.00", "11.90")


async def test_the_same_document_is_the_same_file(papers: Papers) -> None:
    (invoice, _) = issued()
    pdf = await papers.pdf(invoice)
    assert await Papers().pdf(invoice) == pdf
    made = re.findall(rb"\(D(?::|\\072)(\d{14})", pdf) + re.findall(rb">(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)", pdf)
    assert set(made) == {b"20260302090000", b"2026-03-02T09:00:00"}


async def test_names_are_never_markup_and_any_script_has_its_place(papers: Papers) -> None:
    (invoice, _) = issued(name='#panic("x") *Ω* 李 🎁')
    shown = text_of(await papers.pdf(invoice))
    assert '#panic("x") *Ω*' in shown


async def test_a_long_invoice_goes_over_pages(papers: Papers) -> None:
    (invoice, _) = issued(goods=100)
    shown = text_of(await papers.pdf(invoice))
    assert "Page 6 of 6" in shown
    assert shown.count("Unit net") == 5


async def test_a_paper_takes_a_tenth_of_a_second(papers: Papers) -> None:
    await papers.pdf(issued()[0])
    spent = []
    for _ in range(20):
        (invoice, _) = issued()
        began = time.perf_counter()
        await papers.pdf(invoice)
        spent.append(time.perf_counter() - began)
    assert statistics.median(spent) < 0.4
