"""The settings that decide how often and how long a message is tried."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from chassis.domain import new_id
from chassis.testing import MORNING
from notification.main import tracking_links
from notification.settings import Settings
from notification.store import LEASE

REQUIRED = {
    "NOTIFICATION_DATABASE_URL": "postgresql://none",
    "NOTIFICATION_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "NOTIFICATION_AUTH_ISSUER": "https://issuer.test",
    "NOTIFICATION_AUTH_JWKS_URL": "https://issuer.test/jwks",
}


@pytest.fixture
def settings_from(monkeypatch: pytest.MonkeyPatch) -> Any:
    def make(**environment: str) -> Settings:
        for name, value in {**REQUIRED, **environment}.items():
            monkeypatch.setenv(name, value)
        return Settings()

    return make


def test_the_schedule_comes_from_the_environment_and_its_last_wait_repeats(settings_from: Any) -> None:
    settings = settings_from(NOTIFICATION_RETRY_SCHEDULE_SECONDS="0.5, 4,60", NOTIFICATION_MAX_ATTEMPTS="5")
    waits = [settings.retry_after(attempt) for attempt in range(1, 6)]
    assert waits == [timedelta(seconds=0.5), timedelta(seconds=4), timedelta(seconds=60), timedelta(seconds=60), None]


def test_the_defaults_ride_out_an_outage_of_half_a_day(settings_from: Any) -> None:
    settings = settings_from()
    waits = [settings.retry_after(attempt) for attempt in range(1, settings.max_attempts)]
    assert timedelta(hours=12) < sum(waits, timedelta()) < timedelta(hours=24)
    assert settings.retry_after(settings.max_attempts) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NOTIFICATION_RETRY_SCHEDULE_SECONDS", ""),
        ("NOTIFICATION_RETRY_SCHEDULE_SECONDS", "1,0"),
        ("NOTIFICATION_RETRY_SCHEDULE_SECONDS", "soon"),
        ("NOTIFICATION_MAX_ATTEMPTS", "0"),
        ("NOTIFICATION_SMTP_SENDER", "nobody"),
        ("NOTIFICATION_SEND_TIMEOUT_SECONDS", "61"),
        ("NOTIFICATION_PROVIDERS", "pigeon"),
        ("NOTIFICATION_PUBLIC_URL", "shop.example"),
        ("NOTIFICATION_PUBLIC_URL", "ftp://shop.example"),
        ("NOTIFICATION_PUBLIC_URL", "https://"),
        ("NOTIFICATION_PUBLIC_URL", "https://shop.example/?from=mail"),
        ("NOTIFICATION_PUBLIC_URL", 'https://shop.example/" onclick="'),
        ("NOTIFICATION_LINK_SECRET", "fifteen letters"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings_from: Any, name: str, value: str) -> None:
    with pytest.raises(ValidationError):
        settings_from(**{name: value})


def test_the_lease_is_longer_than_any_attempt_may_take(settings_from: Any) -> None:
    longest = settings_from(NOTIFICATION_SEND_TIMEOUT_SECONDS="30").send_timeout_seconds
    assert timedelta(seconds=longest) < LEASE


@pytest.mark.parametrize(
    ("url", "secret", "linked"),
    [
        ("https://shop.example", "a secret of the tests", True),
        ("http://localhost:8080/shop/", "a secret of the tests", True),
        ("https://shop.example", "", False),
        ("", "a secret of the tests", False),
    ],
)
def test_messages_carry_links_where_address_and_secret_are_set(settings_from: Any, url: str, secret: str, linked: bool) -> None:  # noqa: FBT001 - what the row says
    made = tracking_links(settings_from(NOTIFICATION_PUBLIC_URL=url, NOTIFICATION_LINK_SECRET=secret))
    assert (made is not None) is linked
    if made is not None:
        link = made.link(new_id(), MORNING)
        assert link.startswith(url.rstrip("/") + "/track/")
        assert secret not in link + repr(made)


def test_invoices_are_mailed_unless_the_shop_says_otherwise(settings_from: Any) -> None:
    assert settings_from().mail_invoices
    assert not settings_from(NOTIFICATION_MAIL_INVOICES="false").mail_invoices
