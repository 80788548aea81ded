"""A person asks to be forgotten: contact and addresses of an order go, here and in every service that heard them."""

from dataclasses import dataclass
from typing import Annotated, Never
from uuid import UUID

from fastapi import APIRouter, Response

from chassis.auth import Caller, staff
from chassis.batch import Answer
from chassis.commands import Runs
from chassis.domain import Cause
from chassis.preconditions import etag
from order.api.views import OrderView, order_body
from order.model.privacy import forget_person
from order.store import OrderStore, PrivacyStore

router = APIRouter(prefix="/api/admin/orders", tags=["admin"])


@dataclass(frozen=True, slots=True)
class ErasePersonalData:
    """Forget who placed an order."""

    order_id: UUID


def erase_personal_data(command: ErasePersonalData, orders: OrderStore, privacy: PrivacyStore, cause: Cause) -> Answer[Never]:
    """Erase contact, addresses and labels' papers; a tombstone tells the other services. What is erased already stays so."""
    order = orders.get(command.order_id)
    if forget_person(order, cause):
        privacy.erase(order.order_id, cause)
    return Answer(order_body(order), headers={"ETag": etag(order.version)})


@router.delete("/{order_id}/personal-data", response_model=OrderView)
async def delete_personal_data(run: Runs, _: Annotated[Caller, staff("support")], order_id: UUID) -> Response:
    """Forget who placed an order that is at rest: contact and addresses go for good, invoices keep what the law wants."""
    return await run(erase_personal_data, ErasePersonalData(order_id))
