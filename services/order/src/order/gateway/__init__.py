"""The ways out of the order service: to carriers, and to the other services' facts.

`CarrierGateway` is the port to carriers; whatever stands behind it keeps these promises, which one contract suite checks: a
label is bought at most once for a key, however often and after whatever silence it is asked for; a call that was not answered
is `Unknown`, never a guess; nothing here is called inside a database transaction. `CarrierWebhooks` hears what carriers tell.
"""

from order.gateway.choice import carrier_webhooks, carriers
from order.gateway.facts import SERVICES, TIMEOUT_SECONDS, Facts
from order.gateway.port import (
    Absent,
    Bought,
    CarrierAccountError,
    CarrierGateway,
    FindAnswer,
    NoticeReader,
    Objection,
    Offered,
    Parcel,
    Place,
    PurchaseAnswer,
    Rate,
    RatesAnswer,
    Refused,
    TrackAnswer,
    Tracked,
    TrackingUpdate,
    Unknown,
    VoidAnswer,
    Voided,
    Wish,
    label_key,
)
from order.gateway.stub import StubCarriers
from order.gateway.webhooks import CarrierWebhooks, InvalidWebhookError

__all__ = [
    "SERVICES",
    "TIMEOUT_SECONDS",
    "Absent",
    "Bought",
    "CarrierAccountError",
    "CarrierGateway",
    "CarrierWebhooks",
    "Facts",
    "FindAnswer",
    "InvalidWebhookError",
    "NoticeReader",
    "Objection",
    "Offered",
    "Parcel",
    "Place",
    "PurchaseAnswer",
    "Rate",
    "RatesAnswer",
    "Refused",
    "StubCarriers",
    "TrackAnswer",
    "Tracked",
    "TrackingUpdate",
    "Unknown",
    "VoidAnswer",
    "Voided",
    "Wish",
    "carrier_webhooks",
    "carriers",
    "label_key",
]
