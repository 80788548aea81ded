"""Every template in every language by every channel: the facts are in it, in the customer's format, and nothing is executed."""

import time
from typing import Any
from uuid import UUID

import pytest

from contracts.notification import Channel
from contracts.order import CancelReason
from notification.letters import SAMPLE_FACTS, Letters, UnwritableError
from notification.model import CHANNELS, Template

LETTERS = Letters("Tea House")
ORDER = UUID("01929a3b-7c4d-7e5f-8a6b-9c0d1e2f3a4b")
REFERENCE = "1E2F3A4B"
EVERY = [(template, language) for template in Template for language in LETTERS.languages]

SUBJECTS = {
    ("received", "en"): "We have your order 1E2F3A4B",
    ("received", "de"): "Ihre Bestellung 1E2F3A4B ist eingegangen",
    ("confirmed", "en"): "Your order 1E2F3A4B is confirmed",
    ("confirmed", "de"): "Ihre Bestellung 1E2F3A4B ist bestätigt",
    ("cancelled", "en"): "Your order 1E2F3A4B was cancelled",
    ("cancelled", "de"): "Ihre Bestellung 1E2F3A4B wurde storniert",
    ("shipped", "en"): "A parcel of your order 1E2F3A4B is on its way",
    ("shipped", "de"): "Ein Paket Ihrer Bestellung 1E2F3A4B ist unterwegs",
    ("delivered", "en"): "A parcel of your order 1E2F3A4B was delivered",
    ("delivered", "de"): "Ein Paket Ihrer Bestellung 1E2F3A4B wurde zugestellt",
}
TOTAL = {"en": "€35.88", "de": "35,88\N{NO-BREAK SPACE}€"}
PARCEL = {"en": "€25.98", "de": "25,98\N{NO-BREAK SPACE}€"}
KEY_FACTS: dict[Template, list[dict[str, str] | str]] = {
    Template.RECEIVED: [TOTAL, PARCEL, "MUG-BLUE", "TEA-250", {"en": "March 2, 2026", "de": "2. März 2026"}],
    Template.CONFIRMED: [TOTAL, {"en": "2 parcels", "de": "2 Paketen"}],
    Template.CANCELLED: [TOTAL, {"en": "in stock any more", "de": "auf Lager"}],
    Template.SHIPPED: [PARCEL, "MUG-BLUE", "PX123456789", "Parcel Express"],
    Template.DELIVERED: [{"en": "was delivered", "de": "wurde zugestellt"}],
}


def write(template: Template, channel: Channel, tag: str, name: str = "Kim Miller", **changes: Any) -> Any:
    return LETTERS.write(template, channel, tag, ORDER, {**SAMPLE_FACTS, **changes}, name)


def test_there_are_two_languages() -> None:
    assert LETTERS.languages == ["de", "en"]


@pytest.mark.parametrize(("template", "language"), EVERY)
def test_templates_have_words_for_exactly_the_channels_they_are_sent_by(template: Template, language: str) -> None:
    assert [channel for channel in Channel if LETTERS.has_words(template, channel, language)] == list(CHANNELS[template])


@pytest.mark.parametrize(("template", "language"), EVERY)
def test_an_email_tells_its_facts_in_text_and_html(template: Template, language: str) -> None:
    words = write(template, Channel.EMAIL, language)
    assert words.subject == SUBJECTS[template, language]
    for fact in KEY_FACTS[template]:
        expected = fact if isinstance(fact, str) else fact[language]
        assert expected in words.text
        assert expected in words.html
    for part in (words.text, words.html):
        assert str(ORDER) in part
        assert "Tea House" in part
        assert ("Hallo" if language == "de" else "Hello") + " Kim Miller," in part
    assert f'<html lang="{language}">' in words.html
    assert "{{" not in words.text + words.html


@pytest.mark.parametrize(("template", "language"), [one for one in EVERY if Channel.SMS in CHANNELS[one[0]]])
def test_an_sms_is_one_short_line_that_names_shop_and_order(template: Template, language: str) -> None:
    words = write(template, Channel.SMS, language)
    assert words.text.startswith("Tea House: ")
    assert REFERENCE in words.text
    assert "\n" not in words.text
    assert "\N{NO-BREAK SPACE}" not in words.text
    assert len(words.text) <= 160
    assert "Kim" not in words.text
    assert (words.subject, words.html) == ("", "")


@pytest.mark.parametrize("reason", CancelReason)
@pytest.mark.parametrize("language", LETTERS.languages)
def test_every_reason_to_cancel_has_words_of_its_own(reason: CancelReason, language: str) -> None:
    words = write(Template.CANCELLED, Channel.EMAIL, language, reason=reason)
    unknown = write(Template.CANCELLED, Channel.EMAIL, language, reason="a reason to come")
    assert words.text != unknown.text
    assert reason not in words.text or reason in {CancelReason.STAFF, CancelReason.CUSTOMER}


@pytest.mark.parametrize(
    ("tag", "language", "amount"),
    [
        ("de", "de", "35,88\N{NO-BREAK SPACE}€"),
        ("de-AT", "de", "€\N{NO-BREAK SPACE}35,88"),
        ("de-Latn-DE", "de", "35,88\N{NO-BREAK SPACE}€"),
        ("en-GB", "en", "€35.88"),
        ("en_US", "en", "€35.88"),
        ("fr", "en", "€35.88"),
        ("zz-ZZ-broken", "en", "€35.88"),
        ("de-XX-nowhere", "de", "35,88\N{NO-BREAK SPACE}€"),
        ("", "en", "€35.88"),
    ],
)
def test_languages_fall_back_along_their_tag_and_to_english(tag: str, language: str, amount: str) -> None:
    assert LETTERS.language(tag).folder == language
    assert amount in write(Template.CONFIRMED, Channel.EMAIL, tag).text


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [(1999, "EUR", "€19.99"), (5, "USD", "$0.05"), (1500, "JPY", "¥1,500"), (1234, "KWD", "KWD1.234")],
)
def test_amounts_are_shown_from_minor_units_of_their_currency(amount: int, currency: str, shown: str) -> None:
    words = write(Template.CONFIRMED, Channel.EMAIL, "en", total_amount={"amount": amount, "currency": currency})
    assert shown in words.text


def test_what_a_customer_wrote_is_text_in_html_and_one_line() -> None:
    words = write(Template.SHIPPED, Channel.EMAIL, "en", name='<script>alert("1")</script>\nEve', carrier="<b>C</b>")
    assert "<script>" not in words.html
    assert "<b>C</b>" not in words.html
    assert "&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt; Eve," in words.html


def test_a_name_is_never_a_template() -> None:
    assert "{{ 7 * 7 }}" in write(Template.SHIPPED, Channel.EMAIL, "en", name="{{ 7 * 7 }}").text


def test_one_parcel_without_tracking_reads_well() -> None:
    assert "one parcel" in write(Template.CONFIRMED, Channel.EMAIL, "en", parcels=1).text
    words = write(Template.SHIPPED, Channel.EMAIL, "en", carrier=None, tracking_number=None)
    assert "Tracking" not in words.text + words.html
    assert "None" not in words.text + words.html


def test_a_message_that_cannot_be_written_says_which_and_no_more() -> None:
    with pytest.raises(UnwritableError) as failed:
        LETTERS.write(Template.CONFIRMED, Channel.EMAIL, "de", ORDER, {"parcels": 1}, "Ada Canary")
    assert str(failed.value) == "de/confirmed cannot be written for email: UndefinedError"
    assert failed.value.__suppress_context__


def test_writing_compiles_nothing() -> None:
    compiled = LETTERS._templates["en/received.txt"]  # noqa: SLF001 - the promise is that it stays the same object
    started = time.process_time()
    for _ in range(100):
        write(Template.RECEIVED, Channel.EMAIL, "en")
    assert LETTERS._templates["en/received.txt"] is compiled  # noqa: SLF001
    assert (time.process_time() - started) / 100 < 0.01  # ten times what it takes, and far below one compilation
