"""Settings of the order service."""

from typing import Final, Literal

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings

SERIES: Final = r"^[A-Za-z0-9._/-]{0,20}(\{year\})?[A-Za-z0-9._/-]{1,20}$"


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
    refund_approval_limit: int = Field(default=50_000, ge=0)
    """The most of an order, in minor units, that one person gives back by hand; above it another of finance agrees."""
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

    invoice_at: Literal["capture", "confirmation"] = "capture"
    """When an invoice is issued: `capture`: one for each parcel, as its money is taken; `confirmation`: one for the order."""
    invoice_series: str = Field(default="INV-{year}-", pattern=SERIES)
    """How the numbers of invoices begin; `{year}` is the year of issue, so that each year begins a series."""
    credit_note_series: str = Field(default="CN-{year}-", pattern=SERIES)
    """How the numbers of credit notes begin."""
    seller_name: str = Field(default="Waybill", min_length=1)
    """Who issues invoices."""
    seller_line1: str = "1 Example Street"
    seller_postal_code: str = "10115"
    seller_city: str = "Berlin"
    seller_country: str = Field(default="DE", pattern=r"^[A-Z]{2}$")
    seller_vat_id: str = Field(default="DE123456789", pattern=r"^([A-Z]{2}[A-Z0-9]{2,13})?$")
    """The seller's VAT identification number; empty: none."""
    seller_email: str = ""
    """Where buyers may ask about an invoice; empty: nothing is said."""

    risk_secret: SecretStr = SecretStr("")
    """Makes the marks by which addresses are recognised that place orders; empty: none are, and none is throttled."""
    declines_per_hour: int = Field(default=30, ge=0)
    """After so many declined payments within an hour an address places no orders for a while; 0: it always may."""
    private_clients: bool = False
    """Whether private addresses are customers' too; else they are taken for the shop's own, or a proxy's."""

    @property
    def link_secrets(self) -> list[str]:
        """The secrets that links are read with; the first one signs."""
        return [part.strip() for part in self.link_secret.get_secret_value().split(",") if part.strip()]

    @model_validator(mode="after")
    def _key_for_carriers(self) -> "Settings":
        if self.carriers == "easypost" and not self.carrier_api_key.get_secret_value():
            raise ValueError("ORDER_CARRIER_API_KEY is needed with ORDER_CARRIERS=easypost")
        return self

    @model_validator(mode="after")
    def _series_of_their_own(self) -> "Settings":
        if self.invoice_series == self.credit_note_series:
            raise ValueError("ORDER_CREDIT_NOTE_SERIES must be another one than ORDER_INVOICE_SERIES")
        return self
