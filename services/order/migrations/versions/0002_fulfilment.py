"""Fulfilment: shipping and taxes of an order, its changes, labels and tracking; terms of sale; the copy of the warehouses.

Additive: a running older version goes on with its own columns, and what it writes meanwhile is read with the defaults.
"""

from alembic import op

from chassis.schema import statements

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ORDERS = """
ALTER TABLE orders
    ADD COLUMN shipping_method text,
    ADD COLUMN shipping_name text,
    ADD COLUMN shipping_amount bigint NOT NULL DEFAULT 0 CHECK (shipping_amount >= 0),
    ADD COLUMN shipping_tax_amount bigint NOT NULL DEFAULT 0 CHECK (shipping_tax_amount >= 0),
    ADD COLUMN shipping_tax_rate_ppm integer NOT NULL DEFAULT 0 CHECK (shipping_tax_rate_ppm >= 0),
    ADD COLUMN tax_amount bigint NOT NULL DEFAULT 0 CHECK (tax_amount >= 0),
    ADD COLUMN prices_include_tax boolean NOT NULL DEFAULT true,
    ADD COLUMN rounding text NOT NULL DEFAULT 'half_up_per_line',
    ADD COLUMN backordered jsonb,
    ADD COLUMN changes_count integer NOT NULL DEFAULT 0;
ALTER TABLE order_items
    ADD COLUMN discount_amount bigint NOT NULL DEFAULT 0 CHECK (discount_amount >= 0),
    ADD COLUMN tax_rate_ppm integer NOT NULL DEFAULT 0 CHECK (tax_rate_ppm >= 0),
    ADD COLUMN tax_amount bigint NOT NULL DEFAULT 0 CHECK (tax_amount >= 0),
    ADD COLUMN total_amount bigint,
    ADD COLUMN weight_grams integer NOT NULL DEFAULT 0 CHECK (weight_grams >= 0);
ALTER TABLE order_items DROP CONSTRAINT order_items_quantity_check;
ALTER TABLE order_items ADD CONSTRAINT order_items_quantity_check CHECK (quantity >= 0);
ALTER TABLE shipments
    ADD COLUMN shipping_amount bigint NOT NULL DEFAULT 0 CHECK (shipping_amount >= 0),
    ADD COLUMN service text,
    ADD COLUMN label_id uuid,
    ADD COLUMN hold_reason text,
    ADD COLUMN moving_to text,
    ADD COLUMN move_id uuid,
    ADD COLUMN move_deadline_at timestamptz,
    ADD COLUMN tracking_status text,
    ADD COLUMN tracked_at timestamptz,
    ADD COLUMN expected_delivery date,
    ADD COLUMN look_at timestamptz;
ALTER TABLE shipments DROP CONSTRAINT shipments_state_check;
ALTER TABLE shipments ADD CONSTRAINT shipments_state_check
    CHECK (state IN ('planned', 'held', 'moving', 'dispatched', 'delivered', 'cancelled'));
CREATE INDEX shipments_by_tracking_number ON shipments (tracking_number) WHERE tracking_number IS NOT NULL;
CREATE INDEX shipments_moving ON shipments (move_deadline_at) WHERE move_deadline_at IS NOT NULL;
CREATE INDEX shipments_to_look_at ON shipments (look_at) WHERE look_at IS NOT NULL;
CREATE INDEX shipments_by_warehouse ON shipments (warehouse_id, state, shipment_id)
    WHERE state IN ('planned', 'held', 'moving');

CREATE TABLE shipment_label (
    label_id uuid PRIMARY KEY,
    order_id uuid NOT NULL,
    shipment_id uuid NOT NULL,
    state text NOT NULL CHECK (state IN ('wanted', 'bought', 'failed', 'unwanted', 'voided')),
    wanted_carrier text,
    wanted_service text,
    reference text,
    carrier text,
    service text,
    tracking_number text,
    cost_amount bigint CHECK (cost_amount >= 0),
    cost_currency text,
    pdf bytea,
    error text,
    due_at timestamptz,
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    created_at timestamptz NOT NULL,
    CONSTRAINT bought_is_known CHECK (state <> 'bought' OR (reference IS NOT NULL AND tracking_number IS NOT NULL)),
    CONSTRAINT due_while_open CHECK (due_at IS NULL OR state IN ('wanted', 'unwanted'))
);
CREATE INDEX shipment_label_by_order ON shipment_label (order_id);
CREATE INDEX shipment_label_by_tracking_number ON shipment_label (tracking_number) WHERE tracking_number IS NOT NULL;
CREATE INDEX shipment_label_due ON shipment_label (state, due_at) WHERE due_at IS NOT NULL;

CREATE TABLE tracking_event (
    order_id uuid NOT NULL,
    shipment_id uuid NOT NULL,
    event_key text NOT NULL,
    status text NOT NULL,
    occurred_at timestamptz NOT NULL,
    description text NOT NULL,
    city text,
    region text,
    country text,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (order_id, shipment_id, event_key)
);

CREATE TABLE order_change (
    change_id uuid PRIMARY KEY,
    order_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('addition', 'reduction', 'rest_cancelled', 'address')),
    state text NOT NULL CHECK (state IN ('requested', 'applied', 'withdrawn')),
    items jsonb NOT NULL,
    previous_total bigint NOT NULL CHECK (previous_total >= 0),
    new_total bigint NOT NULL CHECK (new_total >= 0),
    shipping jsonb,
    allocation jsonb,
    backordered jsonb,
    authorized boolean NOT NULL DEFAULT false,
    reason text,
    actor text NOT NULL,
    deadline_at timestamptz,
    stock_at timestamptz,
    money_at timestamptz,
    created_at timestamptz NOT NULL,
    CONSTRAINT waits_while_requested CHECK ((deadline_at IS NOT NULL) = (state = 'requested'))
);
CREATE INDEX order_change_by_order ON order_change (order_id);
CREATE INDEX order_change_waiting ON order_change (deadline_at) WHERE deadline_at IS NOT NULL;
CREATE INDEX order_change_unsettled ON order_change (change_id)
    WHERE state <> 'requested' AND (stock_at IS NULL OR money_at IS NULL);

CREATE TABLE terms (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    version integer NOT NULL,
    shipping_methods jsonb NOT NULL,
    tax_rates jsonb NOT NULL,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL
);
INSERT INTO terms (version, shipping_methods, tax_rates, changed_by, changed_at) VALUES (0, '[]', '[]', 'order', now());

ALTER TABLE product
    ADD COLUMN weight_grams integer NOT NULL DEFAULT 0,
    ADD COLUMN tax_class text NOT NULL DEFAULT 'standard';

CREATE TABLE warehouse (
    warehouse_id text PRIMARY KEY,
    name text NOT NULL,
    country text NOT NULL,
    region text,
    line1 text NOT NULL,
    city text NOT NULL,
    postal_code text NOT NULL,
    sequence integer NOT NULL
);

UPDATE order_items SET total_amount = subtotal;
UPDATE shipments s SET lines = (
    SELECT jsonb_agg(l.line || jsonb_build_object(
        'item_id', i.item_id, 'amount', i.price * (l.line->>'quantity')::bigint) ORDER BY i.position)
    FROM jsonb_array_elements(s.lines) AS l(line)
    JOIN order_items i ON i.order_id = s.order_id AND i.product_id = l.line->>'product_id'
) WHERE jsonb_array_length(s.lines) > 0
"""

DROP = """
DROP TABLE shipment_label, tracking_event, order_change, terms, warehouse;
ALTER TABLE product DROP COLUMN weight_grams, DROP COLUMN tax_class;
DROP INDEX shipments_by_warehouse;
DROP INDEX shipments_to_look_at;
DROP INDEX shipments_moving;
DROP INDEX shipments_by_tracking_number;
ALTER TABLE shipments DROP CONSTRAINT shipments_state_check;
ALTER TABLE shipments ADD CONSTRAINT shipments_state_check
    CHECK (state IN ('planned', 'dispatched', 'delivered', 'cancelled')) NOT VALID;
ALTER TABLE shipments DROP COLUMN shipping_amount, DROP COLUMN service, DROP COLUMN label_id, DROP COLUMN hold_reason,
    DROP COLUMN moving_to, DROP COLUMN move_id, DROP COLUMN move_deadline_at, DROP COLUMN tracking_status,
    DROP COLUMN tracked_at, DROP COLUMN expected_delivery, DROP COLUMN look_at;
ALTER TABLE order_items DROP CONSTRAINT order_items_quantity_check;
ALTER TABLE order_items ADD CONSTRAINT order_items_quantity_check CHECK (quantity > 0) NOT VALID;
ALTER TABLE order_items DROP COLUMN discount_amount, DROP COLUMN tax_rate_ppm, DROP COLUMN tax_amount,
    DROP COLUMN total_amount, DROP COLUMN weight_grams;
ALTER TABLE orders DROP COLUMN shipping_method, DROP COLUMN shipping_name, DROP COLUMN shipping_amount,
    DROP COLUMN shipping_tax_amount, DROP COLUMN shipping_tax_rate_ppm, DROP COLUMN tax_amount,
    DROP COLUMN prices_include_tax, DROP COLUMN rounding, DROP COLUMN backordered, DROP COLUMN changes_count
"""


# An order as it is answered has just over 2 kB now, from where on PostgreSQL would compress it: more work than it saves.
ANSWERS = "ALTER TABLE idempotency SET (toast_tuple_target = 8160)"


def upgrade() -> None:
    for statement in [*statements(ORDERS), ANSWERS]:
        op.execute(statement)


def downgrade() -> None:
    op.execute("ALTER TABLE idempotency RESET (toast_tuple_target)")
    for statement in statements(DROP):
        op.execute(statement)
