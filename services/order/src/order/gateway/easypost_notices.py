"""EasyPost's webhooks: events signed over their moment, method, path and body.

The second version of EasyPost's signature is read; the first covers no moment, so that whoever caught one notice could send it
again for ever.
"""

import hashlib
import hmac
import unicodedata
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final

from pydantic_core import from_json

from chassis.domain import Clock, utc_now
from order.gateway.easypost_documents import updates_of
from order.gateway.port import TrackingUpdate
from order.gateway.webhooks import InvalidWebhookError

PATH: Final = "/api/webhooks/carrier"
"""Where notices are received; one that was signed for another place is none of ours."""
TOLERANCE_SECONDS: Final = 300
TRACKER_EVENTS: Final = frozenset({"tracker.created", "tracker.updated"})
SCHEME: Final = "hmac-sha256-hex="


class EasyPostNotices:
    """Reads EasyPost's events; those about trackers tell where parcels are."""

    def __init__(self, secret: str, clock: Clock = utc_now) -> None:
        self._secret = unicodedata.normalize("NFKD", secret).encode()
        self._clock = clock

    def read(self, body: bytes, headers: Mapping[str, str]) -> tuple[TrackingUpdate, ...]:
        """Read an event, with all that its tracker has known so far. Raises InvalidWebhookError."""
        self._verify(body, headers)
        try:
            event: Any = from_json(body)
            told = event["description"] in TRACKER_EVENTS and isinstance(event["result"], Mapping)
        except (ValueError, KeyError, TypeError):
            return ()
        return updates_of(event["result"]) if told else ()

    def _verify(self, body: bytes, headers: Mapping[str, str]) -> None:
        moment, path = headers.get("x-timestamp", ""), headers.get("x-path", "")
        scheme, _, signature = headers.get("x-hmac-signature-v2", "").partition("=")
        if not self._secret or f"{scheme}=" != SCHEME or not path.partition("?")[0].endswith(PATH):
            raise InvalidWebhookError("The notice's headers are missing or cannot be read.")
        signed = f"{moment}POST{path}".encode() + body
        expected = hmac.new(self._secret, signed, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), signature.strip().lower().encode()):
            raise InvalidWebhookError("The signature is not the provider's.")
        try:
            sent_at = parsedate_to_datetime(moment)
        except ValueError:
            raise InvalidWebhookError("The notice's time cannot be read.") from None
        if sent_at.tzinfo is None:
            sent_at = sent_at.replace(tzinfo=UTC)
        if abs((self._clock() - sent_at).total_seconds()) > TOLERANCE_SECONDS:
            raise InvalidWebhookError("The notice is too old.")
