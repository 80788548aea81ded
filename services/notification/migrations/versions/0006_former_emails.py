"""The e-mails that customers had before, to which they are told that another one took their place.

An older version that still runs never sees the column. The tombstone of an order whose e-mail has changed meanwhile becomes a
dead letter there, and can be sent back once it has gone: nothing personal is left behind.
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# The wider CHECK is not held against the rows that are there: none of them has a former e-mail.
FORMER = """
ALTER TABLE contact
    ADD COLUMN former_emails jsonb,
    DROP CONSTRAINT only_known_is_personal,
    ADD CONSTRAINT only_known_is_personal CHECK (
        state = 'known' OR num_nonnulls(email, phone, locale, name, former_emails) = 0
    ) NOT VALID
"""
BACK = """
ALTER TABLE contact
    DROP CONSTRAINT only_known_is_personal,
    DROP COLUMN former_emails,
    ADD CONSTRAINT only_known_is_personal CHECK (
        state = 'known' OR (email IS NULL AND phone IS NULL AND locale IS NULL AND name IS NULL)
    )
"""


def upgrade() -> None:
    op.execute(FORMER)


def downgrade() -> None:
    op.execute(BACK)
