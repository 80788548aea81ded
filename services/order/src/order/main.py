"""Composition root of the order service: everything meets here, and nothing happens at import."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from fastapi import FastAPI

from chassis.app import Parts, create_app
from chassis.clocks import Clock, DatabaseTime
from chassis.database import Database
from chassis.telemetry import Metrics
from contracts.topics import ORDER_EVENTS
from order.api import router
from order.gateway import TIMEOUT_SECONDS, CarrierGateway, CarrierWebhooks, Facts, carrier_webhooks, carriers
from order.gateway.papers import Papers
from order.handlers import jobs, react
from order.settings import Settings
from order.store import WORK, count_open


def create(settings: Settings, *, clock: Clock | None = None) -> FastAPI:
    """Put the order service together."""
    clock = clock or DatabaseTime()
    webhooks = carrier_webhooks(settings, clock)

    @asynccontextmanager
    async def gateways() -> AsyncIterator[Mapping[type, Any]]:
        async with httpx2.AsyncClient(timeout=TIMEOUT_SECONDS) as client, carriers(settings, clock) as carrying:
            facts = Facts(settings.gateway_url, client)
            yield {Facts: facts, CarrierGateway: carrying, CarrierWebhooks: webhooks, Papers: Papers()}

    async def measure(database: Database, metrics: Metrics) -> None:
        webhooks.measure(metrics.registry)
        await count_open(database, metrics)

    parts = Parts(
        name="order",
        title="Waybill orders",
        api=router,
        reactions=react,
        jobs=jobs,
        gateways=gateways,
        tail=ORDER_EVENTS,
        measure=measure,
        work=WORK,
    )
    return create_app(parts, settings, clock=clock)
