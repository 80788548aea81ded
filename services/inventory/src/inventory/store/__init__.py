"""SQL out: the inventory's rows, in batches for reactions and commands, in pages for lists."""

from inventory.store.catalogue import Catalogue
from inventory.store.queries import Queries, measure
from inventory.store.room import StockRoom

__all__ = ["Catalogue", "Queries", "StockRoom", "measure"]
