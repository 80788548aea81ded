"""What of an order is invoiced, and what of its invoices is credited.

Whatever is invoiced in parts adds up to the order, and what is credited in parts adds up to what was invoiced, taxes too: a
part is what all comes to with it, less what it came to without, and the last part is what is left.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from chassis.domain import Cause, new_id
from order.model.document import SHIPPING, WHOLE, Document, DocumentKind, Issuing, Line
from order.model.order import Order
from order.model.pricing import share, spread
from order.model.shipment import Shipment

CUT: Final = "cut:"
"""How the subject of a credit note begins that follows a change of the order."""

# --- invoices -----------------------------------------------------------------------------------------------------------------


def invoice_parcel(
    order: Order, shipment_id: UUID, issued: Sequence[Document], issuing: Issuing, cause: Cause
) -> Document | None:
    """Invoice a parcel that left: its lines and its part of shipping. None where it is invoiced, alone or with all the rest."""
    shipment = next((one for one in order.shipments if one.shipment_id == shipment_id), None)
    done = {one.subject for one in issued if one.is_invoice}
    if shipment is None or shipment.dispatched_at is None or {str(shipment_id), WHOLE} & done:
        return None
    lines = _parcel_lines(order, shipment, issued)
    return _document(
        order,
        DocumentKind.INVOICE,
        str(shipment_id),
        lines,
        issuing,
        cause,
        supplied_on=shipment.dispatched_at.date(),
        shipment_id=shipment_id,
    )


def _parcel_lines(order: Order, shipment: Shipment, issued: Sequence[Document]) -> list[Line]:
    before = _so_far(issued)
    items = {str(item.item_id): item for item in order.items}
    lines = []
    for sent in shipment.lines:
        item = items[sent["item_id"]]
        units = before[sent["item_id"]].quantity if sent["item_id"] in before else 0
        upto = item.charge(units + sent["quantity"], included=order.prices_include_tax).tax
        tax = upto - item.charge(units, included=order.prices_include_tax).tax
        lines.append(
            _line(sent["item_id"], item.name, sent["quantity"], sent["amount"], tax, item.tax_rate_ppm, item.product_id)
        )
    shipping = before.get(SHIPPING, _Part(0, 0, 0))
    if shipment.shipping_amount:
        upto = share(order.shipping_tax_amount, shipping.total + shipment.shipping_amount, order.shipping_amount)
        lines.append(_shipping_line(order, shipment.shipping_amount, upto - shipping.tax))
    return lines


def invoice_order(order: Order, subject: str, issued: Sequence[Document], issuing: Issuing, cause: Cause) -> Document | None:
    """Invoice all of the order that is not invoiced yet; None where that is nothing, or was done for this subject."""
    if any(one.subject == subject and one.is_invoice for one in issued):
        return None
    before = _so_far(issued)
    lines = []
    for item in order.items:
        done = before.get(str(item.item_id), _Part(0, 0, 0))
        if item.total_amount > done.total:
            quantity, total, tax = item.quantity - done.quantity, item.total_amount - done.total, item.tax_amount - done.tax
            lines.append(_line(str(item.item_id), item.name, quantity, total, tax, item.tax_rate_ppm, item.product_id))
    done = before.get(SHIPPING, _Part(0, 0, 0))
    if order.shipping_amount > done.total:
        lines.append(_shipping_line(order, order.shipping_amount - done.total, order.shipping_tax_amount - done.tax))
    if not lines:
        return None
    return _document(order, DocumentKind.INVOICE, subject, lines, issuing, cause, supplied_on=cause.at.date())


@dataclass(slots=True)
class _Part:
    quantity: int
    total: int
    tax: int


def _so_far(issued: Sequence[Document]) -> dict[str, _Part]:
    """Add up what was invoiced of each line of an order, less what was credited since the order was cut."""
    parts: dict[str, _Part] = {}
    for line in (line for one in issued if one.is_invoice or one.subject.startswith(CUT) for line in one.lines):
        part = parts.setdefault(line["item_id"], _Part(0, 0, 0))
        part.quantity += line["quantity"]
        part.total += line["total"]
        part.tax += line["tax"]
    return parts


# --- credit notes -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Given:
    """What money is given back for: so many units of an item, or shipping, and the part of the amount that they are."""

    item_id: str
    quantity: int
    amount: int


@dataclass(slots=True)
class _Open:
    """What of an invoice's line is not credited."""

    invoice: Document
    line: Line
    quantity: int
    total: int
    tax: int


def credit(
    order: Order,
    amount: int,
    subject: str,
    issued: Sequence[Document],
    issuing: Issuing,
    cause: Cause,
    given: Sequence[Given] = (),
    refund_id: UUID | None = None,
) -> Document | None:
    """Credit money that went back, on what was invoiced: on what is named, and what is left of it on everything in proportion.

    None where nothing was invoiced that is not credited already, or the subject was credited before.
    """
    if any(one.subject == subject and not one.is_invoice for one in issued):
        return None
    open_ones = _still_open(issued)
    amount = min(amount, sum(one.total for one in open_ones))
    if amount <= 0:
        return None
    taken = _divide(amount, open_ones, given)
    lines = [
        _line(
            one.line["item_id"],
            one.line["name"],
            -quantity,
            -total,
            -share(one.tax, total, one.total),
            one.line["tax_rate_ppm"],
            one.line["product_id"],
            invoice=one.invoice.reference,
            position_credited=one.line["position"],
        )
        for one, (quantity, total) in zip(open_ones, taken, strict=True)
        if total
    ]
    credited = [one.invoice for one, (_, total) in zip(open_ones, taken, strict=True) if total]
    return _document(
        order,
        DocumentKind.CREDIT_NOTE,
        subject,
        lines,
        issuing,
        cause,
        supplied_on=cause.at.date(),
        refund_id=refund_id,
        references=_references(credited),
        buyer=credited[-1].content["buyer"],  # whom the invoice was for: the order may not know them any more
    )


def credit_cut(order: Order, change_id: UUID, issued: Sequence[Document], issuing: Issuing, cause: Cause) -> Document | None:
    """Credit what was invoiced and then taken out of the order by a change, or by some."""
    now = {str(item.item_id): (item.quantity, item.total_amount) for item in order.items}
    now[SHIPPING] = (1, order.shipping_amount)
    cut = [
        Given(item_id, part.quantity - now[item_id][0], part.total - now[item_id][1])
        for item_id, part in _so_far(issued).items()
        if part.total > now[item_id][1]
    ]
    return credit(order, sum(one.amount for one in cut), f"{CUT}{change_id}", issued, issuing, cause, cut)


def _references(invoices: Iterable[Document]) -> list[Line]:
    numbered = {one.reference: one.issued_on for one in invoices}
    return [{"number": number, "issued_on": day.isoformat()} for number, day in numbered.items()]


def _still_open(issued: Sequence[Document]) -> list[_Open]:
    open_ones = {
        (one.reference, line["position"]): _Open(one, line, line["quantity"], line["total"], line["tax"])
        for one in issued
        if one.is_invoice
        for line in one.lines
    }
    for line in (line for one in issued if not one.is_invoice for line in one.lines):
        credited = open_ones[line["invoice"], line["position_credited"]]
        credited.quantity += line["quantity"]
        credited.total += line["total"]
        credited.tax += line["tax"]
    return [one for one in open_ones.values() if one.total > 0]


def _divide(amount: int, open_ones: Sequence[_Open], given: Sequence[Given]) -> list[tuple[int, int]]:
    """Divide an amount over open lines: first on what is named, then in proportion to what is left; quantities too."""
    totals, quantities, left = [0] * len(open_ones), [0] * len(open_ones), amount
    amounts = [one.amount for one in given]
    if sum(amounts) > amount:  # a part of it is kept, like a fee
        amounts = spread(amount, amounts)
    for one, most in zip(given, amounts, strict=True):
        wanted, units = most, one.quantity
        for at, line in enumerate(open_ones):
            if line.line["item_id"] != one.item_id:
                continue
            part, some = min(wanted, line.total - totals[at]), min(units, line.quantity - quantities[at])
            totals[at] += part
            quantities[at] += some
            wanted, units, left = wanted - part, units - some, left - part
    rest = spread(left, [line.total - part for line, part in zip(open_ones, totals, strict=True)])
    totals = [part + more for part, more in zip(totals, rest, strict=True)]
    return [
        (line.quantity if total == line.total else quantity, total)
        for line, quantity, total in zip(open_ones, quantities, totals, strict=True)
    ]


# --- what both are made of ----------------------------------------------------------------------------------------------------


def _line(
    item_id: str, name: str, quantity: int, total: int, tax: int, tax_rate_ppm: int, product_id: str | None, **more: Any
) -> Line:
    return {
        "item_id": item_id,
        "product_id": product_id,
        "name": name,
        "quantity": quantity,
        "net": total - tax,
        "tax": tax,
        "total": total,
        "tax_rate_ppm": tax_rate_ppm,
        **more,
    }


def _shipping_line(order: Order, total: int, tax: int) -> Line:
    return _line(SHIPPING, order.shipping_name or "", 1, total, tax, order.shipping_tax_rate_ppm, None)


def _taxes(lines: Sequence[Line]) -> list[dict[str, int]]:
    """Add up lines by tax rate, the highest first."""
    rates: dict[int, dict[str, int]] = {}
    for line in lines:
        rate = rates.setdefault(line["tax_rate_ppm"], {"tax_rate_ppm": line["tax_rate_ppm"], "net": 0, "tax": 0})
        rate["net"] += line["net"]
        rate["tax"] += line["tax"]
    return [rates[ppm] for ppm in sorted(rates, reverse=True)]


def _document(
    order: Order,
    kind: DocumentKind,
    subject: str,
    lines: list[Line],
    issuing: Issuing,
    cause: Cause,
    *,
    supplied_on: date,
    shipment_id: UUID | None = None,
    refund_id: UUID | None = None,
    references: Sequence[Line] = (),
    buyer: Mapping[str, Any] | None = None,
) -> Document:
    return Document(
        document_id=new_id(),
        kind=kind,
        order_id=order.order_id,
        user_id=order.user_id,
        subject=subject,
        shipment_id=shipment_id,
        refund_id=refund_id,
        issued_at=cause.at,
        issued_on=cause.at.date(),
        supplied_on=supplied_on,
        currency=order.currency,
        locale=str(order.contact.get("locale") or "en"),
        total_amount=sum(line["total"] for line in lines),
        tax_amount=sum(line["tax"] for line in lines),
        content={
            "seller": dict(issuing.seller),
            "buyer": dict(buyer or order.billing_address),
            "lines": [{**line, "position": at} for at, line in enumerate(lines, 1)],
            "taxes": _taxes(lines),
            "references": list(references),
            "ordered_on": order.order_date.date().isoformat(),
            "payment_method": order.payment_method,
        },
    )
