"""An index for the list of messages that are no mails: they are few where few customers have left a number.

Additive: a running older version does without it.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX delivery_by_channel ON delivery (channel, delivery_id) WHERE channel <> 'email'")


def downgrade() -> None:
    op.execute("DROP INDEX delivery_by_channel")
