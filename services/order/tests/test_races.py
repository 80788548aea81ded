"""Cancel against dispatch, many times on two replicas at once: one wins, the other is told so, nothing is half done."""

import asyncio
import random
from collections import Counter
from typing import Any, Final

import pytest

from chassis.testing import THOROUGHLY, told
from contracts.order import OrderCancelled, OrderChanged, ShipmentDispatched
from services.order.tests.conftest import Shop

pytestmark = pytest.mark.database

RACES: Final = 150 * THOROUGHLY
AT_ONCE: Final = 25
SEED: Final = 20260302
PLACES: Final = (("berlin",), ("berlin", "lyon"))
"""One parcel, or two of which the first is about to leave."""


async def test_of_cancel_and_dispatch_one_wins(shop: Shop, replica: Shop) -> None:
    chance = random.Random(SEED)  # noqa: S311 - who starts first is no secret
    outcomes: Counter[str] = Counter()
    for _ in range(RACES // AT_ONCE):
        orders = [await shop.confirmed("ada", *chance.choice(PLACES)) for _ in range(AT_ONCE)]
        outcomes.update(await asyncio.gather(*(race(chance.sample((shop, replica), 2), order, chance) for order in orders)))
    assert outcomes.total() == RACES
    assert set(outcomes) == {"cancelled", "dispatched", "rest cancelled"}
    assert min(outcomes.values()) > RACES // 50, f"who is first must not be settled beforehand: {outcomes}"


async def race(replicas: list[Shop], order: dict[str, Any], chance: random.Random) -> str:
    """Cancel an order while its first parcel leaves; answers what became of it."""
    here, there = replicas
    path = f"/api/orders/{order['order_id']}"
    first = order["shipments"][0]["shipment_id"]
    cancel = here.ask("POST", f"{path}/cancel")
    dispatch = there.ask("POST", f"/api/admin/orders/{order['order_id']}/shipments/{first}/dispatch", "warehouse", user="wim")
    if chance.random() < 0.5:
        cancelled, dispatched = await asyncio.gather(cancel, dispatch)
    else:
        dispatched, cancelled = await asyncio.gather(dispatch, cancel)
    seen = (await here.ask("GET", path)).json()
    facts = await told(here.database, order["order_id"])
    sent = [str(fact.shipment_id) for fact in facts if isinstance(fact, ShipmentDispatched)]
    ended = [fact.type for fact in facts if isinstance(fact, OrderCancelled | OrderChanged)]
    states = {one["shipment_id"]: one["status"] for one in seen["shipments"]}
    codes = (cancelled.status_code, dispatched.status_code)
    if dispatched.status_code == 409:
        assert (codes, dispatched.json()["type"]) == ((200, 409), "urn:waybill:problem:invalid-transition")
        assert (seen["status"], set(states.values()), sent, ended) == ("Cancelled", {"cancelled"}, [], [OrderCancelled.type])
        return "cancelled"
    assert (seen["status"], states.pop(first), sent) == ("Shipped", "dispatched", [first])
    if not states:
        assert (codes, cancelled.json()["type"], ended) == ((409, 200), "urn:waybill:problem:invalid-transition", [])
        return "dispatched"
    assert (codes, set(states.values()), ended) == ((200, 200), {"cancelled"}, [OrderChanged.type])
    assert [one["product_id"] for one in cancelled.json()["cancelled"]] == [order["shipments"][1]["lines"][0]["product_id"]]
    return "rest cancelled"
