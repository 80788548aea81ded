"""Indexes for lists that are narrowed by several states of an order at once, or by a currency that few orders have.

Additive: a running older version does without them.
"""

from alembic import op

from chassis.schema import statements

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# The usual rows of an order's life, as `order.store.order_lists.USUAL` repeats them: who asks for states that none of them has
# at once finds what there is among the few others. None of the first steps of an order adds to either index.
LISTS = """
CREATE INDEX orders_unusual ON orders (order_id DESC) WHERE (status, order_state, payment_state, fulfilment_state, return_state)
    NOT IN (
        ('Pending', 'pending', 'pending', 'unplanned', 'none'),
        ('Pending', 'pending', 'authorized', 'unplanned', 'none'),
        ('Processing', 'confirmed', 'authorized', 'planned', 'none'),
        ('Shipped', 'confirmed', 'authorized', 'shipped', 'none'),
        ('Shipped', 'confirmed', 'captured', 'shipped', 'none'),
        ('Delivered', 'confirmed', 'captured', 'delivered', 'none'),
        ('Delivered', 'confirmed', 'partially_refunded', 'delivered', 'none'),
        ('Delivered', 'confirmed', 'partially_refunded', 'delivered', 'received'),
        ('Refunded', 'confirmed', 'refunded', 'delivered', 'none'),
        ('Refunded', 'confirmed', 'refunded', 'delivered', 'received'),
        ('Cancelled', 'cancelled', 'pending', 'cancelled', 'none'),
        ('Cancelled', 'cancelled', 'declined', 'cancelled', 'none'),
        ('Cancelled', 'cancelled', 'voided', 'cancelled', 'none')
    );
CREATE INDEX orders_by_currency ON orders USING brin (currency) WITH (autosummarize = on)
"""
DROP = "DROP INDEX orders_by_currency; DROP INDEX orders_unusual"


def upgrade() -> None:
    for statement in statements(LISTS):
        op.execute(statement)


def downgrade() -> None:
    for statement in statements(DROP):
        op.execute(statement)
