"""Invoices and credit notes: as data or as PDF, for their buyer and for staff; and the audit that nothing is missing."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import BaseModel, StringConstraints

from chassis.auth import Caller, having, staff
from chassis.domain import NotFoundError, Refusal
from chassis.pages import Cursor, Limit
from chassis.requests import Clean
from contracts.types import Address, Money
from order.gateway.papers import Papers
from order.model.document import Document, DocumentKind
from order.store import DocumentFilter, DocumentQueries, OrderQueries, SeriesAudit

router = APIRouter(prefix="/api/orders", tags=["documents"])
admin = APIRouter(prefix="/api/admin/documents", tags=["documents"])

STAFF: Final = ("support", "finance", "auditor")
Looker = Annotated[Caller, Depends(having("customer", *STAFF))]
Reader = Annotated[Caller, staff(*STAFF)]
Auditor = Annotated[Caller, staff("finance", "auditor")]
Series = Annotated[str, StringConstraints(max_length=60), Clean]

JSON: Final = "application/json"
PDF: Final = "application/pdf"
Accept = Annotated[str | None, Header(description="`application/pdf` for the paper; else JSON.", include_in_schema=False)]
EITHER: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {PDF: {"schema": {"type": "string", "format": "binary"}}}},
    406: {"description": "Neither JSON nor PDF is accepted."},
}


class NotAcceptableError(Refusal):
    """The caller takes none of the forms that there are."""

    slug = "not-acceptable"
    title = "There is no such form of it"
    status = 406


class SellerView(BaseModel):
    """Who issued a document."""

    name: str
    line1: str = ""
    postal_code: str = ""
    city: str = ""
    country: str
    vat_id: str = ""
    email: str = ""


class DocumentLineView(BaseModel):
    """A line; `item_id` is that of the order's item, or `shipping`. A credit note's names the invoice it takes from."""

    position: int
    item_id: str
    product_id: str | None
    name: str
    quantity: int
    tax_rate_percent: float
    net_amount: Money
    tax_amount: Money
    total_amount: Money
    invoice: str | None = None


class TaxView(BaseModel):
    """What comes under one tax rate."""

    tax_rate_percent: float
    net_amount: Money
    tax_amount: Money


class ReferenceView(BaseModel):
    """An invoice that a credit note is about."""

    number: str
    issued_on: date


class DocumentSummary(BaseModel):
    """A document in a list; a credit note's amounts are negative."""

    document_id: UUID
    kind: DocumentKind
    number: str
    series: str
    order_id: UUID
    shipment_id: UUID | None
    refund_id: UUID | None
    issued_at: datetime
    issued_on: date
    total_amount: Money
    tax_amount: Money


class DocumentView(DocumentSummary):
    """A document, with all that it says."""

    supplied_on: date
    locale: str
    seller: SellerView
    buyer: Address
    lines: list[DocumentLineView]
    taxes: list[TaxView]
    net_amount: Money
    references: list[ReferenceView]
    hash: str
    previous_hash: str


class DocumentList(BaseModel):
    """The documents of an order, newest first."""

    items: list[DocumentSummary]


class DocumentPage(DocumentList):
    """A page of documents, newest first."""

    next_cursor: str | None = None


class TotalView(BaseModel):
    """What the documents of a series come to in one currency."""

    total_amount: Money
    tax_amount: Money


class SeriesView(BaseModel):
    """What an audit found of a series; `missing` and `broken` name at most a hundred."""

    series: str
    kind: DocumentKind
    sound: bool
    documents: int
    last_number: int
    missing: list[int]
    broken: list[str]
    totals: list[TotalView]


class AuditView(BaseModel):
    """What an audit found: `sound` is whether all numbers are there, unchanged and in order."""

    sound: bool
    series: list[SeriesView]


def _summary(document: Document) -> dict[str, Any]:
    names = ("document_id", "kind", "number", "series", "order_id", "shipment_id", "refund_id", "issued_at", "issued_on")
    return {name: getattr(document, name) for name in names} | {
        "total_amount": _money(document, document.total_amount),
        "tax_amount": _money(document, document.tax_amount),
    }


def _money(document: Document, amount: int) -> Money:
    return Money(amount=amount, currency=document.currency)


def document_view(document: Document) -> DocumentView:
    """Show a document with all that it says."""
    content = document.content
    return DocumentView(
        **_summary(document),
        supplied_on=document.supplied_on,
        locale=document.locale,
        seller=SellerView(**content["seller"]),
        buyer=Address(**content["buyer"]),
        lines=[
            DocumentLineView(
                **_amounts(document, line)
                | {name: line[name] for name in ("position", "item_id", "product_id", "name", "quantity")},
                total_amount=_money(document, line["total"]),
                invoice=line.get("invoice"),
            )
            for line in document.lines
        ],
        taxes=[TaxView(**_amounts(document, one)) for one in content["taxes"]],
        net_amount=_money(document, document.total_amount - document.tax_amount),
        references=[ReferenceView(**one) for one in document.references],
        hash=document.hash,
        previous_hash=document.previous_hash,
    )


def _amounts(document: Document, part: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "tax_rate_percent": part["tax_rate_ppm"] / 10_000,
        "net_amount": _money(document, part["net"]),
        "tax_amount": _money(document, part["tax"]),
    }


def _wanted(accept: str | None) -> str:
    """Choose the form that is wanted most, JSON where both are as welcome; raises NotAcceptableError."""
    welcome = {JSON: 0.0, PDF: 0.0}
    for form in welcome:
        closest = -1
        for part in (accept or "*/*").split(","):
            name, *parameters = (word.strip().lower() for word in part.split(";"))
            ranges = ("*/*", form.split("/")[0] + "/*", form)
            closeness = ranges.index(name) if name in ranges else -1
            if closeness > closest:
                closest, welcome[form] = closeness, _quality(parameters)
    best = max(welcome, key=lambda form: welcome[form])
    if not welcome[best]:
        raise NotAcceptableError(f"A document is {JSON} or {PDF}.", available=list(welcome))
    return best


def _quality(parameters: list[str]) -> float:
    for one in parameters:
        if one.startswith("q="):
            try:
                return min(1.0, max(0.0, float(one[2:])))
            except ValueError:
                return 0.0
    return 1.0


def _user(who: Caller) -> str | None:
    """Whose documents a caller sees: their own, or (None) everybody's."""
    return None if who.roles & {*STAFF, "admin"} else who.user_id


async def _answer(request: Request, document: Document, form: str) -> Response:
    headers = {"Cache-Control": "private, no-cache", "Vary": "Accept"}
    if form == JSON:
        return Response(document_view(document).model_dump_json(), headers=headers, media_type=JSON)
    papers: Papers = request.app.state.gateways[Papers]
    name = document.number.replace("/", "-")
    headers["Content-Disposition"] = f'inline; filename="{name}.pdf"'
    return Response(await papers.pdf(document), headers=headers, media_type=PDF)


@router.get("/{order_id}/invoice", response_model=DocumentView, responses=EITHER)
async def get_invoice(request: Request, who: Looker, order_id: UUID, accept: Accept = None) -> Response:
    """Show the newest invoice of an order, as data or (`Accept: application/pdf`) as PDF."""
    form = _wanted(accept)
    async with request.app.state.database.reading() as session:
        documents = await DocumentQueries(session).of_order(order_id, _user(who))
    newest = next((one for one in documents if one.is_invoice), None)
    if newest is None:
        raise NotFoundError(f"There is no invoice of order {order_id}.")
    return await _answer(request, newest, form)


@router.get("/{order_id}/documents")
async def list_documents(request: Request, who: Looker, order_id: UUID) -> DocumentList:
    """List the invoices and credit notes of an order, newest first."""
    async with request.app.state.database.reading() as session:
        order = await OrderQueries(session).order(order_id, _user(who))
        documents = await DocumentQueries(session).of_order(order.order_id, _user(who))
    return DocumentList(items=[DocumentSummary(**_summary(one)) for one in documents])


@router.get("/{order_id}/documents/{document_id}", response_model=DocumentView, responses=EITHER)
async def get_document(request: Request, who: Looker, order_id: UUID, document_id: UUID, accept: Accept = None) -> Response:
    """Show an invoice or credit note, as data or (`Accept: application/pdf`) as PDF."""
    form = _wanted(accept)
    async with request.app.state.database.reading() as session:
        document = await DocumentQueries(session).document(order_id, document_id, _user(who))
    return await _answer(request, document, form)


@admin.get("")
async def list_all_documents(
    request: Request,
    _: Reader,
    limit: Limit = 50,
    cursor: Cursor = None,
    series: Series | None = None,
    kind: DocumentKind | None = None,
    order_id: UUID | None = None,
    issued_from: date | None = None,
    issued_to: Annotated[date | None, Query(description="The last day.")] = None,
) -> DocumentPage:
    """List all invoices and credit notes, newest first."""
    narrowed = DocumentFilter(series, kind, order_id, issued_from, issued_to)
    async with request.app.state.database.reading() as session:
        documents, following = await DocumentQueries(session).documents(narrowed, limit, cursor)
    return DocumentPage(items=[DocumentSummary(**_summary(one)) for one in documents], next_cursor=following)


@admin.get("/audit")
async def get_audit(request: Request, _: Auditor, series: Series | None = None) -> AuditView:
    """Prove that no number is missing, no document was changed and all add up; of one series or of all."""
    async with request.app.state.database.reading() as session:
        found = await DocumentQueries(session).audit(series)
    return AuditView(sound=all(one.sound for one in found), series=[_series(one) for one in found])


def _series(found: SeriesAudit) -> SeriesView:
    totals = [
        TotalView(**{name: Money(amount=amount, currency=currency) for name, amount in sums.items()})
        for currency, sums in found.totals.items()
    ]
    return SeriesView(
        series=found.series,
        kind=DocumentKind(found.kind),
        sound=found.sound,
        documents=found.documents,
        last_number=found.last_number,
        missing=found.missing,
        broken=found.broken,
        totals=totals,
    )
