"""What the customer has to do before the money is there is shown, the order waits for it, and then it is gone."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from chassis.domain import new_id
from chassis.testing import MORNING, perform
from contracts.payment import PaymentAction, PaymentActionRequired
from contracts.types import Money
from order.handlers import cancel_expired, confirm_order, note_action_required
from order.store import ExpiredOrder
from services.order.tests.conftest import Shop
from services.order.tests.test_handlers import authorized

pytestmark = pytest.mark.database
DEADLINE = MORNING + timedelta(days=5)


def required(order: dict[str, Any]) -> PaymentActionRequired:
    return PaymentActionRequired(
        order_id=UUID(order["order_id"]),
        user_id="ada",
        payment_id=new_id(),
        action=PaymentAction.CHALLENGE,
        amount=Money(**order["total_amount"]),
        reference="/sim/psp/challenge/pi_1",
        deadline_at=DEADLINE,
    )


async def shown(shop: Shop, order: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await shop.ask("GET", f"/api/orders/{order['order_id']}")).json()
    return found


async def test_the_customer_sees_what_to_do_until_it_is_done(shop: Shop) -> None:
    order = (await shop.place()).json()
    assert order["payment_action"] is None
    await perform(shop.database, note_action_required, required(order))
    waiting = await shown(shop, order)
    assert waiting["payment_action"] == {
        "kind": "challenge",
        "reference": "/sim/psp/challenge/pi_1",
        "deadline_at": DEADLINE.isoformat(),
    }
    async with shop.database.transaction() as transaction:
        waits_until = await ExpiredOrder.next_due(transaction)
    assert waits_until is not None
    assert waits_until > DEADLINE, "the order waits longer than its customer may"
    await perform(shop.database, confirm_order, authorized(UUID(order["order_id"])))
    assert (await shown(shop, order))["payment_action"] is None


async def test_it_asks_for_nothing_after_its_end(shop: Shop) -> None:
    order = (await shop.place()).json()
    await perform(shop.database, note_action_required, required(order))
    assert (await shop.ask("POST", f"/api/orders/{order['order_id']}/cancel")).status_code == 200
    await perform(shop.database, note_action_required, required(order))
    ended = await shown(shop, order)
    assert (ended["status"], ended["payment_action"]) == ("Cancelled", None)


async def test_an_order_that_waits_in_vain_ends(shop: Shop) -> None:
    order = (await shop.place()).json()
    await perform(shop.database, note_action_required, required(order))
    shop.clock.forward(days=6)
    async with shop.database.transaction() as transaction:
        [due] = await ExpiredOrder.claim(transaction, 10)
    await perform(shop.database, cancel_expired, due)
    assert (await shown(shop, order))["cancel_reason"] == "deadline"
