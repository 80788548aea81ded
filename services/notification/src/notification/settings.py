"""Settings of the notification service: its providers, its sender, how often it tries."""

from datetime import timedelta
from email.utils import parseaddr
from typing import Annotated, Final, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from chassis.settings import ServiceSettings

SHORTEST_SECRET: Final = 16
"""Who gets a link can try secrets against it at leisure."""


class Settings(ServiceSettings):
    """How customers are told, and how the providers are reached."""

    model_config = SettingsConfigDict(env_prefix="NOTIFICATION_", extra="ignore", frozen=True)

    shop_name: str = Field(default="Waybill", min_length=1, max_length=11)
    """How the shop calls itself in messages; short enough to be the sender of an SMS."""

    public_url: str = Field(default="", pattern=r"^(https?://[^\s/?#]+(/[^\s?#]*)?)?$")
    """Where customers reach the shop; `/track/TOKEN` and payments' paths are added to it. Empty: no links in messages."""
    link_secret: SecretStr = SecretStr("")
    """Signs the links in messages, at least 16 characters; the order service reads with it. Empty: no links in messages."""

    mail_invoices: bool = True
    """Whether customers get an e-mail when an invoice is issued; they find it with their order in any case."""
    bank_account: str = Field(default="", max_length=200)
    """Where bank transfers go, holder and IBAN, as messages say it; empty: they do not say it."""

    providers: Literal["real", "stub"] = "real"
    """`stub` takes every message at once in this process and sends nothing; for the benchmark."""

    smtp_host: str = "127.0.0.1"
    """The mail server."""
    smtp_port: int = Field(default=25, ge=1, le=65535)
    smtp_security: Literal["none", "starttls", "tls"] = "none"
    smtp_username: str = ""
    """The login at the mail server; empty: none."""
    smtp_password: SecretStr = SecretStr("")
    smtp_sender: str = "Waybill <orders@waybill.example>"
    """Name and address that e-mails come from; the domain of the address ends the Message-IDs too."""
    smtp_connections: int = Field(default=4, ge=1, le=50)
    """How many connections to the mail server stay open."""

    sms_url: str = ""
    """The SMS provider, to which `/v1/messages` is added; empty: customers get no SMS."""
    sms_api_key: SecretStr = SecretStr("")
    """The bearer key of the SMS provider; empty: none is sent."""

    send_timeout_seconds: float = Field(default=20.0, gt=0, le=30)
    """After so long without an answer an attempt counts as failed for now; shorter than the lease of an attempt."""

    max_attempts: int = Field(default=30, ge=1)
    """After so many attempts a message is given up."""
    retry_schedule_seconds: Annotated[tuple[float, ...], NoDecode] = (1, 2, 5, 10, 20, 30, 60, 120, 300, 900, 1800, 3600)
    """The waits between attempts, comma-separated in the environment; the last one repeats. With the defaults: 19 hours."""

    @field_validator("retry_schedule_seconds", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if "@" not in parseaddr(self.smtp_sender)[1]:
            raise ValueError("smtp_sender must be an e-mail address, or a name and <address>")
        if not self.retry_schedule_seconds or min(self.retry_schedule_seconds) <= 0:
            raise ValueError("retry_schedule_seconds must name at least one wait, all longer than 0")
        if 0 < len(self.link_secret.get_secret_value()) < SHORTEST_SECRET:
            raise ValueError(f"link_secret must have at least {SHORTEST_SECRET} characters, or none")
        return self

    @property
    def sends_sms(self) -> bool:
        """Whether there is a provider that takes SMS."""
        return self.providers == "stub" or bool(self.sms_url)

    def retry_after(self, attempt: int) -> timedelta | None:
        """Tell how long to wait after a failed attempt (1 is the first); None: give up."""
        if attempt >= self.max_attempts:
            return None
        schedule = self.retry_schedule_seconds
        return timedelta(seconds=schedule[min(attempt, len(schedule)) - 1])
