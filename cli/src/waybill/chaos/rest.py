"""Whether anything is under way: asked of databases and topics until nothing is, cheaper than reconciling again and again."""

import asyncio
import contextlib
import time
from typing import Final

from waybill.chaos.stores import AWAY
from waybill.chaos.world import World
from waybill.embedded.system import SERVICES
from waybill.errors import WaybillError
from waybill.reconciliation.topics import behind

LOOK_SECONDS: Final = 0.5
TOPICS: Final = "topics"
# Each by an index where the table grows with the orders: this is asked twice a second.
UNDER_WAY: Final = {
    "order": """SELECT (SELECT count(*) FROM outbox_unpublished)
        + (SELECT count(*) FROM orders WHERE status = 'Pending')
        + (SELECT count(*) FROM orders WHERE order_state = 'cancelled' AND (released_at IS NULL
            OR (voided_at IS NULL AND payment_state <> 'refunded')))
        + (SELECT count(*) FROM order_change WHERE state = 'requested' OR stock_at IS NULL OR money_at IS NULL)
        + (SELECT count(*) FROM order_refund WHERE state = 'requested')
        + (SELECT count(*) FROM shipment_label WHERE state = 'wanted')
        + (SELECT count(*) FROM return_label WHERE state = 'wanted')
        + (SELECT count(*) FROM shipments WHERE move_deadline_at IS NOT NULL)
        + (SELECT count(*) FROM exchange_step)""",
    "inventory": """SELECT (SELECT count(*) FROM outbox_unpublished) + (SELECT count(*) FROM restock)
        + (SELECT count(*) FROM warehouse WHERE due_at IS NOT NULL)""",
    "payment": """SELECT (SELECT count(*) FROM outbox_unpublished) + (SELECT count(*) FROM payment WHERE due_at IS NOT NULL)
        + (SELECT count(*) FROM capture WHERE due_at IS NOT NULL)
        + (SELECT count(*) FROM refund WHERE due_at IS NOT NULL)
        + (SELECT count(*) FROM exchange_credit WHERE due_at IS NOT NULL)
        + (SELECT count(*) FROM review r WHERE due_at IS NOT NULL
            AND NOT EXISTS (SELECT FROM payment p WHERE p.order_id = r.order_id AND p.barred_at IS NOT NULL))""",
    "notification": """SELECT (SELECT count(*) FROM outbox_unpublished)
        + (SELECT count(*) FROM delivery WHERE due_at IS NOT NULL)
        + (SELECT count(*) FROM delivery WHERE status = 'waiting_for_contact')""",
}
"""What each service has not brought to its end. The review of an order that is cancelled waits for nobody."""


async def at_rest(world: World, within: float, left: dict[str, int]) -> bool:
    """Wait until nothing is under way, `within` seconds at the most; `left` is kept up to date with what still is."""
    until = time.monotonic() + within
    while True:
        found = await under_way(world)
        if found is not None:
            left.clear()
            left.update(found)
            if not any(found.values()):
                return True
        if time.monotonic() > until:
            return False
        await asyncio.sleep(LOOK_SECONDS)


async def under_way(world: World) -> dict[str, int] | None:
    """Count what is under way in each service, then what none has heard yet; None where a database or the broker is away."""
    found = await _undone(world)
    if found is None or any(found.values()):
        return found
    unheard = await _unheard(world)
    if unheard is None:
        return None
    return found | {TOPICS: unheard} if unheard else await _undone(world)  # what was heard last may have left more to do


async def _undone(world: World) -> dict[str, int] | None:
    found: dict[str, int] = {}
    with contextlib.suppress(*AWAY):
        for service, question in UNDER_WAY.items():
            connection = await world.database(service)
            try:
                found[service] = int(await connection.fetchval(question))
            finally:
                await connection.close()
        return found
    return None


async def _unheard(world: World) -> int | None:
    """Count the records that a service has still to hear."""
    with contextlib.suppress(WaybillError, OSError, TimeoutError):
        return sum((await behind(world.kafka, SERVICES)).values())
    return None
