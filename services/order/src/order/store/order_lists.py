"""Staff's lists of orders: by any axis, held, risky or stuck, by date, product, customer and amount; and how many there are.

Every filter alone, with any sort that is offered, reads about as many rows as it answers, however many orders there ever were
(a test counts them); filters together are served by the most telling one. Four rules make it so. What a status tells apart
already needs no index of its own: orders whose payment is pending are looked for among the Pending and those being cancelled.
An order's id carries the moment of its placing, so newest first is the order of ids, and a date is a range of them. What can
lie in several places is looked for in each, in order, and merged, so that no plan hangs on a guess of the planner's. And states
that no usual order has at once, each of them however frequent, are looked for among the few unusual ones.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Self
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, any_, case, func, literal, or_, select, text, tuple_, union
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from chassis.pages import page, read_cursor
from order.model import (
    Change,
    FulfilmentState,
    Order,
    OrderItem,
    OrderState,
    PaymentState,
    Refund,
    RefundState,
    ReturnState,
    Shipment,
    Status,
)
from order.model.order import IN_REVIEW
from order.model.waiting import CASH_ON_DELIVERY

MOST_COUNTED: Final = 10_000
MOST_RANKED: Final = 500
MOST_MATCHING: Final = 1000
"""What no index counts takes a look at each of its orders."""
ANEW: Final = "anew"
"""What goes by this name matches a filter of its own each time."""
EXPORTED_AT_ONCE: Final = 1000
CLOCKS_APART: Final = timedelta(minutes=1)
"""How far an id's moment and the order's date may be apart; both are read while it is placed."""

AXES: Final[Mapping[str, type[StrEnum]]] = {
    "status": Status,
    "order_state": OrderState,
    "payment_state": PaymentState,
    "fulfilment_state": FulfilmentState,
    "return_state": ReturnState,
}

_id = col(Order.order_id)
_cancelling: Final = and_(
    col(Order.order_state) == "cancelled", or_(col(Order.released_at).is_(None), col(Order.voided_at).is_(None))
)
_to_capture: Final = and_(col(Order.shipped_units) > 0, col(Order.payment_state).in_(("authorized", "partially_captured")))
# Where to look for a state that has no index: each place has one, and together they hold all of it.
_PLACES: Final[Mapping[tuple[str, str], Sequence[ColumnElement[bool]]]] = {
    ("order_state", "pending"): [col(Order.status) == "Pending"],
    ("order_state", "cancelled"): [col(Order.status) == "Cancelled"],
    ("payment_state", "pending"): [col(Order.status) == "Pending", _cancelling],
    ("payment_state", "authorized"): [
        col(Order.status) == "Pending",
        col(Order.status) == "Processing",
        _cancelling,
        _to_capture,
    ],
    ("fulfilment_state", "unplanned"): [col(Order.status) == "Pending"],
    ("fulfilment_state", "planned"): [col(Order.status) == "Processing"],
}


USUAL: Final = (
    ("Pending", "pending", "pending", "unplanned", "none"),
    ("Pending", "pending", "authorized", "unplanned", "none"),
    ("Processing", "confirmed", "authorized", "planned", "none"),
    ("Shipped", "confirmed", "authorized", "shipped", "none"),
    ("Shipped", "confirmed", "captured", "shipped", "none"),
    ("Delivered", "confirmed", "captured", "delivered", "none"),
    ("Delivered", "confirmed", "partially_refunded", "delivered", "none"),
    ("Delivered", "confirmed", "partially_refunded", "delivered", "received"),
    ("Refunded", "confirmed", "refunded", "delivered", "none"),
    ("Refunded", "confirmed", "refunded", "delivered", "received"),
    ("Cancelled", "cancelled", "pending", "cancelled", "none"),
    ("Cancelled", "cancelled", "declined", "cancelled", "none"),
    ("Cancelled", "cancelled", "voided", "cancelled", "none"),
)
"""What orders are, by their axes, nearly all their lives; all others are in an index of their own, which repeats these."""
# In the words of that index, or it is not used.
_unusual: Final = text(f"({', '.join(f'orders.{axis}' for axis in AXES)}) NOT IN ({', '.join(map(str, USUAL))})")


class Sort(StrEnum):
    """How a list of orders is sorted."""

    NEWEST = "newest"
    OLDEST = "oldest"
    HIGHEST = "highest"
    LOWEST = "lowest"


@dataclass(frozen=True, slots=True)
class DeskFilter:
    """What staff's list of orders is narrowed to; None does not narrow. Amounts are minor units of `currency`."""

    status: Status | None = None
    order_state: OrderState | None = None
    payment_state: PaymentState | None = None
    fulfilment_state: FulfilmentState | None = None
    return_state: ReturnState | None = None
    hold_reason: str | None = None
    held: bool = False
    """Only orders that a person must look at, whatever the reason."""
    risk_from: int | None = None
    risk_to: int | None = None
    user_id: str | None = None
    product_id: str | None = None
    placed_from: datetime | None = None
    placed_before: datetime | None = None
    currency: str | None = None
    amount_from: int | None = None
    amount_to: int | None = None
    stuck_since: datetime | None = None
    """Only orders that should have heard something before this moment and have not."""
    now: datetime | None = None

    @classmethod
    def at(cls, axis: str, value: StrEnum) -> Self:
        """Narrow to one state of one axis."""
        chosen: dict[str, Any] = {axis: value}
        return cls(**chosen)

    @property
    def conditions(self) -> list[ColumnElement[bool]]:
        """Say it of the columns of an order."""
        wanted: list[Any] = [_unusual] if self.unusual else []
        for name in (*AXES, "hold_reason", "user_id", "currency"):
            value = getattr(self, name)
            if value is not None:
                wanted.append(getattr(Order, name) == value)
        if self.held:
            wanted.append(col(Order.hold_reason).is_not(None))
        for column, least, most in (
            (col(Order.risk_score), self.risk_from, self.risk_to),
            (col(Order.total_amount), self.amount_from, self.amount_to),
        ):
            wanted += [column >= least] if least is not None else []
            wanted += [column <= most] if most is not None else []
        wanted += [col(Order.order_date) >= self.placed_from] if self.placed_from is not None else []
        wanted += [col(Order.order_date) < self.placed_before] if self.placed_before is not None else []
        return wanted

    def within(self, key: Any) -> list[ColumnElement[bool]]:
        """Say of an order's id when it was placed."""
        wanted: list[ColumnElement[bool]] = []
        wanted += [key >= first_id(self.placed_from - CLOCKS_APART)] if self.placed_from is not None else []
        wanted += [key < first_id(self.placed_before + CLOCKS_APART)] if self.placed_before is not None else []
        return wanted

    @property
    def unusual(self) -> bool:
        """Whether no usual order is in all of the states that are asked for."""
        states = [getattr(self, axis) for axis in AXES]
        return not any(all(state in {None, its} for state, its in zip(states, usual, strict=True)) for usual in USUAL)

    @property
    def places(self) -> list[Sequence[ColumnElement[bool]]]:
        """List, for each condition that no index serves by itself, the places to look in."""
        states = () if self.unusual else AXES
        found = [_PLACES[key] for name in states if (key := (name, str(getattr(self, name)))) in _PLACES]
        return found if self.stuck_since is None else [*found, _stuck(self.stuck_since, self.now or self.stuck_since)]


def first_id(moment: datetime) -> UUID:
    """Give the smallest id of a moment: 48 bits of milliseconds, all else zero."""
    return UUID(int=max(0, int(moment.timestamp() * 1000)) << 80)


def _stuck(since: datetime, now: datetime) -> Sequence[ColumnElement[bool]]:
    """Say where orders can be stuck: they wait for a fact, and have since before `since`; see `order.model.waiting`.

    Who has time left, since a person or the customer must act, is not stuck before it is over.
    """
    given_time = func.coalesce(
        and_(or_(col(Order.hold_reason) == IN_REVIEW, col(Order.payment_action).is_not(None)), col(Order.deadline_at) > now),
        False,
    )
    unsettled = or_(
        and_(col(Change.deadline_at).is_not(None), col(Change.state) == "requested"),
        and_(col(Change.state) != "requested", or_(col(Change.stock_at).is_(None), col(Change.money_at).is_(None))),
    )
    changing = select(Change.order_id).where(unsettled)  # type: ignore[call-overload]
    refunding = select(Refund.order_id).where(  # type: ignore[call-overload]
        col(Refund.state) == RefundState.REQUESTED, col(Refund.created_at) < since
    )
    moving = select(Shipment.order_id).where(col(Shipment.move_deadline_at) < now)  # type: ignore[call-overload]
    due_since = case(
        (col(Order.payment_method) == CASH_ON_DELIVERY, col(Shipment.delivered_at)), else_=col(Shipment.dispatched_at)
    )
    due = (
        select(func.coalesce(func.sum(Shipment.amount), 0))
        .where(col(Shipment.order_id) == _id, due_since < since)
        .scalar_subquery()
    )
    old = col(Order.updated_at) < since
    return [
        and_(col(Order.status) == "Pending", old, ~given_time),
        and_(_cancelling, old),
        and_(col(Order.payment_state) == "capture_failed", old),
        and_(_to_capture, col(Order.captured_amount) < due),
        and_(_id.in_(changing), old),
        _id.in_(refunding),
        _id.in_(moving),
    ]


class OrderLists:
    """Staff's lists, in a read-only session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def ids(
        self, narrowed: DeskFilter, sort: Sort, limit: int, cursor: str | None, ranked: int | None = MOST_RANKED
    ) -> tuple[Sequence[UUID], str | None]:
        """Answer the orders of a page by their ids."""
        rows = (await self._session.exec(listing(narrowed, sort, limit + 1, cursor, ranked))).all()
        found, following = page(rows, limit, tuple)
        return [row[-1] for row in found], following

    async def counts(self, views: Mapping[str, DeskFilter]) -> dict[str, int]:
        """Count the orders of several views at once, each up to one more than is counted of it."""
        if not views:
            return {}
        query = select(*(counting(view, most_counted(name)).scalar_subquery().label(name) for name, view in views.items()))
        row = (await self._session.exec(query)).one()  # type: ignore[call-overload]
        return dict(row._mapping)  # noqa: SLF001 - the name by which SQLAlchemy documents it

    async def exported(self, narrowed: DeskFilter, sort: Sort) -> AsyncIterator[Sequence[Order]]:
        """Answer all orders, some at a time, so that neither side holds them all."""
        cursor: str | None = None
        while True:
            ids, cursor = await self.ids(narrowed, sort, EXPORTED_AT_ONCE, cursor, ranked=None)
            rows = (await self._session.exec(select(Order).where(_id.in_(ids)))).scalars().all()  # type: ignore[call-overload]
            by_id = {order.order_id: order for order in rows}
            yield [by_id[order_id] for order_id in ids if order_id in by_id]
            await self._session.rollback()  # a long export holds no snapshot
            self._session.expunge_all()
            if cursor is None:
                return


def listing(narrowed: DeskFilter, sort: Sort, limit: int, cursor: str | None, ranked: int | None = None) -> Any:
    """Write the query for a page: what it is sorted by, then the id.

    No index holds the orders of a product or a customer by amount: the newest `ranked` are put in that order; None: all.
    """
    by_amount = sort in {Sort.HIGHEST, Sort.LOWEST}
    if by_amount and ranked is not None and (narrowed.product_id is not None or narrowed.user_id is not None):
        newest = listing(narrowed, Sort.NEWEST, ranked, None).subquery()
        return _ranked(newest.c[0], sort, limit, cursor)
    falling = sort in {Sort.NEWEST, Sort.HIGHEST}
    by_product = narrowed.product_id is not None and not by_amount
    # The lines of a product lie in the order of the orders' ids; one order may have several.
    key = col(OrderItem.order_id) if by_product else _id
    keys: tuple[Any, ...] = (col(Order.total_amount), key) if by_amount else (key,)
    wanted = [*narrowed.conditions, *narrowed.within(key)]
    if cursor is not None:
        place = read_cursor(cursor, *((int, UUID) if by_amount else (UUID,)))
        wanted.append(_beyond(keys, place, falling=falling))
    if narrowed.product_id is not None:
        of_product = [col(OrderItem.product_id) == narrowed.product_id, col(OrderItem.order_id) == _id]
        wanted += of_product if by_product else [select(literal(1)).where(*of_product).exists()]
    branches = [
        _ordered(_distinct(select(*keys), by_product).where(*wanted, *alternative), keys, falling=falling).limit(limit)
        for alternative in _alternatives(narrowed.places)
    ]
    if len(branches) == 1:
        return branches[0]
    merged = union(*(select(branch.subquery()) for branch in branches)).subquery()
    return _ordered(select(merged), list(merged.c), falling=falling).limit(limit)


def _ranked(ids: ColumnElement[UUID], sort: Sort, limit: int, cursor: str | None) -> Any:
    """Put orders in the order of their amounts; as an array, or the planner may look for them among all amounts."""
    keys: tuple[Any, ...] = (col(Order.total_amount), _id)
    falling = sort is Sort.HIGHEST
    wanted = [_id == any_(func.array(select(ids).scalar_subquery()))]
    if cursor is not None:
        wanted.append(_beyond(keys, read_cursor(cursor, int, UUID), falling=falling))
    return _ordered(select(*keys).where(*wanted), keys, falling=falling).limit(limit)


def _distinct(query: Select[Any], wanted: bool) -> Select[Any]:  # noqa: FBT001
    return query.distinct() if wanted else query


def _ordered(query: Select[Any], keys: Sequence[Any], *, falling: bool) -> Select[Any]:
    return query.order_by(*(key.desc() if falling else key.asc() for key in keys))


def _alternatives(places: Sequence[Sequence[ColumnElement[bool]]]) -> list[list[ColumnElement[bool]]]:
    """List the ways to look: the condition with the most places in each of them, the others as they are."""
    if not places:
        return [[]]
    first, *others = sorted(places, key=len, reverse=True)
    return [[place, *(or_(*other) for other in others)] for place in first]


def _beyond(keys: Sequence[Any], place: Sequence[Any], *, falling: bool) -> ColumnElement[bool]:
    if len(keys) == 1:
        return keys[0] < place[0] if falling else keys[0] > place[0]  # type: ignore[no-any-return]
    here, there = tuple_(*keys), tuple_(*(literal(value, key.type) for key, value in zip(keys, place, strict=True)))
    return here < there if falling else here > there


def most_counted(name: str) -> int:
    """Tell up to how many orders of a view are counted."""
    return MOST_MATCHING if name == ANEW else MOST_COUNTED


def counting(narrowed: DeskFilter, most: int) -> Select[Any]:
    """Write the query that counts, up to one more than `most`."""
    some = listing(narrowed, Sort.NEWEST, most + 1, None).subquery()
    return select(func.count()).select_from(some)
