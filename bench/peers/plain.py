"""The peer `plain`: the design that most teams write. Four services, FastStream and an ORM, one message a transaction.

A service takes one message at a time: it looks whether it knows it, changes its rows through the ORM, leaves what it has to
tell in its outbox, and commits all of it together. The outbox is polled every 100 ms and its rows are published one by one. Run
as `python -m bench.peers.plain SERVICE`.
"""

import asyncio
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from aiokafka.errors import KafkaError
from fastapi import Depends, FastAPI, Response
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from pydantic import BaseModel
from sqlalchemy import Column, DateTime
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlmodel import Field, SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bench.catalogue import PRICE
from bench.peers.tables import AUTHORISED, CONFIRMED, PLACED, RESERVED
from bench.peers.taking import (
    CONNECTIONS,
    IdempotencyKey,
    Line,
    NewOrder,
    Placed,
    brokers,
    customer,
    database,
    serve,
    tell_life,
)

POLL_SECONDS: Final = 0.1
PUBLISHED_AT_ONCE: Final = 100


class Event(BaseModel):
    """What a service tells the others."""

    message_id: uuid.UUID
    order_id: uuid.UUID
    user_id: str
    total_amount: int
    lines: list[Line] = []


def _moment() -> Any:
    return Column(DateTime(timezone=True), nullable=False)


def _now() -> datetime:
    return datetime.now(UTC)


class Orders(SQLModel, table=True):
    """An order."""

    order_id: uuid.UUID = Field(primary_key=True)
    user_id: str
    status: str
    total_amount: int
    shipping_address: str
    contact: str
    created_at: datetime = Field(sa_column=_moment())
    updated_at: datetime = Field(sa_column=_moment())


class OrderLine(SQLModel, table=True):
    """A line of an order."""

    __tablename__ = "order_line"
    order_id: uuid.UUID = Field(primary_key=True, foreign_key="orders.order_id")
    line_no: int = Field(primary_key=True)
    product_id: str
    quantity: int
    price: int


class OrderHistory(SQLModel, table=True):
    """A change of an order's status."""

    __tablename__ = "order_history"
    history_id: int | None = Field(default=None, primary_key=True)
    order_id: uuid.UUID = Field(foreign_key="orders.order_id")
    status: str
    at: datetime = Field(sa_column=_moment())


class Idempotency(SQLModel, table=True):
    """The order that a key stands for."""

    user_id: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    order_id: uuid.UUID


class Stock(SQLModel, table=True):
    """Units of a product."""

    product_id: str = Field(primary_key=True)
    on_hand: int
    reserved: int


class Reservation(SQLModel, table=True):
    """Units held for an order."""

    order_id: uuid.UUID = Field(primary_key=True)
    product_id: str = Field(primary_key=True)
    quantity: int


class Payment(SQLModel, table=True):
    """Money held for an order."""

    payment_id: uuid.UUID = Field(primary_key=True)
    order_id: uuid.UUID
    amount: int
    status: str
    created_at: datetime = Field(sa_column=_moment())


class Delivery(SQLModel, table=True):
    """A message to a customer."""

    delivery_id: int | None = Field(default=None, primary_key=True)
    order_id: uuid.UUID
    template: str
    body: str
    created_at: datetime = Field(sa_column=_moment())


class Outbox(SQLModel, table=True):
    """An event on its way out."""

    id: int | None = Field(default=None, primary_key=True)
    topic: str
    key: str
    payload: str
    created_at: datetime = Field(sa_column=_moment())
    sent_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True), nullable=True))


class Inbox(SQLModel, table=True):
    """An event that was handled."""

    message_id: uuid.UUID = Field(primary_key=True)


def tell(session: AsyncSession, topic: str, about: Event) -> None:
    """Leave an event in the outbox, under an id of its own."""
    event = about.model_copy(update={"message_id": uuid.uuid4()})
    row = Outbox(topic=topic, key=str(event.order_id), payload=event.model_dump_json(), created_at=_now())
    session.add(row)


async def known(session: AsyncSession, event: Event) -> bool:
    """Tell whether an event was handled before; from now on it was."""
    if await session.get(Inbox, event.message_id) is not None:
        return True
    session.add(Inbox(message_id=event.message_id))
    return False


class Service:
    """One of the four services, and what each of them does."""

    def __init__(self, name: str) -> None:
        url = database(name).replace("postgresql:", "postgresql+asyncpg:")
        engine = create_async_engine(url, pool_size=CONNECTIONS, max_overflow=CONNECTIONS)
        self.sessions = async_sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)
        self.broker = KafkaBroker(brokers(), acks="all", logger=None)
        self.app = FastAPI(lifespan=self.life)
        tell_life(self.app)
        self._name = name

    def hears(self, topic: str, handler: Callable[[AsyncSession, Event], Awaitable[None]]) -> None:
        """Have each event of a topic handled once, in a transaction of its own."""

        async def handle(event: Event) -> None:
            async with self.sessions() as session, session.begin():
                if not await known(session, event):
                    await handler(session, event)

        policy = AckPolicy.NACK_ON_ERROR
        self.broker.subscriber(topic, group_id=self._name, auto_offset_reset="earliest", ack_policy=policy)(handle)

    @asynccontextmanager
    async def life(self, _: FastAPI) -> AsyncIterator[None]:
        """Hear and publish while the service lives."""
        await self.broker.start()
        publishing = asyncio.create_task(self._publish())
        yield
        publishing.cancel()
        await self.broker.stop()

    async def _publish(self) -> None:
        while True:
            try:
                found = await self._publish_some()
            except (OSError, KafkaError) as error:
                print(f"publishing: {error!r}", flush=True)
                found = 0
            if found < PUBLISHED_AT_ONCE:
                await asyncio.sleep(POLL_SECONDS)

    async def _publish_some(self) -> int:
        waiting = (
            select(Outbox)
            .where(col(Outbox.sent_at).is_(None))
            .order_by(col(Outbox.id))
            .limit(PUBLISHED_AT_ONCE)
            .with_for_update(skip_locked=True)
        )
        async with self.sessions() as session, session.begin():
            rows = (await session.exec(waiting)).all()
            for row in rows:
                await self.broker.publish(Event.model_validate_json(row.payload), topic=row.topic, key=row.key.encode())
                row.sent_at = _now()
            return len(rows)


async def reserve(session: AsyncSession, event: Event) -> None:
    """Hold the units of an order."""
    for line in sorted(event.lines, key=lambda line: line.product_id):
        stock = (await session.exec(select(Stock).where(Stock.product_id == line.product_id).with_for_update())).one()
        stock.on_hand -= line.quantity
        stock.reserved += line.quantity
        session.add(Reservation(order_id=event.order_id, product_id=line.product_id, quantity=line.quantity))
    tell(session, RESERVED, event)


async def authorise(session: AsyncSession, event: Event) -> None:
    """Hold its money."""
    session.add(
        Payment(
            payment_id=uuid.uuid4(), order_id=event.order_id, amount=event.total_amount, status="authorized", created_at=_now()
        )
    )
    tell(session, AUTHORISED, event)


async def confirm(session: AsyncSession, event: Event) -> None:
    """Confirm it."""
    order = (await session.exec(select(Orders).where(Orders.order_id == event.order_id).with_for_update())).one()
    order.status = "processing"
    order.updated_at = _now()
    session.add(OrderHistory(order_id=order.order_id, status="processing", at=_now()))
    tell(session, CONFIRMED, event)


async def notify(session: AsyncSession, event: Event) -> None:
    """Queue the message that it is confirmed."""
    body = f"Dear {event.user_id}, your order {event.order_id} is confirmed."
    session.add(Delivery(order_id=event.order_id, template="confirmed", body=body, created_at=_now()))


def takes_orders(service: Service) -> None:
    """Give a service the route by which customers place orders."""

    @service.app.post("/api/orders", status_code=201)
    async def place(
        order: NewOrder, user: Annotated[str, Depends(customer)], key: IdempotencyKey, response: Response
    ) -> Placed:
        order_id = uuid.uuid4()
        async with service.sessions() as session, session.begin():
            earlier = await session.get(Idempotency, (user, key))
            if earlier is None:
                await accept(session, order_id, user, order)
                session.add(Idempotency(user_id=user, key=key, order_id=order_id))
            else:
                order_id = earlier.order_id
        response.headers["Location"] = f"/api/orders/{order_id}"
        return Placed(order_id=order_id, status="Pending", total_amount=order.total)


async def accept(session: AsyncSession, order_id: uuid.UUID, user: str, order: NewOrder) -> None:
    """Note an order with its lines, and tell that it was placed."""
    now = _now()
    session.add(
        Orders(
            order_id=order_id,
            user_id=user,
            status="pending",
            total_amount=order.total,
            shipping_address=order.shipping_address.model_dump_json(),
            contact=order.contact.model_dump_json(),
            created_at=now,
            updated_at=now,
        )
    )
    await session.flush()  # the order before what refers to it
    for number, line in enumerate(order.items):
        session.add(
            OrderLine(order_id=order_id, line_no=number, product_id=line.product_id, quantity=line.quantity, price=PRICE)
        )
    session.add(OrderHistory(order_id=order_id, status="pending", at=now))
    about = Event(message_id=order_id, order_id=order_id, user_id=user, total_amount=order.total, lines=order.items)
    tell(session, PLACED, about)


HEARS: Final = {
    "order": (AUTHORISED, confirm),
    "inventory": (PLACED, reserve),
    "payment": (RESERVED, authorise),
    "notification": (CONFIRMED, notify),
}


def main(name: str) -> None:
    """Run a service."""
    service = Service(name)
    service.hears(*HEARS[name])
    if name == "order":
        takes_orders(service)
    serve(service.app)


if __name__ == "__main__":
    main(sys.argv[1])
