"""The real parts of Waybill without Docker: PostgreSQL, Kafka, gateway and identity provider, started from packages."""

from waybill.embedded.kafka import EmbeddedKafka
from waybill.embedded.postgres import EmbeddedPostgres

__all__ = ["EmbeddedKafka", "EmbeddedPostgres"]
