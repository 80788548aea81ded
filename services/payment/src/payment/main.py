"""The payment service, put together: settings → PSP → app. Nothing happens at import."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from chassis.app import Parts, create_app
from chassis.clocks import Clock, DatabaseTime
from chassis.database import Database
from chassis.telemetry import Metrics
from payment.api import router
from payment.gateway import MeansOfPayment, PspGateway, PspWebhooks, StubPsp
from payment.handlers import jobs, react
from payment.settings import Settings
from payment.store import WORK, measure


def create(settings: Settings, *, clock: Clock | None = None) -> FastAPI:
    """Make the app of a payment process."""
    clock = clock or DatabaseTime()
    webhooks = PspWebhooks(settings.psp_webhook_secret.get_secret_value(), clock)

    @asynccontextmanager
    async def gateways() -> AsyncIterator[Mapping[type, Any]]:
        async with connected(settings, clock) as psp:
            yield {PspGateway: MeansOfPayment(psp, lambda: app.state.database), PspWebhooks: webhooks}

    async def measured(database: Database, metrics: Metrics) -> None:
        webhooks.measure(metrics.registry)
        await measure(database, metrics)

    parts = Parts(
        name="payment",
        title="Waybill payments",
        api=router,
        reactions=react,
        jobs=jobs,
        gateways=gateways,
        measure=measured,
        work=WORK,
    )
    app = create_app(parts, settings, clock=clock)
    return app


@asynccontextmanager
async def connected(settings: Settings, clock: Clock) -> AsyncIterator[PspGateway]:
    """Make the PSP that the settings name; Stripe's SDK is loaded only for a PSP that speaks its API."""
    if settings.psp == "stub":
        yield StubPsp()
        return
    from payment.gateway.stripe_psp import StripePsp  # noqa: PLC0415 - the SDK costs memory and start-up time

    psp = StripePsp(
        settings.psp_api_key.get_secret_value(),
        settings.psp_url,
        timeout_seconds=settings.psp_timeout_seconds,
        search_lag_seconds=settings.psp_search_lag_seconds,
        return_url=settings.psp_return_url,
        clock=clock,
    )
    try:
        yield psp
    finally:
        await psp.close()
