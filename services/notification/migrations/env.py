"""Alembic environment of the notification service."""

from chassis.migrations import run
from notification.model import Table

run(Table.metadata)
