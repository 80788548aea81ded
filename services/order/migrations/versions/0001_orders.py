"""Orders, their items, history and shipments; carts; the copy of the catalogue."""

from alembic import op

from chassis.schema import DROP_TABLES, TABLES, statements

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ORDERS = """
CREATE TABLE orders (
    order_id uuid PRIMARY KEY,
    user_id text NOT NULL,
    order_date timestamptz NOT NULL,
    status text NOT NULL CHECK (status IN ('Pending', 'Processing', 'Shipped', 'Delivered', 'Cancelled', 'Refunded')),
    order_state text NOT NULL CHECK (order_state IN ('pending', 'confirmed', 'cancelled')),
    payment_state text NOT NULL,
    fulfilment_state text NOT NULL,
    return_state text NOT NULL,
    hold_reason text,
    cancel_reason text,
    total_amount bigint NOT NULL CHECK (total_amount >= 0),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    captured_amount bigint NOT NULL CHECK (captured_amount >= 0 AND captured_amount <= total_amount),
    refunded_amount bigint NOT NULL CHECK (refunded_amount >= 0 AND refunded_amount <= captured_amount),
    units integer NOT NULL CHECK (units >= 0),
    shipped_units integer NOT NULL CHECK (shipped_units BETWEEN 0 AND units),
    delivered_units integer NOT NULL CHECK (delivered_units BETWEEN 0 AND shipped_units),
    shipping_address jsonb NOT NULL,
    billing_address jsonb NOT NULL,
    contact jsonb NOT NULL,
    payment_method text NOT NULL,
    allocation jsonb,
    deadline_at timestamptz,
    released_at timestamptz,
    voided_at timestamptz,
    version integer NOT NULL,
    updated_at timestamptz NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX orders_by_user ON orders (user_id, order_id DESC);
CREATE INDEX orders_by_status ON orders (status, order_id DESC);
-- The axes are indexed where a public status does not tell them apart already: an order on its way to confirmation is found by
-- its status, and its row is rewritten in place meanwhile.
CREATE INDEX orders_by_payment_state ON orders (payment_state, order_id DESC)
    WHERE payment_state NOT IN ('pending', 'authorized');
CREATE INDEX orders_by_fulfilment_state ON orders (fulfilment_state, order_id DESC)
    WHERE fulfilment_state NOT IN ('unplanned', 'planned');
CREATE INDEX orders_by_return_state ON orders (return_state, order_id DESC) WHERE return_state <> 'none';
CREATE INDEX orders_by_date ON orders USING brin (order_date);
CREATE INDEX orders_cancelling ON orders (order_id)
    WHERE order_state = 'cancelled' AND (released_at IS NULL OR voided_at IS NULL);
CREATE INDEX orders_by_deadline ON orders (deadline_at) WHERE deadline_at IS NOT NULL;

-- The parts of an order have no foreign keys: only the order's store writes them, with the order, in its transaction, and the
-- checks would be a third of what placing costs. `waybill reconcile` finds a part without its order.
CREATE TABLE order_items (
    item_id uuid NOT NULL,
    order_id uuid NOT NULL,
    position integer NOT NULL,
    product_id text NOT NULL,
    name text NOT NULL,
    quantity integer NOT NULL CHECK (quantity > 0),
    price bigint NOT NULL CHECK (price >= 0),
    subtotal bigint NOT NULL CHECK (subtotal = price * quantity),
    PRIMARY KEY (order_id, position)
);
CREATE INDEX order_items_by_product ON order_items (product_id, order_id DESC);

CREATE TABLE order_status_history (
    history_id uuid NOT NULL,
    order_id uuid NOT NULL,
    status text NOT NULL,
    timestamp timestamptz NOT NULL,
    notes text NOT NULL,
    actor text NOT NULL,
    event_id uuid,
    PRIMARY KEY (order_id, history_id)
);

CREATE TABLE shipments (
    shipment_id uuid NOT NULL,
    order_id uuid NOT NULL,
    warehouse_id text NOT NULL,
    state text NOT NULL CHECK (state IN ('planned', 'dispatched', 'delivered', 'cancelled')),
    lines jsonb NOT NULL,
    amount bigint NOT NULL CHECK (amount >= 0),
    carrier text,
    tracking_number text,
    dispatched_at timestamptz,
    delivered_at timestamptz,
    PRIMARY KEY (order_id, shipment_id)
);

CREATE TABLE cart (
    user_id text PRIMARY KEY,
    items jsonb NOT NULL,
    version integer NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE product (
    sku text PRIMARY KEY,
    name text NOT NULL,
    price bigint NOT NULL CHECK (price >= 0),
    currency text NOT NULL,
    active boolean NOT NULL,
    sequence integer NOT NULL
);
"""


def upgrade() -> None:
    for statement in statements(TABLES) + statements(ORDERS):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE order_items, order_status_history, shipments, orders, cart, product")
    for statement in statements(DROP_TABLES):
        op.execute(statement)
