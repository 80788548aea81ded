"""Documents on paper: a PDF/A-3 to look at, with the same document as EN 16931 XML inside for whoever books it.

Nothing is fetched and nothing kept: a document is set anew each time from what is stored, in a thread of its own, and comes out
the same, byte for byte. Language, amounts and days follow the locale that the order was placed in, as far as there are texts.
"""

import asyncio
import logging
import re
import threading
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_currency, format_percent, get_currency_precision
from pydantic_core import to_json

from order.gateway.papers.einvoice import terms_of
from order.model.document import SHIPPING, Document
from order.model.pricing import half_up
from order.model.record import reference

FALLBACK: Final = "en"
_FOLDER: Final = Path(__file__).parent
_SOURCE: Final = _FOLDER / "document.typ"
_PPM: Final = 1_000_000
_MINUS: Final = "\u2212"
_DASH: Final = "\u2013"
_BOX: Final = "\u25a1"
_MISSING: Final = re.compile(r'the text `"(.+?)"` could not be displayed')

Words = Mapping[str, Any]


class Papers:
    """Sets documents; one instance per process."""

    def __init__(self) -> None:
        self._compiler: Any = None
        self._missing: dict[int, str] = {}
        self._setting = threading.Lock()

    async def pdf(self, document: Document) -> bytes:
        """Set a document."""
        return await asyncio.to_thread(self._set, document)

    def _set(self, document: Document) -> bytes:
        # Both are large, and most processes never set a document: they are loaded for the first one, off the event loop.
        import facturx  # type: ignore[import-untyped] # noqa: PLC0415
        import typst  # noqa: PLC0415

        logging.getLogger("factur-x").setLevel(logging.ERROR)  # what it says repeats what documents say
        language, locale = _language(document.locale)
        words = _words(language)
        shown = to_json(_Page(document, words, language, locale).shown).decode()
        xml = facturx.generate_cii_xml(
            terms_of(document, words["shipping"]), level="en16931", check_xsd=False, check_schematron=False
        )
        with self._setting:
            if self._compiler is None:
                self._compiler = typst.Compiler(_SOURCE, root=_FOLDER)
            paper = self._typeset(shown, int(document.issued_at.timestamp()), typst.TypstError)
        whole = facturx.generate_from_binary(
            paper,
            xml,
            flavor="factur-x",
            level="en16931",
            check_xsd=False,
            pdf_metadata=_metadata(document, words),
            lang=language,
            afrelationship="alternative",
            xmp_compression=False,
        )
        return _as_of(document, whole)

    def _typeset(self, shown: str, timestamp: int, error: type[Exception]) -> bytes:
        """Set a page; a letter that no font of the machine has becomes a box, as PDF/A allows none that is not there."""
        while True:
            shown = shown.translate(self._missing)
            try:
                paper: bytes = self._compiler.compile(
                    format="pdf", pdf_standards=["a-3b"], sys_inputs={"document": shown}, timestamp=timestamp
                )
            except error as refused:
                missing = dict.fromkeys(map(ord, "".join(_MISSING.findall(str(refused)))), _BOX)
                if missing.keys() <= self._missing.keys():
                    raise
                self._missing |= missing
            else:
                return paper


def _metadata(document: Document, words: Words) -> dict[str, str]:
    seller, title = document.content["seller"]["name"], f"{words[document.kind]} {document.number}"
    return {"author": seller, "keywords": f"{words[document.kind]}, Factur-X", "title": title, "subject": f"{title}, {seller}"}


def _as_of(document: Document, pdf: bytes) -> bytes:
    """Have the file say that it was made when the document was issued, not now; places in it stay where they are."""
    at = document.issued_at
    pdf = re.sub(rb"(\(D(?::|\\072))\d{14}", rb"\g<1>" + f"{at:%Y%m%d%H%M%S}".encode(), pdf)
    return re.sub(rb">\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00<", f">{at:%Y-%m-%dT%H:%M:%S}+00:00<".encode(), pdf)


@cache
def _words(language: str) -> Words:
    return tomllib.loads((_FOLDER / f"{language}.toml").read_text("utf-8"))


def _language(tag: str) -> tuple[str, Locale]:
    """Find the language whose texts are used, and the locale that writes amounts and days in it."""
    try:
        locale = Locale.parse(tag.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        locale = Locale.parse(FALLBACK)
    if (_FOLDER / f"{locale.language}.toml").exists():
        return locale.language, locale
    return FALLBACK, Locale.parse(FALLBACK)


class _Page:
    """What a page shows of a document, all of it text."""

    def __init__(self, document: Document, words: Words, language: str, locale: Locale) -> None:
        self._document, self._words, self._language, self._locale = document, words, language, locale
        self._digits = get_currency_precision(document.currency)

    @property
    def shown(self) -> dict[str, Any]:
        """What the template is given."""
        document, words = self._document, self._words
        content, seller = document.content, document.content["seller"]
        return {
            "language": self._language,
            "words": {name: text for name, text in words.items() if isinstance(text, str)},
            "title": f"{words[document.kind]} {document.number}",
            "seller": self._address(seller),
            "sender": " · ".join(self._address(seller)),
            "buyer": self._address(content["buyer"]),
            "facts": self._facts(),
            "columns": [words[name] for name in ("item", "quantity", "price", "rate", "net", "total")],
            "lines": [self._line(line) for line in document.lines],
            "taxes": [
                [self._rate(one["tax_rate_ppm"]), *map(self._money, (one["net"], one["tax"], one["net"] + one["tax"]))]
                for one in content["taxes"]
            ],
            "net": self._money(document.total_amount - document.tax_amount),
            "tax": self._money(document.tax_amount),
            "total_name": words["sum_total" if document.is_invoice else "sum_credit"],
            "total": self._money(document.total_amount),
            "notes": self._notes(),
            "footer": [seller["name"], *([f"{words['vat_id']} {seller['vat_id']}"] if seller.get("vat_id") else [])],
        }

    def _facts(self) -> list[tuple[str, str]]:
        document, words = self._document, self._words
        facts = [
            (words["number"], document.number),
            (words["issued_on"], self._day(document.issued_on)),
            (words["ordered_on"], self._day(date.fromisoformat(document.content["ordered_on"]))),
            (words["order"], reference(document.order_id)),
        ]
        if document.is_invoice:
            return [*facts[:2], (words["supplied_on"], self._day(document.supplied_on)), *facts[2:]]
        return [*facts, (words["about"], ", ".join(one["number"] for one in document.references))]

    def _line(self, line: Mapping[str, Any]) -> dict[str, str]:
        units = abs(line["quantity"])
        sent = line["item_id"] == SHIPPING
        return {
            "name": ": ".join(filter(None, (self._words["shipping"], line["name"]))) if sent else line["name"],
            "product": line["product_id"] or "",
            "quantity": str(units or _DASH),
            "price": self._money(half_up(abs(line["net"]), units)) if units else _DASH,
            "rate": self._rate(line["tax_rate_ppm"]),
            "net": self._money(line["net"]),
            "total": self._money(line["total"]),
        }

    def _notes(self) -> Sequence[str]:
        document, words = self._document, self._words
        method = words["methods"].get(document.content["payment_method"], words["methods"]["other"])
        name = "returned" if not document.is_invoice else "paid" if document.shipment_id is not None else "due"
        email = document.content["seller"].get("email")
        return [words[name].format(method=method), *([words["questions"].format(email=email)] if email else [])]

    def _money(self, amount: int) -> str:
        value = Decimal(amount).scaleb(-self._digits)
        return format_currency(value, self._document.currency, locale=self._locale).replace("-", _MINUS)

    def _rate(self, ppm: int) -> str:
        return format_percent(Decimal(ppm) / _PPM, "#,##0.###%" if self._language == "en" else "#,##0.### %", self._locale)

    def _day(self, day: date) -> str:
        return format_date(day, "medium", self._locale)

    def _address(self, party: Mapping[str, str | None]) -> list[str]:
        town = " ".join(part for part in (party.get("postal_code"), party.get("city")) if part)
        town += f", {party['region']}" if party.get("region") else ""
        country = self._locale.territories.get(party.get("country") or "", party.get("country"))
        return [line for line in (party["name"], party.get("line1"), party.get("line2"), town, country) if line]
