"""The rows of the saga in the mind: what stores keep, in memory, with the same verbs."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from chassis.domain import Cause, NotFoundError
from inventory.model import Article, Place, Posting, Reservation, Shelves, Stock
from order.model import Order
from order.model.document import Issuing
from order.store.documents import issuing_of
from payment.model import Capture, Payment, PaymentKey

PRODUCTS: Final = {"TEA": 1250, "CUP": 799, "POT": 4990}
PLACES: Final = {"berlin": Place("DE", None), "lyon": Place("FR", None)}
STOCK: Final = 9
ARTICLES: Final = {sku: Article(active=True) for sku in PRODUCTS}


class Orders:
    """The order service's rows."""

    def __init__(self) -> None:
        self.rows: dict[UUID, Order] = {}

    def get(self, order_id: UUID) -> Order:
        """Answer an order."""
        if order_id not in self.rows:
            raise NotFoundError(f"There is no order {order_id}.")
        return self.rows[order_id]

    def owned(self, order_id: UUID, _: str) -> Order:
        """Answer an order of its customer."""
        return self.get(order_id)

    def add(self, order: Order) -> None:
        """Keep a new order."""
        self.rows[order.order_id] = order


class Documents:
    """The order service's invoices, as far as the saga asks for them."""

    issuing: Issuing = issuing_of(None)

    def __init__(self) -> None:
        self.rows: dict[UUID, list[Any]] = defaultdict(list)

    def of(self, order_id: UUID) -> list[Any]:
        """Answer what was issued for an order."""
        return self.rows[order_id]

    def issue(self, document: Any) -> None:
        """Keep a document; nobody of those who play hears of it."""
        if document is not None:
            self.rows[document.order_id].append(document)


class Room:
    """Inventory's rows."""

    def __init__(self) -> None:
        self.rows: dict[UUID, Reservation] = {}
        self.stock = [Stock(sku=sku, warehouse_id=place, on_hand=STOCK, reserved=0) for sku in PRODUCTS for place in PLACES]
        self.ledger: list[Posting] = []
        self.shelves = Shelves((), {}, {})

    def begin(self) -> None:
        """Read the stock."""
        self.ledger += self.shelves.movements
        self.shelves = Shelves(self.stock, ARTICLES, PLACES)

    def reservation(self, order_id: UUID) -> Reservation | None:
        """Answer what is held for an order, if it was heard of."""
        return self.rows.get(order_id)

    def known(self, order_id: UUID) -> Reservation:
        """Answer what is held for an order."""
        return self.rows[order_id]

    def keep(self, reservation: Reservation) -> Reservation:
        """Keep a reservation."""
        self.rows[reservation.order_id] = reservation
        return reservation


class Payments:
    """Payment's rows: payments, captures and instruments."""

    def __init__(self) -> None:
        self.rows: dict[UUID, list[Payment]] = defaultdict(list)
        self.tokens: dict[UUID, str] = {}

    def of(self, order_id: UUID) -> list[Payment]:
        """Answer the payments of an order."""
        return self.rows.get(order_id, [])

    def get(self, key: PaymentKey) -> Payment | None:
        """Answer one payment, if there is one."""
        return next((one for one in self.of(key.order_id) if one.change_id == key.change_id), None)

    def known(self, order_id: UUID, payment_id: UUID) -> Payment:
        """Answer a payment."""
        return next(one for one in self.of(order_id) if one.payment_id == payment_id)

    def add(self, payment: Payment) -> Payment:
        """Keep a new payment."""
        self.rows[payment.order_id].append(payment)
        return payment

    def log(self, _: object) -> None:
        """Let go of the log of attempts."""

    def keep(self, key: PaymentKey, instrument: Any) -> None:
        """Keep how an order is paid."""
        self.tokens[key.order_id] = instrument.token

    def note(self, _: object) -> None:
        """Let go of what is known of risk: nobody is assessed here."""

    def note_decline(self, _: object) -> None:
        """Let go of declines, for the same reason."""


class Captures:
    """Payment's captures."""

    def __init__(self) -> None:
        self.rows: dict[UUID, dict[UUID, Capture]] = defaultdict(dict)

    def get(self, order_id: UUID, shipment_id: UUID) -> Capture | None:
        """Answer the capture of a shipment, if there is one."""
        return self.rows.get(order_id, {}).get(shipment_id)

    def known(self, order_id: UUID, shipment_id: UUID) -> Capture:
        """Answer the capture of a shipment."""
        return self.rows[order_id][shipment_id]

    def of(self, order_id: UUID) -> list[Capture]:
        """Answer the captures of an order."""
        return list(self.rows.get(order_id, {}).values())

    def add(self, capture: Capture) -> Capture:
        """Keep a new capture."""
        self.rows[capture.order_id][capture.shipment_id] = capture
        return capture


class Incidents:
    """Nobody looks at incidents here: a fact passes as it is."""

    def note(self, told: Any, _: Cause) -> Any:
        """Answer what is told."""
        return told

    def end(self, order_id: UUID, cause: Cause) -> None:
        """Nothing was open."""


class Nothing:
    """A store that the played saga never fills: cash, declines, carts."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None
