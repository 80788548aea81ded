"""What the shop window shows of a product beyond its name and price, and the indexes by which it is searched and sorted.

An older version that still runs never sees the columns, and leaves them as they are.
"""

from alembic import op

from chassis.schema import statements

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Trigrams find a part of a word; the extension is a trusted one, which the owner of a database may have.
WINDOW = """
CREATE EXTENSION IF NOT EXISTS pg_trgm;
ALTER TABLE product
    ADD COLUMN category text NOT NULL DEFAULT '',
    ADD COLUMN image_url text NOT NULL DEFAULT '',
    ADD COLUMN words text GENERATED ALWAYS AS (sku || ' ' || name || ' ' || description || ' ' || category) STORED;
CREATE INDEX product_by_words ON product USING gin (words gin_trgm_ops);
CREATE INDEX product_by_name ON product (name, sku) WHERE active;
CREATE INDEX product_by_price ON product (price_amount, sku) WHERE active;
CREATE INDEX product_by_category ON product (category, sku) WHERE active
"""

DROP = """
DROP INDEX product_by_category;
DROP INDEX product_by_price;
DROP INDEX product_by_name;
DROP INDEX product_by_words;
ALTER TABLE product DROP COLUMN words, DROP COLUMN image_url, DROP COLUMN category
"""


def upgrade() -> None:
    for statement in statements(WINDOW):
        op.execute(statement)


def downgrade() -> None:
    for statement in statements(DROP):
        op.execute(statement)
