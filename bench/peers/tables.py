"""What peers write to, the same for each: a database for each of the four services, the workload's stock; and topics."""

from typing import Final

import asyncpg

from bench.catalogue import UNITS
from bench.workload import PRODUCTS, sku
from waybill.embedded.postgres import EmbeddedPostgres

PLACED: Final = "peer.order.placed"
RESERVED: Final = "peer.stock.reserved"
AUTHORISED: Final = "peer.payment.authorised"
CONFIRMED: Final = "peer.order.confirmed"
TOPICS: Final = (PLACED, RESERVED, AUTHORISED, CONFIRMED)

_MESSAGES: Final = """
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, topic text NOT NULL, key text NOT NULL, payload text NOT NULL,
    created_at timestamptz NOT NULL, sent_at timestamptz
);
CREATE INDEX outbox_unsent ON outbox (id) WHERE sent_at IS NULL;
CREATE TABLE inbox (message_id uuid PRIMARY KEY, at timestamptz NOT NULL DEFAULT now());
"""
TABLES: Final = {
    "order": """
CREATE TABLE orders (
    order_id uuid PRIMARY KEY, user_id text NOT NULL, status text NOT NULL, total_amount bigint NOT NULL,
    shipping_address text NOT NULL, contact text NOT NULL, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL
);
CREATE INDEX orders_of_user ON orders (user_id, created_at);
CREATE TABLE order_line (
    order_id uuid NOT NULL REFERENCES orders, line_no int NOT NULL, product_id text NOT NULL, quantity int NOT NULL,
    price bigint NOT NULL, PRIMARY KEY (order_id, line_no)
);
CREATE TABLE order_history (
    history_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, order_id uuid NOT NULL REFERENCES orders, status text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX history_of_order ON order_history (order_id);
CREATE TABLE idempotency (user_id text NOT NULL, key text NOT NULL, order_id uuid NOT NULL, PRIMARY KEY (user_id, key));
""",
    "inventory": """
CREATE TABLE stock (
    product_id text PRIMARY KEY, on_hand bigint NOT NULL CHECK (on_hand >= 0), reserved bigint NOT NULL DEFAULT 0
);
CREATE TABLE reservation (
    order_id uuid NOT NULL, product_id text NOT NULL, quantity int NOT NULL, PRIMARY KEY (order_id, product_id)
);
""",
    "payment": """
CREATE TABLE payment (
    payment_id uuid PRIMARY KEY, order_id uuid NOT NULL UNIQUE, amount bigint NOT NULL, status text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
""",
    "notification": """
CREATE TABLE delivery (
    delivery_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, order_id uuid NOT NULL UNIQUE, template text NOT NULL,
    body text NOT NULL, created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
""",
}


async def create(server: EmbeddedPostgres, *, messages: bool) -> None:
    """Make the four databases, with an outbox and an inbox in each where a peer has `messages`, and take in the stock."""
    for service, tables in TABLES.items():
        connection = await asyncpg.connect(await server.create_service_database(service))
        try:
            await connection.execute(tables + (_MESSAGES if messages else ""))
            if service == "inventory":
                rows = [(sku(rank), UNITS, 0) for rank in range(PRODUCTS)]
                await connection.copy_records_to_table("stock", records=rows)
        finally:
            await connection.close()
