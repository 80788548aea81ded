"""Composition root of the notification service."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI

from chassis.app import Parts, create_app
from chassis.clocks import Clock, DatabaseTime
from notification.api import router
from notification.gateway import HttpTexter, Mailer, NoTexter, SmtpMailer, StubProvider, Texter
from notification.handlers import jobs, react
from notification.letters import Letters, TrackingLinks
from notification.settings import Settings
from notification.store import WORK, measure

GATHER_MS: Final = 200
"""A message to a customer may come so much later; at 50 orders a second that makes of nine transactions one."""


def create(settings: Settings, *, clock: Clock | None = None) -> FastAPI:
    """Put the notification service together."""
    clock = clock or DatabaseTime()

    @asynccontextmanager
    async def gateways() -> AsyncIterator[Mapping[type, Any]]:
        async with AsyncExitStack() as stack:
            mailer, texter = _providers(settings, stack)
            letters = Letters(
                settings.shop_name,
                tracking_links(settings),
                public_url=settings.public_url,
                bank_account=settings.bank_account,
            )
            yield {Mailer: mailer, Texter: texter, Letters: letters, Settings: settings}

    parts = Parts(
        "notification",
        "Waybill notification",
        router,
        react,
        jobs,
        gateways,
        measure=measure,
        work=WORK,
        gather_ms=GATHER_MS,
    )
    return create_app(parts, settings, clock=clock)


def tracking_links(settings: Settings) -> TrackingLinks | None:
    """Have messages carry links, where it is set up how."""
    secret = settings.link_secret.get_secret_value()
    return TrackingLinks(settings.public_url, secret) if settings.public_url and secret else None


def _providers(settings: Settings, stack: AsyncExitStack) -> tuple[Mailer, Texter]:
    if settings.providers == "stub":
        stub = StubProvider()
        return stub, stub
    mailer = SmtpMailer(
        settings.smtp_host,
        settings.smtp_port,
        settings.smtp_sender,
        security=settings.smtp_security,
        username=settings.smtp_username,
        password=settings.smtp_password.get_secret_value(),
        timeout_seconds=settings.send_timeout_seconds,
        connections=settings.smtp_connections,
    )
    stack.push_async_callback(mailer.close)
    if not settings.sms_url:
        return mailer, NoTexter()
    texter = HttpTexter(
        settings.sms_url, timeout_seconds=settings.send_timeout_seconds, api_key=settings.sms_api_key.get_secret_value()
    )
    stack.push_async_callback(texter.close)
    return mailer, texter
