"""The search of staff: one field for whatever a customer, a parcel or a statement of account goes by."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request
from pydantic import BaseModel, StringConstraints

from chassis.auth import Caller, staff
from chassis.requests import Clean
from contracts.types import Money
from order.gateway import Facts
from order.store import Found, Search

router = APIRouter(prefix="/api/admin/search", tags=["admin"])

Reader = Annotated[Caller, staff("support", "warehouse", "finance", "fraud_reviewer", "auditor")]
Wanted = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100, strip_whitespace=True),
    Clean,
    Query(description="An id or its beginning, an order's short reference, a tracking, document or PSP number, a SKU, a user."),
]


class FoundView(BaseModel):
    """Something found: `kind` is order, shipment, return, refund, document, product, customer or payment."""

    kind: str
    id: str
    order_id: UUID | None
    title: str

    @classmethod
    def of(cls, found: Found) -> "FoundView":
        """Show it."""
        return cls(kind=found.kind, id=found.id, order_id=found.order_id, title=found.title)


class FoundList(BaseModel):
    """What was found, the surest first, and which services did not answer."""

    items: list[FoundView]
    missing_services: list[str]


@router.get("")
async def search(request: Request, _: Reader, q: Wanted, authorization: Annotated[str, Header()]) -> FoundList:
    """Find what goes under a name, or begins so; ten of a kind at the most."""
    async with request.app.state.database.reading() as session:
        found = [FoundView.of(one) for one in await Search(session).find(q)]
    facts: Facts = request.app.state.gateways[Facts]
    payments = await facts.payments(q, authorization)
    for payment in payments or ():
        amount = Money.model_validate(payment["amount"])
        title = f"{payment['status']}, {amount.amount} {amount.currency}"
        found.append(FoundView(kind="payment", id=payment["payment_id"], order_id=payment["order_id"], title=title))
    return FoundList(items=found, missing_services=["payment"] if payments is None else [])
