"""Settings of the payment service: everything every service has, and how it reaches the PSP."""

from typing import Final, Literal

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings
from contracts.payment import ReviewDecision

CHALLENGE_SECONDS: Final = 900
TRANSFER_SECONDS: Final = 432_000


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

    psp_return_url: str = ""
    """Where the customer's bank sends the customer back to after it has asked who pays; Stripe asks for it."""
    challenge_seconds: int = Field(default=CHALLENGE_SECONDS, ge=1)
    """How long a customer has to prove to the bank who pays (3-D Secure)."""

    transfer_seconds: int = Field(default=TRANSFER_SECONDS, ge=1)
    """How long a bank transfer is waited for."""

    risk_secret: SecretStr = SecretStr("")
    """Makes the marks by which orders of the same hands are recognised; empty: none are, and rules about them are silent."""
    review_seconds: int = Field(default=14_400, ge=1)
    """How long a risky order waits for a person's decision."""
    review_default: ReviewDecision = ReviewDecision.REJECT
    """What becomes of a risky order that nobody decided about in time: `approve` or `reject`."""

    gift_card_secret: SecretStr = SecretStr("")
    """Makes the marks by which gift cards are recognised; with another one, those that were issued are not."""

    @model_validator(mode="after")
    def _key_for_stripe(self) -> "Settings":
        if self.psp == "stripe" and not self.psp_api_key.get_secret_value():
            raise ValueError("PAYMENT_PSP_API_KEY is needed with PAYMENT_PSP=stripe")
        return self
