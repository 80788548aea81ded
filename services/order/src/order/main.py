"""Composition root of the order service: everything meets here, and nothing happens at import."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from fastapi import FastAPI

from chassis.app import Parts, create_app
from chassis.domain import Clock, utc_now
from contracts.topics import ORDER_EVENTS
from order.api import router
from order.gateway import TIMEOUT_SECONDS, Facts
from order.handlers import jobs, react
from order.settings import Settings
from order.store import count_open


def create(settings: Settings, *, clock: Clock = utc_now) -> FastAPI:
    """Put the order service together."""

    @asynccontextmanager
    async def gateways() -> AsyncIterator[Mapping[type, Any]]:
        async with httpx2.AsyncClient(timeout=TIMEOUT_SECONDS) as client:
            yield {Facts: Facts(settings.gateway_url, client)}

    parts = Parts(
        name="order",
        title="Waybill orders",
        api=router,
        reactions=react,
        jobs=jobs,
        gateways=gateways,
        tail=ORDER_EVENTS,
        measure=count_open,
    )
    return create_app(parts, settings, clock=clock)
