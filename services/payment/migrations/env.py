"""Alembic's environment: the chassis runs it, under a lock."""

from chassis.migrations import run
from payment.model import Table

run(Table.metadata)
