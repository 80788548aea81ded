"""Four services over four real databases, with a carrier between them that the test holds in its hand.

The carrier takes facts from the outboxes and brings each to the services that hear it. Facts of one key on one topic keep their
order, which is what topics promise; everything else is the carrier's choice: which topic is ahead of which, how many facts come
at once, when jobs run, and how often a fact comes again.
"""

import json
import random
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import ModuleType
from typing import Any, Final
from uuid import UUID

import inventory
import inventory.handlers
import notification
import notification.handlers
import order
import order.handlers
import payment
import payment.handlers
from chassis import batch
from chassis.database import Database
from chassis.jobs import Jobs
from chassis.reactions import Reactions, read
from chassis.testing import SettableClock, perform, work
from contracts import REGISTRY, Envelope, decode
from contracts.types import Money
from inventory.handlers import adjust_stock, offer_product, open_warehouse
from inventory.model import AdjustStock, OfferProduct, OpenWarehouse
from notification.gateway import Mailer, StubProvider, Texter
from notification.letters import Letters
from notification.settings import Settings as NotificationSettings
from order.api.admin import SetStatus, set_status
from order.api.orders import CancelOrder, OrderBody, PlaceOrder, cancel_order, place_order
from order.gateway import CarrierGateway, StubCarriers
from order.model import Status
from payment.gateway import MeansOfPayment, PspGateway, StubPsp
from waybill.chaos.later import with_more

PACKAGES: Final[dict[str, ModuleType]] = {
    "order": order,
    "inventory": inventory,
    "payment": payment,
    "notification": notification,
}
REACTIONS: Final[dict[str, Reactions]] = {
    "order": order.handlers.react,
    "inventory": inventory.handlers.react,
    "payment": payment.handlers.react,
    "notification": notification.handlers.react,
}
JOBS: Final[dict[str, Jobs]] = {
    "order": order.handlers.jobs,
    "inventory": inventory.handlers.jobs,
    "payment": payment.handlers.jobs,
    "notification": notification.handlers.jobs,
}
SKU: Final = "MUG"
STOCK: Final = 1000
PRICE: Final = 1250
DEADLINE: Final = timedelta(minutes=30)
TIMES_EACH: Final = 3


@dataclass(frozen=True, slots=True)
class Letter:
    """A fact on its way, in the form in which it arrives from the broker."""

    topic: str
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]]
    type: str
    partition: int = 0
    offset: int = 0


@dataclass
class Saga:
    """The services, the PSP's books and the carrier's bag."""

    databases: dict[str, Database]
    clock: SettableClock
    psp: StubPsp = field(default_factory=StubPsp)
    carriers: StubCarriers = field(init=False)
    bag: dict[tuple[str, str, bytes], deque[Letter]] = field(default_factory=dict)
    """Facts not delivered yet, by hearer, topic and key."""
    again: list[tuple[str, Letter]] = field(default_factory=list)
    """Facts that will come again."""
    delivered: list[tuple[str, Letter]] = field(default_factory=list)
    mixed_versions: bool = False
    """Whether every second fact is one that a later version tells, with fields that nobody here knows."""

    def __post_init__(self) -> None:
        self.carriers = StubCarriers(self.clock)
        stub = StubProvider()
        settings = NotificationSettings(
            database_url="postgresql://none",
            kafka_bootstrap_servers="127.0.0.1:1",
            auth_issuer="https://issuer.test",
            auth_jwks_url="https://issuer.test/jwks",
        )
        self._gateways: dict[type, Any] = {
            PspGateway: MeansOfPayment(self.psp, lambda: self.databases["payment"]),
            CarrierGateway: self.carriers,
            Mailer: stub,
            Texter: stub,
            Letters: Letters("Waybill"),
            NotificationSettings: settings,
        }

    async def stock_up(self) -> None:
        """Offer the product, take it in, and have order learn of it."""
        database = self.databases["inventory"]
        await perform(database, open_warehouse, OpenWarehouse("berlin", "Berlin", "DE", None))
        price = Money(amount=PRICE, currency="EUR")
        await perform(database, offer_product, OfferProduct(SKU, SKU, "", price, active=True))
        await perform(database, adjust_stock, AdjustStock(SKU, "berlin", STOCK, "opening stock"))
        await self.settle()

    # --- what people ask for ------------------------------------------------------------------------------------------

    async def place(self, user: str, quantity: int = 1, token: str = "tok_ok") -> UUID:  # noqa: S107 - a simulator's token
        """Place an order."""
        body = OrderBody.model_validate(
            {
                "items": [{"product_id": SKU, "quantity": quantity}],
                "shipping_address": {
                    "name": "Ada Lovelace",
                    "line1": "Hauptstraße 1",
                    "city": "Berlin",
                    "postal_code": "10115",
                    "country": "DE",
                },
                "contact": {"email": "ada@example.com", "phone": "+4930123456"},
                "payment": {"method": "card", "token": token},
            }
        )
        before = set(await self._orders())
        await perform(self.databases["order"], place_order, PlaceOrder(user, body, "EUR", DEADLINE))
        (made,) = set(await self._orders()) - before
        return made

    async def cancel(self, order_id: UUID, user: str) -> None:
        """Cancel an order as its customer."""
        await perform(self.databases["order"], cancel_order, CancelOrder(order_id, user))

    async def move(self, order_id: UUID, status: Status) -> None:
        """Bring an order to a status as an operator."""
        await perform(self.databases["order"], set_status, SetStatus(order_id, status, "", None))

    async def status(self, order_id: UUID) -> str:
        """Tell an order's status."""
        return str((await self._orders())[order_id])

    async def _orders(self) -> dict[UUID, str]:
        return {row["order_id"]: row["status"] for row in await self.rows("order", "SELECT order_id, status FROM orders")}

    async def rows(self, service: str, query: str) -> list[Any]:
        """Look into a database."""
        async with self.databases[service].transaction() as transaction:
            return await transaction.fetch(query)

    # --- the carrier --------------------------------------------------------------------------------------------------

    async def collect(self) -> None:
        """Take the facts that were told since, each key's in order, into the bag."""
        for service, database in self.databases.items():
            async with database.transaction() as transaction:
                rows = await transaction.fetch(
                    """WITH taken AS (DELETE FROM outbox_unpublished RETURNING id)
                    SELECT o.* FROM outbox o JOIN taken ON taken.id = o.id
                    ORDER BY o.aggregatetype, o.aggregateid, o.sequence"""
                )
            for row in rows:
                letter = _letter(service, row)
                if self.mixed_versions and row["sequence"] % 2 == 0:
                    letter = replace(letter, value=json.dumps(with_more(decode(letter.type, letter.value))).encode())
                for hearer, reactions in REACTIONS.items():
                    if REGISTRY[letter.type] in reactions.functions:
                        self.bag.setdefault((hearer, letter.topic, letter.key), deque()).append(letter)

    async def deliver(self, hearer: str, letters: Sequence[Letter]) -> int:
        """Have a service handle facts in one batch; answers how many were new to it."""
        database = self.databases[hearer]
        items = [read(letter, REACTIONS[hearer], self.clock()) for letter in letters]
        new = await batch.run(database, [item for item in items if item is not None])
        self.delivered += [(hearer, letter) for letter in letters]
        return new

    def take(self, place: tuple[str, str, bytes]) -> Letter:
        """Take the next fact for a hearer, topic and key out of the bag."""
        letters = self.bag[place]
        letter = letters.popleft()
        if not letters:
            del self.bag[place]
        return letter

    async def work(self, service: str) -> int:
        """Do a service's due rows."""
        return await work(self.databases[service], JOBS[service], self._gateways)

    async def settle(self) -> None:
        """Deliver everything at once and do everything that is due, until nothing is left."""
        busy = True
        while busy:
            await self.collect()
            busy = bool(self.bag)
            for hearer in REACTIONS:
                letters = [letter for place in list(self.bag) if place[0] == hearer for letter in self._all(place)]
                if letters:
                    await self.deliver(hearer, letters)
                busy |= await self.work(hearer) > 0

    def _all(self, place: tuple[str, str, bytes]) -> Sequence[Letter]:
        return self.bag.pop(place)

    async def stumble(self, chance: random.Random) -> None:
        """Deliver and work like `settle`, but in an order of chance, every fact TIMES_EACH times, until nothing is left."""
        while True:
            if await self.stagger(chance):
                continue
            done = [await self.work(service) for service in JOBS]
            await self.collect()
            if not any(done) and not self.bag:
                return

    async def stagger(self, chance: random.Random) -> bool:
        """Deliver some facts to a service, again or for the first time, and work a little; False where nothing is under way."""
        await self.collect()
        if not self.bag and not self.again:
            return False
        hearer = chance.choice(sorted({place[0] for place in self.bag} | {hearer for hearer, _ in self.again}))
        letters: list[Letter] = []
        for _ in range(chance.choice((1, 1, 2, 5, 20))):
            places = sorted(place for place in self.bag if place[0] == hearer)
            repeats = [one for one in self.again if one[0] == hearer]
            if repeats and (not places or chance.random() < 0.5):
                one = chance.choice(repeats)
                self.again.remove(one)
                letters.append(one[1])
            elif places:
                letter = self.take(chance.choice(places))
                letters.append(letter)
                self.again += [(hearer, letter)] * (TIMES_EACH - 1)
        await self.deliver(hearer, letters)
        if chance.random() < 0.3:
            await self.work(chance.choice(list(JOBS)))
        return True

    async def pass_time(self, carry: Callable[[], Awaitable[None]]) -> None:
        """Let so much time pass, in steps, that every deadline has come and everything unknown has been asked for."""
        for seconds in (DEADLINE.total_seconds() + 1, 61, 61, 61):
            self.clock.forward(seconds=seconds)
            await carry()

    # --- what must be the same in the end -----------------------------------------------------------------------------

    async def picture(self) -> dict[str, Any]:
        """Show the state of all services and the PSP's books, order by order, without ids and times."""
        orders = await self.rows("order", "SELECT * FROM orders ORDER BY user_id")
        names = {row["order_id"]: row["user_id"] for row in orders}
        payments = await self.rows("payment", "SELECT * FROM payment")
        reservations = await self.rows("inventory", "SELECT * FROM reservation")
        stock = await self.rows("inventory", "SELECT * FROM stock")
        deliveries = await self.rows("notification", "SELECT order_id, template, channel, status FROM delivery")
        books: dict[str, Counter[str]] = {name: Counter() for name in names.values()}
        for one in self.psp.books.values():
            books[names[one.order_id]].update(open=one.open, captured=one.captured, refunded=one.refunded)
        return {
            "orders": {
                row["user_id"]: (
                    row["status"],
                    row["payment_state"],
                    row["fulfilment_state"],
                    row["cancel_reason"],
                    row["captured_amount"],
                    row["refunded_amount"],
                    row["shipped_units"],
                    (row["released_at"] is not None, row["voided_at"] is not None),
                )
                for row in orders
            },
            "payments": {
                names[row["order_id"]]: (
                    row["status"],
                    row["authorized_amount"] - row["captured_amount"] - row["released_amount"],
                    row["captured_amount"],
                    row["refunded_amount"],
                    row["due_at"],
                )
                for row in payments
            },
            "held": {
                names[row["order_id"]]: sorted((line["sku"], line["quantity"]) for line in _lines(row["lines"]))
                for row in reservations
                if row["status"] in {"held", "partly_shipped"}
            },
            "stock": {row["sku"]: (row["on_hand"], row["reserved"]) for row in stock},
            "told": {
                name: sorted(
                    (row["template"], row["channel"], row["status"]) for row in deliveries if row["order_id"] == order_id
                )
                for order_id, name in names.items()
            },
            "books": {name: dict(+counter) for name, counter in books.items()},
        }

    async def facts(self) -> Counter[tuple[str, str]]:
        """Count the facts told, by customer and type."""
        names = {str(row["order_id"]): row["user_id"] for row in await self.rows("order", "SELECT * FROM orders")}
        counted: Counter[tuple[str, str]] = Counter()
        for service in self.databases:
            for row in await self.rows(service, "SELECT aggregateid, type FROM outbox"):
                counted[names.get(row["aggregateid"], row["aggregateid"]), row["type"]] += 1
        return counted


def _lines(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"sku": line.get("product_id", line.get("sku")), "quantity": line["quantity"]} for line in lines]


def _letter(publisher: str, row: Any) -> Letter:
    envelope = Envelope(
        event_id=row["id"],
        type=row["type"],
        source=publisher,
        time=row["occurred_at"],
        subject=row["aggregateid"],
        sequence=row["sequence"],
        correlation_id=row["correlation_id"],
        causation_id=row["causation_id"],
        traceparent=row["traceparent"],
    )
    return Letter(row["aggregatetype"], row["aggregateid"].encode(), row["payload"].encode(), envelope.headers(), row["type"])
