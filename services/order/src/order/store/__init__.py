"""The order service's SQL: the only room that knows a session or a statement."""

from order.store.carts import CartStore, ProductStore
from order.store.deadlines import ExpiredOrder
from order.store.open_work import count_open
from order.store.orders import OrderStore
from order.store.queries import OrderFilter, OrderQueries

__all__ = ["CartStore", "ExpiredOrder", "OrderFilter", "OrderQueries", "OrderStore", "ProductStore", "count_open"]
