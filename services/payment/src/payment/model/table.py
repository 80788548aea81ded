"""The base of this service's aggregates, with a registry of its own."""

from sqlalchemy.orm import registry

from chassis.domain import Aggregate


class Table(Aggregate, registry=registry()):
    """A row of the payment database with behaviour."""
