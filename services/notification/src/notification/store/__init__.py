"""SQL out: contacts and deliveries, the due rows of the job, what is open, and the list that staff read."""

from notification.store.contacts import ContactStore, order_of
from notification.store.deliveries import DeliveryStore, ResendDelivery, RetryDelivery
from notification.store.due import DELIVER, LEASE, DeliveryDue, Recipient
from notification.store.listing import ListedDelivery, WholeDelivery, list_deliveries, read_delivery
from notification.store.open_work import measure
from notification.store.owed import WORK

__all__ = [
    "DELIVER",
    "LEASE",
    "WORK",
    "ContactStore",
    "DeliveryDue",
    "DeliveryStore",
    "ListedDelivery",
    "Recipient",
    "ResendDelivery",
    "RetryDelivery",
    "WholeDelivery",
    "list_deliveries",
    "measure",
    "order_of",
    "read_delivery",
]
