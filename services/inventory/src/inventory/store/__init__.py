"""SQL out: the inventory's rows, in batches for reactions and commands, in pages for lists."""

from inventory.store.amendments import Amendments
from inventory.store.catalogue import Catalogue
from inventory.store.due import RestockDue, WarehouseDue
from inventory.store.queries import Queries, measure
from inventory.store.room import StockRoom
from inventory.store.rules import RoutingRules
from inventory.store.running_out import running_out
from inventory.store.window import Wanted, Window, WindowSort

__all__ = [
    "Amendments",
    "Catalogue",
    "Queries",
    "RestockDue",
    "RoutingRules",
    "StockRoom",
    "Wanted",
    "WarehouseDue",
    "Window",
    "WindowSort",
    "measure",
    "running_out",
]
