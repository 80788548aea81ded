"""The way to the payment service provider (PSP).

`PspGateway` is the port; whatever stands behind it keeps these promises, which one contract suite checks: a call repeated with
the same idempotency key does its work once and answers what became of it; a call that was not answered is `Unknown`, never a
guess; nothing here is called inside a database transaction. Keys are derived from the order, the change and the purpose alone,
so they survive retries, restarts and even a database brought back from a backup.
"""

from payment.gateway.port import (
    Absent,
    AuthorizationAnswer,
    Authorized,
    Canceled,
    ChangeAnswer,
    Declined,
    Done,
    InquiryAnswer,
    PspCredentialsError,
    PspGateway,
    Refused,
    Unknown,
    idempotency_key,
)
from payment.gateway.stub import StubPsp
from payment.gateway.webhooks import InvalidWebhookError, PspWebhooks, WebhookHeard

__all__ = [
    "Absent",
    "AuthorizationAnswer",
    "Authorized",
    "Canceled",
    "ChangeAnswer",
    "Declined",
    "Done",
    "InquiryAnswer",
    "InvalidWebhookError",
    "PspCredentialsError",
    "PspGateway",
    "PspWebhooks",
    "Refused",
    "StubPsp",
    "Unknown",
    "WebhookHeard",
    "idempotency_key",
]
