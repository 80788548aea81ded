"""SQL out: the inventory's rows, in batches for reactions and commands, in pages for lists."""

from inventory.store.amendments import Amendments
from inventory.store.catalogue import Catalogue
from inventory.store.due import RestockDue, WarehouseDue
from inventory.store.queries import Queries, measure
from inventory.store.room import StockRoom
from inventory.store.rules import RoutingRules

__all__ = ["Amendments", "Catalogue", "Queries", "RestockDue", "RoutingRules", "StockRoom", "WarehouseDue", "measure"]
