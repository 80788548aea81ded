"""The order service's SQL: the only room that knows a session or a statement."""

from order.store.carrying import LabelUnwanted, LabelWanted, LateMove, ParcelUnheard, origin_of
from order.store.carts import CartStore, ProductStore, TermsStore, WarehouseStore
from order.store.deadlines import ExpiredChange, ExpiredOrder
from order.store.documents import DocumentFilter, DocumentQueries, DocumentStore, SeriesAudit
from order.store.exchanges import StepDue
from order.store.open_work import count_open
from order.store.order_counts import Crowded
from order.store.order_lists import ANEW, AXES, DeskFilter, OrderLists, Sort, most_counted
from order.store.orders import OrderStore
from order.store.owed import WORK
from order.store.privacy import PrivacyStore
from order.store.queries import OrderFilter, OrderQueries
from order.store.reports import Figures, order_days, seconds_at
from order.store.returns import ExpiredReturn, ReturnLabelUnwanted, ReturnLabelWanted, ReturnPolicyStore, ReturnQueries
from order.store.search import Found, Search
from order.store.throttle import DeclineStore, Throttle

__all__ = [
    "ANEW",
    "AXES",
    "WORK",
    "CartStore",
    "Crowded",
    "DeclineStore",
    "DeskFilter",
    "DocumentFilter",
    "DocumentQueries",
    "DocumentStore",
    "ExpiredChange",
    "ExpiredOrder",
    "ExpiredReturn",
    "Figures",
    "Found",
    "LabelUnwanted",
    "LabelWanted",
    "LateMove",
    "OrderFilter",
    "OrderLists",
    "OrderQueries",
    "OrderStore",
    "ParcelUnheard",
    "PrivacyStore",
    "ProductStore",
    "ReturnLabelUnwanted",
    "ReturnLabelWanted",
    "ReturnPolicyStore",
    "ReturnQueries",
    "Search",
    "SeriesAudit",
    "Sort",
    "StepDue",
    "TermsStore",
    "Throttle",
    "WarehouseStore",
    "count_open",
    "most_counted",
    "order_days",
    "origin_of",
    "seconds_at",
]
