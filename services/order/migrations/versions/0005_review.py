"""From where orders were placed, as a mark that cannot be read back, and the payments declined to each such place.

Additive: a running older version notes neither.
"""

from alembic import op

from chassis.schema import statements

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

REVIEW = """
ALTER TABLE orders ADD COLUMN client_mark uuid;
CREATE TABLE client_decline (
    order_id uuid PRIMARY KEY,
    client_mark uuid NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX client_decline_by_time ON client_decline (at)
"""


def upgrade() -> None:
    for statement in statements(REVIEW):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE client_decline")
    op.execute("ALTER TABLE orders DROP COLUMN client_mark")
