"""Settings of the order service."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """How the order service runs, and the rules a shop may set."""

    model_config = SettingsConfigDict(env_prefix="ORDER_", extra="ignore", frozen=True)

    currency: str = Field(default="EUR", pattern=r"^[A-Z]{3}$")
    """The one currency of the shop (ISO 4217)."""
    pending_deadline_seconds: int = Field(default=1800, ge=1)
    """How long an order waits for stock and payment; longer than the outages it must ride out."""
    gateway_url: str = ""
    """Where the other services' facts about an order are read for the saga view; empty: only our own are shown."""
