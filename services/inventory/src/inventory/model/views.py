"""What a client is shown of products, warehouses and stock: the JSON of the API."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, Field

from contracts import Money
from contracts.types import Line
from inventory.model.catalogue import Product
from inventory.model.lines import HeldLine, WaitingLine
from inventory.model.plan import RoutingPlan, RoutingRule
from inventory.model.reservation import Reservation
from inventory.model.returns import ReceivedLine
from inventory.model.stock import Movement, Stock
from inventory.model.stocktake import Outcome, RowReport
from inventory.model.warehouse import Warehouse


class Availability(StrEnum):
    """What a shopper is told of the stock, which is all they are."""

    IN_STOCK = "in_stock"
    LOW = "low"
    OUT = "out"
    BACKORDER = "backorder"
    """None is there, and it can be ordered all the same."""


class OfferView(BaseModel):
    """A product as a shopper sees it.

    `available` tells whether any of it can be ordered now, from stock or, with `backorder`, beyond it.
    """

    product_id: str
    name: str
    description: str
    price: Money
    available: bool
    availability: Availability
    backorder: bool
    weight_grams: int
    category: str
    image_url: str | None

    @classmethod
    def of(cls, product: Product, availability: str) -> Self:
        """Show a product."""
        return cls(
            product_id=product.sku,
            name=product.name,
            description=product.description,
            price=product.price,
            available=availability != Availability.OUT,
            availability=Availability(availability),
            backorder=product.backorder,
            weight_grams=product.weight_grams,
            category=product.category,
            image_url=product.image_url or None,
        )


class ProductView(BaseModel):
    """A product as its keepers see it; `version` is what If-Match compares."""

    product_id: str
    name: str
    description: str
    price: Money
    active: bool
    weight_grams: int
    tax_class: str
    backorder: bool
    low_stock_threshold: int | None
    components: list[Line]
    category: str
    image_url: str | None
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, product: Product) -> Self:
        """Show a product."""
        return cls(
            product_id=product.sku,
            name=product.name,
            description=product.description,
            price=product.price,
            active=product.active,
            weight_grams=product.weight_grams,
            tax_class=product.tax_class,
            backorder=product.backorder,
            low_stock_threshold=product.low_stock_threshold,
            components=product.components,
            category=product.category,
            image_url=product.image_url or None,
            version=product.version,
            created_at=product.created_at,
            updated_at=product.updated_at,
        )


class WarehouseView(BaseModel):
    """A warehouse, and where its parcels leave from."""

    warehouse_id: str
    name: str
    country: str
    region: str | None
    line1: str
    city: str
    postal_code: str

    @classmethod
    def of(cls, warehouse: Warehouse) -> Self:
        """Show a warehouse."""
        return cls(**{name: getattr(warehouse, name) for name in cls.model_fields})


class StockView(BaseModel):
    """Units of a product in a warehouse; `available` is `on_hand` less `reserved`."""

    product_id: str
    warehouse_id: str
    on_hand: int
    reserved: int
    available: int

    @classmethod
    def of(cls, stock: Stock) -> Self:
        """Show a stock."""
        return cls(
            product_id=stock.sku,
            warehouse_id=stock.warehouse_id,
            on_hand=stock.on_hand,
            reserved=stock.reserved,
            available=stock.available,
        )


class MovementView(BaseModel):
    """A line of the stock ledger."""

    movement_id: UUID
    product_id: str
    warehouse_id: str
    kind: str
    on_hand_delta: int
    reserved_delta: int
    reason: str | None
    order_id: UUID | None
    shipment_id: UUID | None
    actor: str
    at: datetime

    @classmethod
    def of(cls, movement: Movement) -> Self:
        """Show a movement."""
        return cls(
            product_id=movement.sku, **{name: getattr(movement, name) for name in cls.model_fields if name != "product_id"}
        )


class ReservationView(BaseModel):
    """What is held for an order, what it waits for, and what came back of it."""

    order_id: UUID
    status: str
    lines: list[HeldLine]
    waiting: list[WaitingLine]
    shipments: list[UUID]
    receipts: list[ReceivedLine]
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, reservation: Reservation) -> Self:
        """Show a reservation."""
        return cls.model_validate(reservation, from_attributes=True)


class Transferred(BaseModel):
    """Both stocks after units were carried from one to the other."""

    source: StockView = Field(serialization_alias="from")
    target: StockView = Field(serialization_alias="to")


class RuleView(BaseModel):
    """A routing rule; its place in the list is its rank."""

    kind: str
    parameters: dict[str, Any]
    active: bool


class RulesView(BaseModel):
    """All routing rules, the first to be asked first; `version` is what If-Match compares."""

    version: int
    rules: list[RuleView]

    @classmethod
    def of(cls, plan: RoutingPlan, rules: Sequence[RoutingRule]) -> Self:
        """Show the rules."""
        shown = [RuleView(kind=rule.kind, parameters=rule.parameters, active=rule.active) for rule in rules]
        return cls(version=plan.version, rules=shown)


class CountedView(BaseModel):
    """What became of a row of a stocktake; `row` is its number in the file, where the header is row 1."""

    row: int
    product_id: str
    warehouse_id: str
    counted: int | None
    before: int | None
    delta: int | None
    outcome: Outcome
    problem: str | None = None

    @classmethod
    def of(cls, report: RowReport) -> Self:
        """Show a row."""
        counted, before = report.row.counted, report.before
        return cls(
            row=report.row.row,
            product_id=report.row.sku,
            warehouse_id=report.row.warehouse_id,
            counted=counted,
            before=before,
            delta=None if counted is None or before is None else counted - before,
            outcome=report.outcome,
            problem=report.problem,
        )


class Counts(BaseModel):
    """So many rows came to each outcome."""

    rows: int
    counted: int
    unchanged: int
    refused: int


class StocktakeView(BaseModel):
    """What became of a stocktake; with `dry_run`, what would become of it."""

    dry_run: bool
    counts: Counts
    rows: list[CountedView]

    @classmethod
    def of(cls, reports: Sequence[RowReport], *, dry_run: bool) -> Self:
        """Show a report."""
        came_to = Counter(report.outcome for report in reports)
        counts = {str(outcome): came_to[outcome] for outcome in Outcome}
        return cls(
            dry_run=dry_run, counts=Counts(rows=len(reports), **counts), rows=[CountedView.of(report) for report in reports]
        )


class Difference(BaseModel):
    """A stock that does not agree with itself.

    Its counters are not what the ledger adds up to, its `reserved` is not what is held for orders, or the queue of those who
    wait (`queued`, units over all warehouses) is not what reservations wait for (`waiting`).
    """

    product_id: str
    warehouse_id: str | None
    on_hand: int
    reserved: int
    ledger_on_hand: int
    ledger_reserved: int
    held: int
    waiting: int
    queued: int


class AuditView(BaseModel):
    """The counters against the ledger and the reservations; sums are units over all products and warehouses.

    `on_hand` is `received` + `adjusted` + `counted` + `returned` - `written_off` - `shipped`; what was `moved` adds up to 0.
    """

    consistent: bool
    checked: int
    on_hand: int
    reserved: int
    received: int
    adjusted: int
    counted: int
    returned: int
    written_off: int
    moved: int
    shipped: int
    waiting: int
    differences: list[Difference]
