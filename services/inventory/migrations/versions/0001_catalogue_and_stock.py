"""Products, warehouses, stock, its ledger, and reservations; the chassis's tables."""

from alembic import op

from chassis.schema import DROP_TABLES, TABLES, statements

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

CATALOGUE_AND_STOCK = """
CREATE TABLE product (
    sku text PRIMARY KEY CHECK (sku ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$'),
    name text NOT NULL,
    description text NOT NULL,
    price_amount bigint NOT NULL CHECK (price_amount > 0),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    active boolean NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE warehouse (
    warehouse_id text PRIMARY KEY,
    name text NOT NULL,
    country text NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
    region text,
    created_at timestamptz NOT NULL
);

CREATE TABLE stock (
    sku text NOT NULL REFERENCES product,
    warehouse_id text NOT NULL REFERENCES warehouse,
    on_hand bigint NOT NULL DEFAULT 0,
    reserved bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (sku, warehouse_id),
    CONSTRAINT stock_never_negative CHECK (0 <= reserved AND reserved <= on_hand)
) WITH (fillfactor = 50);
CREATE INDEX stock_by_warehouse ON stock (warehouse_id, sku);

CREATE TABLE stock_movement (
    movement_id uuid NOT NULL,
    sku text NOT NULL,
    warehouse_id text NOT NULL,
    kind text NOT NULL,
    on_hand_delta bigint NOT NULL,
    reserved_delta bigint NOT NULL,
    reason text,
    order_id uuid,
    shipment_id uuid,
    actor text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (sku, movement_id),
    CONSTRAINT stock_movement_is_one_of_its_kind CHECK (CASE kind
        WHEN 'received' THEN on_hand_delta > 0 AND reserved_delta = 0 AND reason IS NOT NULL
        WHEN 'adjusted' THEN on_hand_delta <> 0 AND reserved_delta = 0 AND reason IS NOT NULL
        WHEN 'reserved' THEN on_hand_delta = 0 AND reserved_delta > 0 AND order_id IS NOT NULL
        WHEN 'released' THEN on_hand_delta = 0 AND reserved_delta < 0 AND order_id IS NOT NULL
        WHEN 'shipped' THEN on_hand_delta < 0 AND reserved_delta = on_hand_delta
            AND order_id IS NOT NULL AND shipment_id IS NOT NULL
        ELSE false END)
);

CREATE TABLE reservation (
    order_id uuid PRIMARY KEY,
    user_id text NOT NULL,
    status text NOT NULL
        CHECK (status IN ('held', 'refused', 'barred', 'released', 'partly_shipped', 'shipped')),
    lines jsonb NOT NULL,
    shipments jsonb NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX reservation_live ON reservation (status) WHERE status IN ('held', 'partly_shipped');
"""

# The service owns its tables, so a privilege would not stop it: the ledger defends itself.
REFUSE_CHANGE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$
"""
APPEND_ONLY = """
CREATE TRIGGER stock_movement_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON stock_movement
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""


def upgrade() -> None:
    for statement in [*statements(TABLES), *statements(CATALOGUE_AND_STOCK), REFUSE_CHANGE, APPEND_ONLY]:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE reservation, stock_movement, stock, warehouse, product")
    op.execute("DROP FUNCTION refuse_change")
    for statement in statements(DROP_TABLES):
        op.execute(statement)
