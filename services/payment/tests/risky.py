"""Orders as they look to whoever assesses their risk."""

from typing import Any
from uuid import UUID

from chassis.domain import new_id
from contracts.order import OrderContacts
from contracts.types import Address, Client, Contact, PaymentInstrument

OK = "tok_ok"
DISPOSABLE = "x@mailinator.com"
HOME = Address(name="Alice", line1="1 Main Street", city="Berlin", postal_code="10115", country="DE")
AWAY = Address(name="Alice", line1="2 Rue Haute", city="Lyon", postal_code="69002", country="FR")


def contacts(
    order_id: UUID | None = None,
    user: str = "carol",
    mail: str = "carol@example.org",
    token: str = OK,
    ip: str | None = None,
    device: str | None = None,
    *,
    abroad: bool = False,
) -> OrderContacts:
    """Tell who placed an order, from where, and how it is to be paid."""
    facts: dict[str, Any] = {"order_id": order_id or new_id(), "user_id": user}
    return OrderContacts(
        **facts,
        contact=Contact(email=mail),
        shipping_address=HOME,
        billing_address=AWAY if abroad else HOME,
        payment=PaymentInstrument(method="card", token=token),
        client=Client(ip=ip, device=device),
    )
