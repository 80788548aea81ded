"""Settings that every service has; each service adds its own and gives the prefix. Secrets come from here only."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Role = Literal["api", "reactions", "workers"]


class ServiceSettings(BaseSettings):
    """How a service process runs: its database, broker, address, roles, identity provider and telemetry."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    database_url: SecretStr
    """`postgresql://role:password@host:port/name`, or with `?host=/socket/folder`."""
    database_pool_size: int = Field(default=6, ge=2)

    kafka_bootstrap_servers: str

    instance: str = Field(default="", max_length=200)
    """This process's name among all of its service, the same when it comes back: after a crash it goes on at once where it was,
    while one without a name waits until Kafka has given it up."""

    http_host: str = "127.0.0.1"
    http_port: int = Field(default=0, ge=0, le=65535)

    roles: Annotated[frozenset[Role], NoDecode] = frozenset({"api", "reactions", "workers"})
    """What this process does; a comma-separated list in the environment."""

    auth_issuer: str
    auth_audience: str = "waybill"
    auth_jwks_url: str

    requests_per_minute: int = Field(default=60_000, ge=1)
    """So many requests a minute this process answers to one caller; past it 429 with when to come back."""

    requests_at_once: int = Field(default=500, ge=1)
    """So many requests this process works on at once; past it 503 with when to come back, so that memory stays bounded."""

    streams_per_caller: int = Field(default=20, ge=1)
    """So many streams of events this process keeps open for one caller; past it 429 with when to come back."""

    streams_at_once: int = Field(default=1000, ge=1)
    """So many streams of events this process keeps open for all callers; past it 503 with when to come back."""

    log_level: str = "INFO"
    trace_sample_ratio: float = Field(default=0.0, ge=0, le=1)
    otlp_endpoint: str = ""
    """Where traces go (OTLP over HTTP); empty: nowhere."""

    batch_size: int = Field(default=500, ge=1)
    """The most records handled in one transaction."""
    dead_letter_limit: int = Field(default=50, ge=1)
    """So many dead letters in a row stop the consumer instead of draining the topic."""
    outbox_retention_days: int = Field(default=8, ge=1)
    """How long facts told and events handled are kept: a day longer than the topics keep them."""

    @field_validator("roles", mode="before")
    @classmethod
    def _split_roles(cls, value: object) -> object:
        return frozenset(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
