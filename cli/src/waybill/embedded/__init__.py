"""The real parts of Waybill without Docker: PostgreSQL, Kafka, gateway and identity provider, started from packages.

`EmbeddedPostgres` and `EmbeddedKafka` serve tests and tools as a library; they are imported when they are first named, so that
commands which only read the state of a run stay quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from waybill.embedded.kafka import EmbeddedKafka
    from waybill.embedded.postgres import EmbeddedPostgres

__all__ = ["EmbeddedKafka", "EmbeddedPostgres"]

_MODULES = {"EmbeddedKafka": "waybill.embedded.kafka", "EmbeddedPostgres": "waybill.embedded.postgres"}


def __getattr__(name: str) -> Any:
    """Import one of the two when it is first used."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(import_module(_MODULES[name]), name)
