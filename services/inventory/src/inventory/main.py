"""The inventory service, put together."""

from fastapi import FastAPI

from chassis.app import Parts, create_app
from chassis.clocks import Clock, DatabaseTime
from inventory.api import router
from inventory.handlers import jobs, react
from inventory.settings import Settings
from inventory.store import measure


def create(settings: Settings, *, clock: Clock | None = None) -> FastAPI:
    """Make the service's app from its settings."""
    clock = clock or DatabaseTime()
    parts = Parts(
        name="inventory",
        title="Waybill inventory: products, stock, reservations",
        api=router,
        reactions=react,
        jobs=jobs,
        measure=measure,
    )
    return create_app(parts, settings, clock=clock)
