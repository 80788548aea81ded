"""Settings of the payment service: everything every service has, and how it reaches the PSP."""

from typing import Literal

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """How a payment process runs; secrets come from the environment only."""

    model_config = SettingsConfigDict(env_prefix="PAYMENT_", extra="ignore", frozen=True)

    psp: Literal["stripe", "stub"] = "stripe"
    """`stripe`: a PSP that speaks Stripe's API; `stub`: one inside this process, for benchmarks and tests."""
    psp_url: str = "https://api.stripe.com"
    psp_api_key: SecretStr = SecretStr("")
    psp_webhook_secret: SecretStr = SecretStr("")
    """Signs the PSP's webhooks; empty: no webhook is accepted."""
    psp_timeout_seconds: float = Field(default=5.0, gt=0)
    """How long a call to the PSP may take; later its outcome counts as unknown."""
    psp_search_lag_seconds: float = Field(default=60.0, ge=0)
    """How much later than its making a payment is found by the PSP's search, at the most."""

    @model_validator(mode="after")
    def _key_for_stripe(self) -> "Settings":
        if self.psp == "stripe" and not self.psp_api_key.get_secret_value():
            raise ValueError("PAYMENT_PSP_API_KEY is needed with PAYMENT_PSP=stripe")
        return self
