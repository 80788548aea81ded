"""The way to the payment service provider (PSP).

`PspGateway` is the port; whatever stands behind it keeps these promises, which one contract suite checks: a call repeated with
the same idempotency key does its work once and answers what became of it; a call that was not answered is `Unknown`, never a
guess; nothing here is called inside a database transaction. Keys are derived from the order, the change and the purpose alone,
or from the refund that was asked for, so they survive retries, restarts and even a database brought back from a backup.
"""

from payment.gateway.means import MeansOfPayment
from payment.gateway.port import (
    Absent,
    AuthorizationAnswer,
    Authorized,
    Canceled,
    Challenged,
    ChangeAnswer,
    Declined,
    Done,
    InquiryAnswer,
    PspCredentialsError,
    PspGateway,
    Refused,
    Taken,
    Unknown,
    VoidAnswer,
    idempotency_key,
    refund_key,
)
from payment.gateway.stub import StubPsp
from payment.gateway.webhooks import BounceHeard, DisputeHeard, InvalidWebhookError, PspWebhooks, WebhookHeard

__all__ = [
    "Absent",
    "AuthorizationAnswer",
    "Authorized",
    "BounceHeard",
    "Canceled",
    "Challenged",
    "ChangeAnswer",
    "Declined",
    "DisputeHeard",
    "Done",
    "InquiryAnswer",
    "InvalidWebhookError",
    "MeansOfPayment",
    "PspCredentialsError",
    "PspGateway",
    "PspWebhooks",
    "Refused",
    "StubPsp",
    "Taken",
    "Unknown",
    "VoidAnswer",
    "WebhookHeard",
    "idempotency_key",
    "refund_key",
]
