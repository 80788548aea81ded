"""The carriers' notices: signed messages that a parcel came further.

A notice is believed only where its signature holds and its time is fresh; what is forged or stale is refused and counted. A
genuine one may come late, twice or after a younger one: it tells of what happened and when, and never what to make of it.
"""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter

from chassis.domain import Refusal
from order.gateway.port import NoticeReader, TrackingUpdate


class InvalidWebhookError(Refusal):
    """The notice is not signed by the provider, or is too old."""

    slug = "invalid-webhook"
    title = "The webhook is not valid"
    status = 400


class CarrierWebhooks:
    """Hears notices and counts them: heard, ignored, refused."""

    def __init__(self, reader: NoticeReader) -> None:
        self._reader = reader
        self._counter = Counter("carrier_webhooks", "Webhooks of the carriers", ["result"], registry=None)
        for result in ("heard", "ignored", "refused"):
            self._counter.labels(result)

    def measure(self, registry: CollectorRegistry) -> None:
        """Have the count of notices among the service's metrics."""
        if self._counter not in registry._collector_to_names:  # noqa: SLF001 - a registry cannot be asked otherwise
            registry.register(self._counter)

    def read(self, body: bytes, headers: Mapping[str, str]) -> tuple[TrackingUpdate, ...]:
        """Read a notice; none where it tells nothing of a parcel's way. `headers` in lower case; raises InvalidWebhookError."""
        try:
            updates = self._reader.read(body, headers)
        except InvalidWebhookError:
            self._counter.labels("refused").inc()
            raise
        self._counter.labels("heard" if updates else "ignored").inc()
        return updates
