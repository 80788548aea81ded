"""The peer `dbos`: one program that runs a durable workflow for each order, as DBOS's documentation advises.

An order is answered when its first step is done, under an id made from the customer and the Idempotency-Key; its workflow runs
to its end, also after a crash. Each of the five steps is one idempotent statement in the database of its owner, so that it may
be repeated; DBOS notes the result of each in its own database. Two processes share the work, each with an id of its own; DBOS's
tables are made before they start. Run as `python -m bench.peers.with_dbos`.
"""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import asyncpg
from dbos import DBOS, SetWorkflowID, run_dbos_database_migrations
from fastapi import Depends, FastAPI, Response

from bench.catalogue import PRICE
from bench.peers.taking import CONNECTIONS, IdempotencyKey, NewOrder, Placed, customer, database, serve, tell_life

NAMESPACE: Final = uuid.UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
ACCEPT_SECONDS: Final = 5.0
SERVICES: Final = ("order", "inventory", "payment", "notification")
Pool = Any

_ACCEPT: Final = """
WITH placed AS (
    INSERT INTO orders VALUES ($1, $2, 'pending', $3, $4, $5, $6, clock_timestamp()) ON CONFLICT DO NOTHING RETURNING order_id
), lines AS (
    INSERT INTO order_line
    SELECT order_id, line_no, product_id, quantity, $10
    FROM placed, unnest($7::int[], $8::text[], $9::int[]) AS line (line_no, product_id, quantity)
)
INSERT INTO order_history (order_id, status) SELECT order_id, 'pending' FROM placed
"""
_RESERVE: Final = """
WITH locked AS MATERIALIZED (
    SELECT product_id FROM stock WHERE product_id = ANY($2::text[]) ORDER BY product_id FOR UPDATE
), held AS (
    INSERT INTO reservation SELECT $1, product_id, quantity FROM unnest($2::text[], $3::int[]) AS line (product_id, quantity)
    ON CONFLICT DO NOTHING RETURNING product_id, quantity
)
UPDATE stock SET on_hand = on_hand - held.quantity, reserved = reserved + held.quantity
FROM held JOIN locked USING (product_id) WHERE stock.product_id = held.product_id
"""
_AUTHORISE: Final = """
INSERT INTO payment (payment_id, order_id, amount, status) VALUES (gen_random_uuid(), $1, $2, 'authorized')
ON CONFLICT DO NOTHING
"""
_CONFIRM: Final = """
WITH confirmed AS (
    UPDATE orders SET status = 'processing', updated_at = clock_timestamp() WHERE order_id = $1 AND status = 'pending'
    RETURNING order_id
)
INSERT INTO order_history (order_id, status) SELECT order_id, 'processing' FROM confirmed
"""
_NOTIFY: Final = "INSERT INTO delivery (order_id, template, body) VALUES ($1, 'confirmed', $2) ON CONFLICT DO NOTHING"

pools: dict[str, Pool] = {}
accepting: dict[str, asyncio.Future[None]] = {}
"""Who waits for the first step of an order; in this process alone, and it may be nobody."""


@DBOS.step()
async def accept(order_id: str, user: str, order: dict[str, Any], at: float) -> None:
    """Note the order with its lines."""
    lines = order["items"]
    await pools["order"].execute(
        _ACCEPT,
        uuid.UUID(order_id),
        user,
        order["total"],
        order["shipping_address"],
        order["contact"],
        datetime.fromtimestamp(at, UTC),
        list(range(len(lines))),
        [product for product, _ in lines],
        [quantity for _, quantity in lines],
        PRICE,
    )


@DBOS.step()
async def reserve(order_id: str, lines: list[tuple[str, int]]) -> None:
    """Hold its units."""
    products = [product for product, _ in lines]
    await pools["inventory"].execute(_RESERVE, uuid.UUID(order_id), products, [quantity for _, quantity in lines])


@DBOS.step()
async def authorise(order_id: str, amount: int) -> None:
    """Hold its money."""
    await pools["payment"].execute(_AUTHORISE, uuid.UUID(order_id), amount)


@DBOS.step()
async def confirm(order_id: str) -> None:
    """Confirm it."""
    await pools["order"].execute(_CONFIRM, uuid.UUID(order_id))


@DBOS.step()
async def notify(order_id: str, user: str) -> None:
    """Queue the message that it is confirmed."""
    await pools["notification"].execute(_NOTIFY, uuid.UUID(order_id), f"Dear {user}, your order {order_id} is confirmed.")


@DBOS.workflow()
async def place_order(order_id: str, user: str, order: dict[str, Any], at: float) -> None:
    """Take an order through its five steps."""
    await accept(order_id, user, order, at)
    waiting = accepting.pop(order_id, None)
    if waiting is not None and not waiting.done():
        waiting.set_result(None)
    await reserve(order_id, order["items"])
    await authorise(order_id, order["total"])
    await confirm(order_id)
    await notify(order_id, user)


@asynccontextmanager
async def life(_: FastAPI) -> AsyncIterator[None]:
    """Connect, have DBOS take up what an earlier process left, and let go again."""
    async with AsyncExitStack() as stack:
        for service in SERVICES:
            pool = asyncpg.create_pool(database(service), min_size=2, max_size=CONNECTIONS)
            pools[service] = await stack.enter_async_context(pool)
        DBOS(
            config={
                "name": "orders",
                "system_database_url": database("dbos"),
                "sys_db_pool_size": CONNECTIONS,
                "application_version": "1",
                "executor_id": str(os.getpid()),
                "log_level": "WARNING",
            }
        )
        DBOS.launch()
        try:
            yield
        finally:
            DBOS.destroy()


app = FastAPI(lifespan=life)
tell_life(app)


@app.post("/api/orders", status_code=201)
async def place(order: NewOrder, user: Annotated[str, Depends(customer)], key: IdempotencyKey, response: Response) -> Placed:
    """Start the workflow of an order, or find the one that was started with the same key."""
    order_id = uuid.uuid5(NAMESPACE, f"{user}:{key}")
    facts = {
        "items": [(line.product_id, line.quantity) for line in order.items],
        "shipping_address": order.shipping_address.model_dump_json(),
        "contact": order.contact.model_dump_json(),
        "total": order.total,
    }
    accepted = accepting.setdefault(str(order_id), asyncio.get_running_loop().create_future())
    with SetWorkflowID(str(order_id)):
        await DBOS.start_workflow_async(place_order, str(order_id), user, facts, datetime.now(UTC).timestamp())
    # It is durable now, here or where the same key came first. Who waits for its first step does not crowd it out with a next.
    await asyncio.wait({accepted}, timeout=ACCEPT_SECONDS)
    accepting.pop(str(order_id), None)
    response.headers["Location"] = f"/api/orders/{order_id}"
    return Placed(order_id=order_id, status="Pending", total_amount=order.total)


if __name__ == "__main__":
    run_dbos_database_migrations(database("dbos"))
    serve("bench.peers.with_dbos:app", workers=2)
