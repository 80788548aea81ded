"""The base of the inventory service's tables: a registry of their own, so that no other service's tables mix in."""

from sqlalchemy.orm import registry

from chassis.domain import Aggregate


class Table(Aggregate, registry=registry()):
    """A table of the inventory service."""
