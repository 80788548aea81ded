"""Whether anything is under way: asked of the databases until nothing is, which is cheaper than reconciling again and again."""

import asyncio
import contextlib
import time
from typing import Final

from waybill.chaos.stores import AWAY
from waybill.chaos.world import World

LOOK_SECONDS: Final = 0.5
UNDER_WAY: Final = {
    "order": """SELECT (SELECT count(*) FROM outbox_unpublished)
        + (SELECT count(*) FROM orders WHERE order_state = 'pending')
        + (SELECT count(*) FROM orders WHERE order_state = 'cancelled' AND (released_at IS NULL
            OR (voided_at IS NULL AND payment_state <> 'refunded')))
        + (SELECT count(*) FROM order_change WHERE state = 'requested' OR stock_at IS NULL OR money_at IS NULL)
        + (SELECT count(*) FROM order_refund WHERE state = 'requested')
        + (SELECT count(*) FROM shipment_label WHERE state = 'wanted')
        + (SELECT count(*) FROM return_label WHERE state = 'wanted')""",
    "inventory": "SELECT count(*) FROM outbox_unpublished",
    "payment": """SELECT (SELECT count(*) FROM outbox_unpublished) + (SELECT count(*) FROM payment WHERE due_at IS NOT NULL)
        + (SELECT count(*) FROM capture WHERE due_at IS NOT NULL)
        + (SELECT count(*) FROM refund WHERE due_at IS NOT NULL)""",
    "notification": """SELECT (SELECT count(*) FROM outbox_unpublished)
        + (SELECT count(*) FROM delivery WHERE status IN ('waiting_for_contact', 'queued', 'sending'))""",
}
"""What each service has not brought to its end."""


async def at_rest(world: World, within: float, left: dict[str, int]) -> bool:
    """Wait until nothing is under way, `within` seconds at the most; `left` is kept up to date with what still is."""
    until = time.monotonic() + within
    while True:
        found = await under_way(world)
        if found is not None:
            left.update(found)
            if not any(found.values()):
                return True
        if time.monotonic() > until:
            return False
        await asyncio.sleep(LOOK_SECONDS)


async def under_way(world: World) -> dict[str, int] | None:
    """Count what is under way in each service; None where a database is away."""
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
