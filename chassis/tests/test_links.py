"""Signed links: what was signed is read back, and nothing else is, whatever is changed about it."""

import string
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chassis.links import LinkExpiredError, LinkInvalidError, read, sign
from chassis.problems import refusal_body
from chassis.testing import MORNING

SECRET = "a secret of the tests"
ORDER = "01929a3b-7c4d-7e5f-8a6b-9c0d1e2f3a4b"
LATER = MORNING + timedelta(days=90)
TOKEN = sign(SECRET, "tracking", ORDER, LATER)
URL_SAFE = string.ascii_letters + string.digits + "-_"

subjects = st.uuids().map(str) | st.uuids().map(lambda one: str(one).upper()) | st.text(max_size=60)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds it


@given(secret=st.text(min_size=1), purpose=st.text(max_size=20), subject=subjects, expires_at=moments)
def test_what_was_signed_is_read_until_it_expires_and_not_after(
    secret: str, purpose: str, subject: str, expires_at: datetime
) -> None:
    token = sign(secret, purpose, subject, expires_at)
    assert set(token) <= set(URL_SAFE)
    assert token == sign(secret, purpose, subject, expires_at)
    second = expires_at.replace(microsecond=0)
    assert read(token, [secret], purpose, second - timedelta(microseconds=1)) == subject
    with pytest.raises(LinkExpiredError):
        read(token, [secret], purpose, second)


@given(subject=subjects, data=st.data())
def test_any_other_character_at_any_place_is_refused(subject: str, data: Any) -> None:
    token = sign(SECRET, "tracking", subject, LATER)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from(URL_SAFE + "+/=. \né") | st.characters(exclude_categories=()))
    assume(other != token[place])
    for forged in (
        token[:place] + other + token[place + 1 :],
        token[:place] + other + token[place:],
        token[:place] + token[place + 1 :],
        token[:place],
        token + other,
        token + token,
    ):
        with pytest.raises(LinkInvalidError):
            read(forged, [SECRET], "tracking", MORNING)


def test_every_single_change_of_an_orders_token_is_refused() -> None:
    accepted = []
    for place in range(len(TOKEN)):
        for other in URL_SAFE:
            try:
                read(TOKEN[:place] + other + TOKEN[place + 1 :], [SECRET], "tracking", MORNING)
            except LinkInvalidError:
                continue
            accepted.append((place, other))
    assert accepted == list(enumerate(TOKEN))


@given(token=st.text(max_size=120))
def test_nonsense_is_refused_and_never_an_error(token: str) -> None:
    with pytest.raises(LinkInvalidError):
        read(token, [SECRET], "tracking", MORNING)


@given(purpose=st.text(max_size=20), secret=st.text(min_size=1))
def test_a_token_is_good_for_its_purpose_and_its_secret_alone(purpose: str, secret: str) -> None:
    assume(purpose != "tracking" and secret != SECRET)
    for secrets, other in (([SECRET], purpose), ([secret], "tracking"), ([], "tracking")):
        with pytest.raises(LinkInvalidError):
            read(TOKEN, secrets, other, MORNING)


def test_secrets_change_without_a_break() -> None:
    new = sign("the next secret", "tracking", ORDER, LATER)
    both = ["the next secret", SECRET]
    assert [read(token, both, "tracking", MORNING) for token in (TOKEN, new)] == [ORDER, ORDER]
    with pytest.raises(LinkInvalidError):
        read(TOKEN, ["the next secret"], "tracking", MORNING)


def test_nobody_signs_or_reads_without_a_secret() -> None:
    with pytest.raises(ValueError, match="needs a secret"):
        sign("", "tracking", ORDER, LATER)
    forged = sign("t", "tracking", ORDER, LATER)
    with pytest.raises(TypeError):
        read(forged, "the first character of this", "tracking", MORNING)
    with pytest.raises(LinkInvalidError):
        read(forged, ["", "the first character of this"], "tracking", MORNING)


def test_a_forged_link_does_not_say_whether_it_has_expired() -> None:
    past = sign("another secret", "tracking", ORDER, MORNING - timedelta(days=1))
    with pytest.raises(LinkInvalidError):
        read(past, [SECRET], "tracking", MORNING)


def test_an_orders_token_fits_an_sms() -> None:
    assert len(TOKEN) == 50
    assert UUID(read(TOKEN, [SECRET], "tracking", MORNING)) == UUID(ORDER)


def test_the_refusals_tell_a_forged_link_from_an_old_one_and_repeat_nothing() -> None:
    assert (LinkInvalidError.status, LinkInvalidError.slug) == (404, "link-invalid")
    assert (LinkExpiredError.status, LinkExpiredError.slug) == (410, "link-expired")
    with pytest.raises(LinkExpiredError) as expired:
        read(TOKEN, [SECRET], "tracking", LATER)
    assert ORDER not in refusal_body(expired.value).decode()
    assert TOKEN not in refusal_body(expired.value).decode()
