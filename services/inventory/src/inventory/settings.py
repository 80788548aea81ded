"""What the inventory service is told from outside."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """The settings of every service, and the shop's one currency."""

    model_config = SettingsConfigDict(env_prefix="INVENTORY_", extra="ignore", frozen=True)

    currency: str = Field(default="EUR", pattern=r"^[A-Z]{3}$")
    """ISO 4217; a price in another currency is refused."""
