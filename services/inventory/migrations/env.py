"""Alembic's environment of the inventory service."""

from chassis.migrations import run
from inventory.model import Table

run(Table.metadata)
