"""A document in the words of EN 16931: its business terms (BT) and groups (BG), as a dictionary that becomes CII XML.

A credit note there has positive amounts, and is told apart by its type.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

from babel.numbers import get_currency_precision

from order.model.document import Document

INVOICE_TYPE: Final = "380"
CREDIT_NOTE_TYPE: Final = "381"
MEANS: Final[Mapping[str, str]] = {"card": "48", "cash_on_delivery": "10"}
MEANS_NOT_DEFINED: Final = "1"
PIECES: Final = "C62"


def terms_of(document: Document, shipping_name: str) -> dict[str, Any]:
    """Write a document as business terms."""
    money = _Money(document.currency)
    content = document.content
    net = money(document.total_amount - document.tax_amount)
    total = money(document.total_amount)
    paid = not document.is_invoice or document.shipment_id is not None
    return {
        "BT-1": document.number,
        "BT-2": document.issued_on,
        "BT-3": INVOICE_TYPE if document.is_invoice else CREDIT_NOTE_TYPE,
        "BT-5": document.currency,
        "BT-9": document.issued_on,
        "BT-14": str(document.order_id),
        "BT-72": document.supplied_on,
        "BT-81": MEANS.get(content["payment_method"], MEANS_NOT_DEFINED),
        "BG-3": [{"BT-25": one["number"], "BT-26": date.fromisoformat(one["issued_on"])} for one in document.references],
        "BG-4": _party(content["seller"], content["seller"].get("vat_id") or None),
        "BG-7": _party(content["buyer"], None),
        "BG-23": [
            {
                "BT-116": money(one["net"]),
                "BT-117": money(one["tax"]),
                "BT-118": _category(one["tax_rate_ppm"]),
                "BT-119": _percent(one["tax_rate_ppm"]),
            }
            for one in content["taxes"]
        ],
        "BG-25": [_line(line, money, shipping_name) for line in document.lines],
        "BT-106": net,
        "BT-109": net,
        "BT-110": money(document.tax_amount),
        "BT-112": total,
        "BT-113": total if paid else money(0),
        "BT-115": money(0) if paid else total,
    }


class _Money:
    """Writes amounts of a currency, without their sign."""

    def __init__(self, currency: str) -> None:
        self._digits = get_currency_precision(currency)

    def __call__(self, amount: int) -> str:
        return str(Decimal(abs(amount)).scaleb(-self._digits))


def _percent(ppm: int) -> str:
    return f"{(Decimal(ppm) / 10_000).normalize():f}"


def _category(ppm: int) -> str:
    return "S" if ppm else "Z"


def _party(party: Mapping[str, str | None], vat_id: str | None) -> dict[str, str]:
    terms = {
        "name": party["name"],
        "vat_identifier": vat_id,
        "addr_l1": party.get("line1"),
        "addr_l2": party.get("line2"),
        "city": party.get("city"),
        "postcode": party.get("postal_code"),
        "country_subdivision": party.get("region"),
        "country_code": party.get("country"),
    }
    return {name: term for name, term in terms.items() if term}


def _line(line: Mapping[str, Any], money: _Money, shipping_name: str) -> dict[str, Any]:
    """Write a line; its price is that of all its units together, so that nothing is rounded."""
    quantity = str(abs(line["quantity"]) or 1)
    terms = {
        "BT-126": str(line["position"]),
        "BT-129": quantity,
        "BT-130": PIECES,
        "BT-131": money(line["net"]),
        "BT-146": money(line["net"]),
        "BT-149": quantity,
        "BT-151": _category(line["tax_rate_ppm"]),
        "BT-152": _percent(line["tax_rate_ppm"]),
        "BT-153": line["name"] or shipping_name,
    }
    return terms | ({"BT-155": line["product_id"]} if line["product_id"] else {})
