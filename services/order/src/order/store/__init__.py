"""The order service's SQL: the only room that knows a session or a statement."""

from order.store.carrying import LabelUnwanted, LabelWanted, LateMove, ParcelUnheard, origin_of
from order.store.carts import CartStore, ProductStore, TermsStore, WarehouseStore
from order.store.deadlines import ExpiredChange, ExpiredOrder
from order.store.documents import DocumentFilter, DocumentQueries, DocumentStore, SeriesAudit
from order.store.exchanges import StepDue
from order.store.open_work import count_open
from order.store.orders import OrderStore
from order.store.queries import OrderFilter, OrderQueries
from order.store.returns import ExpiredReturn, ReturnLabelUnwanted, ReturnLabelWanted, ReturnPolicyStore, ReturnQueries
from order.store.throttle import DeclineStore, Throttle

__all__ = [
    "CartStore",
    "DeclineStore",
    "DocumentFilter",
    "DocumentQueries",
    "DocumentStore",
    "ExpiredChange",
    "ExpiredOrder",
    "ExpiredReturn",
    "LabelUnwanted",
    "LabelWanted",
    "LateMove",
    "OrderFilter",
    "OrderQueries",
    "OrderStore",
    "ParcelUnheard",
    "ProductStore",
    "ReturnLabelUnwanted",
    "ReturnLabelWanted",
    "ReturnPolicyStore",
    "ReturnQueries",
    "SeriesAudit",
    "StepDue",
    "TermsStore",
    "Throttle",
    "WarehouseStore",
    "count_open",
    "origin_of",
]
