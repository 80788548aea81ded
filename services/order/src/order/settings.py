"""Settings of the order service."""

from typing import Literal

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """How the order service runs, and the rules a shop may set."""

    model_config = SettingsConfigDict(env_prefix="ORDER_", extra="ignore", frozen=True)

    currency: str = Field(default="EUR", pattern=r"^[A-Z]{3}$")
    """The one currency of the shop (ISO 4217)."""
    prices_include_tax: bool = True
    """Whether the prices of the catalogue and of shipping are gross; false: taxes come on top."""
    pending_deadline_seconds: int = Field(default=1800, ge=1)
    """How long an order waits for stock and payment; longer than the outages it must ride out."""
    change_deadline_seconds: int = Field(default=900, ge=1)
    """How long a requested addition waits for stock and payment before it is given up."""
    move_deadline_seconds: int = Field(default=300, ge=1)
    """How long a shipment waits for another warehouse's answer before a person is told."""
    public_url: str = ""
    """Where customers find the shop, for links to a tracking page; empty: links are paths."""
    link_secret: SecretStr = SecretStr("")
    """Signs tracking links; notification has the same. Empty: there are no links. Earlier ones may follow, comma-separated."""
    gateway_url: str = ""
    """Where the other services' facts about an order are read for the saga view; empty: only our own are shown."""

    carriers: Literal["none", "easypost", "stub"] = "none"
    """`easypost`: carriers behind EasyPost's API; `stub`: some inside this process, for benchmarks; `none`: no labels."""
    carrier_url: str = "https://api.easypost.com"
    carrier_api_key: SecretStr = SecretStr("")
    carrier_webhook_secret: SecretStr = SecretStr("")
    """Signs the notices of carriers; empty: no notice is accepted."""
    carrier_timeout_seconds: float = Field(default=10.0, gt=0, le=15)
    """How long one call to the carriers may take; a purchase, which is several calls, takes three times as long at the most."""

    @property
    def link_secrets(self) -> list[str]:
        """The secrets that links are read with; the first one signs."""
        return [part.strip() for part in self.link_secret.get_secret_value().split(",") if part.strip()]

    @model_validator(mode="after")
    def _key_for_carriers(self) -> "Settings":
        if self.carriers == "easypost" and not self.carrier_api_key.get_secret_value():
            raise ValueError("ORDER_CARRIER_API_KEY is needed with ORDER_CARRIERS=easypost")
        return self
