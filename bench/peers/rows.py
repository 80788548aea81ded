"""What a peer has in its databases: what is still to do, when an order was confirmed, whether all of it is right."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from bench.catalogue import UNITS
from bench.checking import Check
from bench.databases import Databases
from bench.figures import Story
from bench.generator import Outcome
from bench.peers.system import Peer
from bench.workload import LINES, PRODUCTS
from contracts.order import OrderConfirmed
from waybill.embedded.system import SERVICES

_LINES: Final = "SELECT order_id::text || product_id AS line, quantity FROM {table} WHERE order_id = ANY($1::uuid[])"


async def undone(databases: Databases, peer: Peer) -> dict[str, int]:
    """Count what is still to do before all orders are at rest, by what it is; empty when nothing is."""
    orders = await databases.value("order", "SELECT count(*) FROM orders")
    found = {"orders pending": await databases.value("order", "SELECT count(*) FROM orders WHERE status = 'pending'")}
    found["messages to queue"] = orders - await databases.value("notification", "SELECT count(*) FROM delivery")
    if peer.topics:
        for service in SERVICES:
            waiting = "SELECT count(*) FROM outbox WHERE sent_at IS NULL"
            found[f"{service} unpublished"] = await databases.value(service, waiting)
    return {what: count for what, count in found.items() if count}


async def story(databases: Databases, accepted: Sequence[UUID]) -> Story:
    """Tell when each order was taken up and confirmed, as its rows say, and when the last message was queued."""
    dates = await databases.rows(
        "order", "SELECT order_id, extract(epoch FROM created_at)::float8 AS at FROM orders WHERE order_id = ANY($1)", accepted
    )
    confirmed = await databases.rows(
        "order",
        "SELECT order_id, extract(epoch FROM min(at))::float8 AS at FROM order_history"
        " WHERE status = 'processing' AND order_id = ANY($1) GROUP BY 1",
        accepted,
    )
    last = await databases.value(
        "notification",
        "SELECT extract(epoch FROM max(created_at))::float8 FROM delivery WHERE order_id = ANY($1)",
        accepted,
    )
    facts = {str(row["order_id"]): {OrderConfirmed.type: row["at"]} for row in confirmed}
    return Story({str(row["order_id"]): row["at"] for row in dates}, facts, float(last or 0.0))


async def check(databases: Databases, peer: Peer, outcome: Outcome) -> list[Check]:
    """Check the results of a load that is at rest, as Waybill's are checked."""
    accepted = [UUID(sent.order_id) for sent in outcome.sent if sent.order_id]
    return [
        Check("every order was accepted", "; ".join(f"{count} x {reason}" for reason, count in outcome.failures.items())),
        await _orders(databases, accepted),
        await _reservations(databases, accepted),
        await _stock(databases),
        await _paid(databases, accepted),
        await _told(databases, accepted),
        Check("nothing waits", ", ".join(f"{count} {what}" for what, count in (await undone(databases, peer)).items())),
    ]


async def _orders(databases: Databases, accepted: Sequence[UUID]) -> Check:
    right = await databases.value(
        "order",
        "SELECT count(*) FROM orders WHERE order_id = ANY($1) AND status = 'processing'"
        " AND (SELECT array_agg(status ORDER BY at) FROM order_history h WHERE h.order_id = orders.order_id)"
        " = ARRAY['pending', 'processing']"
        f" AND (SELECT count(*) FROM order_line l WHERE l.order_id = orders.order_id) = {LINES}",
        accepted,
    )
    return Check("every accepted order was confirmed once", _missing(right, accepted))


async def _reservations(databases: Databases, accepted: Sequence[UUID]) -> Check:
    ordered = await databases.rows("order", _LINES.format(table="order_line"), accepted)
    held = await databases.rows("inventory", _LINES.format(table="reservation"), accepted)
    wrong = {(row["line"], row["quantity"]) for row in ordered} ^ {(row["line"], row["quantity"]) for row in held}
    return Check("every line of an order is held, and nothing else", f"{len(wrong)} lines differ" if wrong else "")


async def _stock(databases: Databases) -> Check:
    differing = await databases.value(
        "inventory",
        "SELECT count(*) FROM stock LEFT JOIN (SELECT product_id, sum(quantity) AS held FROM reservation GROUP BY 1) r"
        " USING (product_id) WHERE reserved <> coalesce(held, 0) OR on_hand + reserved <> $1",
        UNITS,
    )
    products = await databases.value("inventory", "SELECT count(*) FROM stock")
    problem = f"{differing} products differ" if differing else "" if products == PRODUCTS else f"{products} products"
    return Check("stock is what was taken in, less what is held", problem)


async def _paid(databases: Databases, accepted: Sequence[UUID]) -> Check:
    totals = await databases.rows("order", "SELECT order_id, total_amount FROM orders WHERE order_id = ANY($1)", accepted)
    paid = await databases.rows(
        "payment", "SELECT order_id, amount FROM payment WHERE status = 'authorized' AND order_id = ANY($1)", accepted
    )
    wrong = {tuple(row.values()) for row in totals} ^ {tuple(row.values()) for row in paid}
    return Check("the total of every order is authorised", f"{len(wrong)} amounts differ" if wrong else "")


async def _told(databases: Databases, accepted: Sequence[UUID]) -> Check:
    told = await databases.value("notification", "SELECT count(*) FROM delivery WHERE order_id = ANY($1)", accepted)
    return Check("every customer was told once", _missing(told, accepted))


def _missing(right: int, accepted: Sequence[UUID]) -> str:
    return "" if right == len(accepted) else f"{right} of {len(accepted)} were"
