"""Invoices and credit notes: what they say, and how each is tied to the one before.

A document is written once and never changed: what was wrong is put right by another one. It holds all that it says, buyer and
seller included, so that it reads the same for as long as it must be kept. Documents of a series are numbered without gaps in
the order of their issue, and each carries the hash of the one before.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy import BigInteger, Column, DateTime, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from contracts.order import CreditNoteIssued, InvoiceIssued
from contracts.types import Money
from order.model.table import Table

BEGINNING: Final = "0" * 64
"""The hash before the first document of a series."""
WHOLE: Final = "order"
"""What an invoice over more than one parcel is for; those after the first name what was added."""
SHIPPING: Final = "shipping"
"""The line of what shipping costs, where goods have the id of their item."""

Line = dict[str, Any]


class DocumentKind(StrEnum):
    """Whether money is asked for or given back."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


@dataclass(frozen=True, slots=True)
class Issuing:
    """How a shop issues: when, in which series, and as whom. `{year}` in a series is the year of issue."""

    at_confirmation: bool
    series: Mapping[DocumentKind, str]
    seller: Mapping[str, str]

    def series_of(self, kind: DocumentKind, year: int) -> str:
        """Name the series that a document of a year belongs to."""
        return self.series[kind].replace("{year}", str(year))


class Document(Table, table=True):
    """An invoice or a credit note. Amounts in minor units; those of a credit note are negative.

    `subject` is what it is issued for, once: a parcel, the whole order, a refund. Number, series and hashes are given when it
    is written. `content` holds seller, buyer, lines, taxes and references; lines are divided in `net`, `tax` and `total`.
    """

    __tablename__ = "document"

    document_id: UUID = Field(primary_key=True)
    kind: str = Field(sa_type=Text)
    order_id: UUID
    user_id: str = Field(sa_type=Text)
    subject: str = Field(sa_type=Text)
    shipment_id: UUID | None = None
    refund_id: UUID | None = None
    series: str = Field(default="", sa_type=Text)
    position: int = Field(default=0, sa_type=BigInteger)
    number: str = Field(default="", sa_type=Text)
    issued_at: datetime = Field(sa_type=DateTime(timezone=True))
    issued_on: date
    supplied_on: date
    currency: str = Field(sa_type=Text)
    locale: str = Field(sa_type=Text)
    total_amount: int = Field(sa_type=BigInteger)
    tax_amount: int = Field(sa_type=BigInteger)
    content: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    previous_hash: str = Field(default="", sa_type=Text)
    hash: str = Field(default="", sa_type=Text)

    @property
    def lines(self) -> list[Line]:
        """The lines, as stored."""
        found: list[Line] = self.content["lines"]
        return found

    @property
    def references(self) -> list[Line]:
        """The invoices that a credit note is about: number, day of issue."""
        found: list[Line] = self.content["references"]
        return found

    @property
    def is_invoice(self) -> bool:
        """Whether it asks for money."""
        return self.kind == DocumentKind.INVOICE

    @property
    def reference(self) -> str:
        """What a credit note calls it by: its number; until it has one, its id, which `refer` then replaces."""
        return self.number or str(self.document_id)

    def refer(self, numbered: Mapping[str, "Document"]) -> None:
        """Call invoices by their numbers that got them in the transaction in which this credit note gets its own."""
        for line in self.lines:
            invoice = numbered.get(line.get("invoice", ""))
            if invoice is not None:
                line["invoice"] = invoice.number
        for one in self.references:
            invoice = numbered.get(one["number"])
            if invoice is not None:
                one.update(number=invoice.number, issued_on=invoice.issued_on.isoformat())

    def number_as(self, series: str, position: int, at: datetime, previous_hash: str) -> None:
        """Take a place in a series, not before the one ahead of it; from now on nothing of it changes."""
        self.series, self.position, self.number = series, position, f"{series}{position:06d}"
        self.issued_at = max(self.issued_at, at)
        self.issued_on = self.issued_at.date()
        self.previous_hash = previous_hash
        self.hash = self.fingerprint()

    def fingerprint(self) -> str:
        """Compute what the hash must be: over the one before and all that the document says."""
        said = {name: value for name, value in self.__dict__.items() if name in _SAID}
        said["issued_at"] = f"{self.issued_at.timestamp():.6f}"
        return hashlib.sha256(self.previous_hash.encode() + _canonical(said)).hexdigest()

    @property
    def adds_up(self) -> bool:
        """Tell whether the lines come to the taxes and to the total."""
        lines, taxes = self.lines, self.content["taxes"]
        return (
            all(line["net"] + line["tax"] == line["total"] for line in lines)
            and sum(line["total"] for line in lines) == self.total_amount
            and sum(tax["net"] + tax["tax"] for tax in taxes) == self.total_amount
            and sum(line["tax"] for line in lines) == sum(tax["tax"] for tax in taxes) == self.tax_amount
        )

    def told(self) -> InvoiceIssued | CreditNoteIssued:
        """Write it as the event that tells of it: no word of buyer or goods, and amounts that are positive."""
        facts: dict[str, Any] = {
            "order_id": self.order_id,
            "user_id": self.user_id,
            "document_id": self.document_id,
            "number": self.number,
            "issued_on": self.issued_on,
            "total_amount": Money(amount=abs(self.total_amount), currency=self.currency),
            "tax_amount": Money(amount=abs(self.tax_amount), currency=self.currency),
        }
        if self.is_invoice:
            return InvoiceIssued(**facts, shipment_id=self.shipment_id)
        return CreditNoteIssued(**facts, invoice_number=self.references[0]["number"], refund_id=self.refund_id)


_SAID: Final = frozenset(Document.model_fields) - {"hash"}


def _canonical(value: object) -> bytes:
    """Write a value the one way that it always comes out of the database again: keys sorted, nothing between."""
    return to_json(_sorted(value))


def _sorted(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list | tuple):
        return [_sorted(one) for one in value]
    return value
