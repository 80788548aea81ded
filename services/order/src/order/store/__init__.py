"""The order service's SQL: the only room that knows a session or a statement."""

from order.store.carrying import LabelUnwanted, LabelWanted, LateMove, ParcelUnheard, origin_of
from order.store.carts import CartStore, ProductStore, TermsStore, WarehouseStore
from order.store.deadlines import ExpiredChange, ExpiredOrder
from order.store.open_work import count_open
from order.store.orders import OrderStore
from order.store.queries import OrderFilter, OrderQueries

__all__ = [
    "CartStore",
    "ExpiredChange",
    "ExpiredOrder",
    "LabelUnwanted",
    "LabelWanted",
    "LateMove",
    "OrderFilter",
    "OrderQueries",
    "OrderStore",
    "ParcelUnheard",
    "ProductStore",
    "TermsStore",
    "WarehouseStore",
    "count_open",
    "origin_of",
]
