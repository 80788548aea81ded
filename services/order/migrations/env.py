"""Alembic's environment of the order service."""

from chassis.migrations import run
from order.model import Table

run(Table.metadata)
