"""A shop with a long past: orders of the last year, written by the set; nearly all of them are at rest."""

from datetime import UTC, datetime
from typing import Final

from chassis.database import Database

MANY: Final = 100_000
NOW: Final = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
AT_ONCE: Final = 200_000

_ORDERS: Final = """
INSERT INTO orders (order_id, user_id, order_date, status, order_state, payment_state, fulfilment_state, return_state,
    hold_reason, risk_score, cancel_reason, total_amount, currency, captured_amount, refunded_amount, units, shipped_units,
    delivered_units, shipping_address, billing_address, contact, payment_method, deadline_at, released_at, voided_at,
    decided_at, shipped_at, version, updated_at)
SELECT (lpad(to_hex((extract(epoch FROM placed) * 1000)::bigint), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8'
        || substr(md5(n::text), 4, 15))::uuid,
    'user-' || (n::bigint * 7919) % ($1::int / 10), placed,
    CASE kind WHEN 'pending' THEN 'Pending' WHEN 'open' THEN 'Processing' WHEN 'sent' THEN 'Shipped'
        WHEN 'cancelled' THEN 'Cancelled' WHEN 'refunded' THEN 'Refunded' ELSE 'Delivered' END,
    CASE kind WHEN 'pending' THEN 'pending' WHEN 'cancelled' THEN 'cancelled' ELSE 'confirmed' END,
    CASE WHEN kind = 'pending' THEN 'pending' WHEN kind = 'open' THEN 'authorized' WHEN kind = 'cancelled' THEN 'voided'
        WHEN kind = 'refunded' THEN 'refunded' WHEN n % 20011 = 3 THEN 'capture_failed'
        WHEN n % 997 = 3 THEN 'partially_refunded' ELSE 'captured' END,
    CASE kind WHEN 'pending' THEN 'unplanned' WHEN 'open' THEN 'planned' WHEN 'sent' THEN 'shipped'
        WHEN 'cancelled' THEN 'cancelled' ELSE 'delivered' END,
    CASE WHEN kind = 'refunded' THEN 'received' WHEN n % 10007 = 5 THEN 'requested' ELSE 'none' END,
    CASE WHEN kind = 'pending' AND n % 10 = 0 THEN 'in_review' WHEN n % 20011 = 3 THEN 'capture_failed' END,
    CASE WHEN n % 500 = 0 THEN (n / 500) % 101 END,
    CASE WHEN kind = 'cancelled' THEN (ARRAY['out_of_stock', 'payment_declined', 'customer'])[n % 3 + 1] END,
    total, 'EUR',
    CASE WHEN kind IN ('delivered', 'sent', 'refunded') THEN total ELSE 0 END, CASE kind WHEN 'refunded' THEN total ELSE 0 END,
    CASE kind WHEN 'cancelled' THEN 0 ELSE 2 END, CASE WHEN kind IN ('delivered', 'sent', 'refunded') THEN 2 ELSE 0 END,
    CASE WHEN kind IN ('delivered', 'refunded') THEN 2 ELSE 0 END,
    '{"country": "DE", "city": "Berlin", "name": "Ada Lovelace", "line1": "Hauptstrasse 1", "postal_code": "10115"}',
    '{"country": "DE", "city": "Berlin", "name": "Ada Lovelace", "line1": "Hauptstrasse 1", "postal_code": "10115"}',
    '{"email": "ada@example.com", "phone": "+4930123456"}', 'card', CASE kind WHEN 'pending' THEN $2::timestamptz END,
    CASE kind WHEN 'cancelled' THEN placed END, CASE WHEN kind = 'cancelled' AND n % 9973 <> 5 THEN placed END,
    CASE kind WHEN 'pending' THEN NULL ELSE placed + interval '2 seconds' END,
    CASE WHEN kind IN ('delivered', 'sent', 'refunded') THEN placed + interval '1 day' END, 6, placed
FROM (
    SELECT n, $2::timestamptz - (n + 1) * (interval '365 days' / $1::int) AS placed, 500 + (n::bigint * 7919) % 40000 AS total,
        CASE WHEN n < $1::int / 1000 THEN 'pending' WHEN n < $1::int / 100 THEN 'open' WHEN n < $1::int / 50 THEN 'sent'
            WHEN n % 12 = 5 THEN 'cancelled' WHEN n % 101 = 7 THEN 'refunded' ELSE 'delivered' END AS kind
    FROM generate_series($3::int, $4::int) AS n
) AS past
"""
_ITEMS: Final = """
INSERT INTO order_items (item_id, order_id, position, product_id, name, quantity, price, subtotal, total_amount)
SELECT order_id, order_id, line, CASE WHEN line = 0 THEN 'MUG' WHEN total_amount % 9001 = 7 THEN 'RARE' ELSE 'PEN' END, 'Thing',
    1, total_amount / 2, total_amount / 2, total_amount / 2
FROM orders, generate_series(0, 1) AS line
WHERE NOT EXISTS (SELECT FROM order_items WHERE order_items.order_id = orders.order_id)
"""


async def live_long(database: Database, orders: int) -> None:
    """Write so many orders, evenly over the year before now."""
    for first in range(0, orders, AT_ONCE):
        async with database.transaction() as transaction:
            await transaction.fetch(_ORDERS, orders, transaction.now, first, min(first + AT_ONCE, orders) - 1)
            await transaction.fetch(_ITEMS)
    async with database.pool.acquire() as connection:
        await connection.execute("VACUUM ANALYZE orders")
        await connection.execute("VACUUM ANALYZE order_items")
