"""Which carriers there are: by the settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chassis.domain import Clock, utc_now
from order.gateway.easypost import EasyPostCarriers
from order.gateway.easypost_notices import EasyPostNotices
from order.gateway.port import (
    Absent,
    CarrierGateway,
    FindAnswer,
    Parcel,
    PurchaseAnswer,
    RatesAnswer,
    Refused,
    TrackAnswer,
    VoidAnswer,
    Wish,
)
from order.gateway.stub import StubCarriers
from order.gateway.webhooks import CarrierWebhooks
from order.settings import Settings


class NoCarriers:
    """Stands for a shop that buys its labels elsewhere: everything is refused, and nothing is known."""

    refusal = Refused("no_carriers")

    async def rates(self, parcel: Parcel) -> RatesAnswer:  # noqa: ARG002 - the port's signature
        """Refuse."""
        return self.refusal

    async def buy(self, parcel: Parcel, wish: Wish, key: str) -> PurchaseAnswer:  # noqa: ARG002
        """Refuse."""
        return self.refusal

    async def find(self, key: str) -> FindAnswer:  # noqa: ARG002
        """Know of nothing."""
        return Absent()

    async def void(self, reference: str) -> VoidAnswer:  # noqa: ARG002
        """Refuse."""
        return self.refusal

    async def track(self, carrier: str, tracking_number: str) -> TrackAnswer:  # noqa: ARG002
        """Know of nothing."""
        return Absent()


@asynccontextmanager
async def carriers(settings: Settings, clock: Clock = utc_now) -> AsyncIterator[CarrierGateway]:
    """Make the carriers that the settings name, for as long as the process runs."""
    if settings.carriers == "none":
        yield NoCarriers()
        return
    if settings.carriers == "stub":
        yield StubCarriers(clock)
        return
    easypost = EasyPostCarriers(
        settings.carrier_api_key.get_secret_value(),
        settings.carrier_url,
        timeout_seconds=settings.carrier_timeout_seconds,
        clock=clock,
    )
    try:
        yield easypost
    finally:
        await easypost.close()


def carrier_webhooks(settings: Settings, clock: Clock = utc_now) -> CarrierWebhooks:
    """Make the ears for the carriers' notices; without a secret every notice is refused."""
    return CarrierWebhooks(EasyPostNotices(settings.carrier_webhook_secret.get_secret_value(), clock))
