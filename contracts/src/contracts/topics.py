"""The topics of Waybill: who publishes on each, how records are keyed, kept and protected.

A topic belongs to one publisher and carries all of its facts, so that the facts of one key keep their order.
"""

from dataclasses import dataclass
from typing import Final

DAY_SECONDS: Final = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class Topic:
    """A Kafka topic as its publisher promises it.

    `retention_seconds` is how long records stay (None: for ever, as a compacted topic does); `restricted` topics carry
    personal data and are granted reader by reader.
    """

    name: str
    publisher: str
    key: str
    description: str
    compacted: bool = False
    restricted: bool = False
    retention_seconds: int | None = 7 * DAY_SECONDS

    def dead_letters(self, consumer: str) -> str:
        """Name the topic where `consumer` puts records of this one that it cannot handle."""
        return f"{self.name}.{consumer}.dlt"


ORDER_EVENTS: Final = Topic(
    "order.events", "order", "order_id", "The life of each order, from placed to delivered or cancelled."
)
ORDER_CONTACTS: Final = Topic(
    "order.contacts",
    "order",
    "order_id",
    "What a customer gave in confidence: contact, addresses, payment token. Personal data; a tombstone erases.",
    compacted=True,
    restricted=True,
    retention_seconds=None,
)
INVENTORY_EVENTS: Final = Topic(
    "inventory.events", "inventory", "order_id", "Stock held, refused, released and shipped for an order."
)
CATALOG_PRODUCTS: Final = Topic(
    "catalog.products",
    "inventory",
    "sku",
    "The latest state of each product and its price.",
    compacted=True,
    retention_seconds=None,
)
CATALOG_WAREHOUSES: Final = Topic(
    "catalog.warehouses",
    "inventory",
    "warehouse_id",
    "The latest state of each warehouse: where parcels leave from.",
    compacted=True,
    retention_seconds=None,
)
STOCK_LEVELS: Final = Topic(
    "stock.levels", "inventory", "sku", "Products that run low, are sold out, or can be had again, over all warehouses."
)
PAYMENT_EVENTS: Final = Topic(
    "payment.events", "payment", "order_id", "Money authorised, captured, voided and refunded for an order."
)
NOTIFICATION_EVENTS: Final = Topic(
    "notification.events", "notification", "order_id", "Messages sent to a customer, or given up."
)

TOPICS: Final = {
    topic.name: topic
    for topic in (
        ORDER_EVENTS,
        ORDER_CONTACTS,
        INVENTORY_EVENTS,
        CATALOG_PRODUCTS,
        CATALOG_WAREHOUSES,
        STOCK_LEVELS,
        PAYMENT_EVENTS,
        NOTIFICATION_EVENTS,
    )
}
