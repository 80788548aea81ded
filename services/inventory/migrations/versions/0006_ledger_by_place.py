"""The ledger is read by product and warehouse: its key says so, and no second index is to be written for each order.

An older version that still runs goes on; a list of movements, and the report of what runs out, sort a product's whole ledger
there until it has gone.
"""

from alembic import op

from chassis.schema import statements

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# The index comes first: it reads the table, and only writers wait for that; to change the key takes a moment then.
BY_PLACE = """
CREATE UNIQUE INDEX stock_movement_key ON stock_movement (sku, warehouse_id, movement_id);
ALTER TABLE stock_movement DROP CONSTRAINT stock_movement_pkey,
    ADD CONSTRAINT stock_movement_pkey PRIMARY KEY USING INDEX stock_movement_key
"""

BY_PRODUCT = """
CREATE UNIQUE INDEX stock_movement_key ON stock_movement (sku, movement_id);
ALTER TABLE stock_movement DROP CONSTRAINT stock_movement_pkey,
    ADD CONSTRAINT stock_movement_pkey PRIMARY KEY USING INDEX stock_movement_key
"""


def upgrade() -> None:
    for statement in statements(BY_PLACE):
        op.execute(statement)


def downgrade() -> None:
    for statement in statements(BY_PRODUCT):
        op.execute(statement)
