"""Every template in every language by every channel: the facts are in it, in the customer's format, and nothing is executed."""

import itertools
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import notification
from chassis import links
from chassis.testing import MORNING
from contracts.notification import Channel
from contracts.order import CancelReason, ChangeKind, ChangeRefusal, ReturnRefusal, TrackingStatus
from notification.letters import SAMPLE_FACTS, UNTOLD, Letters, TrackingLinks, UnwritableError
from notification.model import CHANNELS, WORTH_TELLING, Template

ACCOUNT = "Tea House, DE02 1203 0000 0000 2020 51"
PAY_LINK = "https://shop.example/pay/01929a3b"
LETTERS = Letters("Tea House", public_url="https://shop.example/", bank_account=ACCOUNT)
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
    ("changed", "en"): "Your order 1E2F3A4B was changed",
    ("changed", "de"): "Ihre Bestellung 1E2F3A4B wurde geändert",
    ("change_refused", "en"): "Your order 1E2F3A4B was not changed",
    ("change_refused", "de"): "Ihre Bestellung 1E2F3A4B wurde nicht geändert",
    ("tracking", "en"): "A parcel of your order 1E2F3A4B is out for delivery",
    ("tracking", "de"): "Ein Paket Ihrer Bestellung 1E2F3A4B wird zugestellt",
    ("return_requested", "en"): "We have your return request for order 1E2F3A4B",
    ("return_requested", "de"): "Ihr Rückgabewunsch zur Bestellung 1E2F3A4B ist eingegangen",
    ("return_approved", "en"): "Your return for order 1E2F3A4B is approved",
    ("return_approved", "de"): "Ihre Rückgabe zur Bestellung 1E2F3A4B ist genehmigt",
    ("return_declined", "en"): "Your return for order 1E2F3A4B is closed",
    ("return_declined", "de"): "Ihre Rückgabe zur Bestellung 1E2F3A4B ist abgeschlossen",
    ("return_received", "en"): "What you sent back of order 1E2F3A4B is here",
    ("return_received", "de"): "Ihre Rücksendung zur Bestellung 1E2F3A4B ist da",
    ("refunded", "en"): "A refund for your order 1E2F3A4B",
    ("refunded", "de"): "Eine Erstattung zu Ihrer Bestellung 1E2F3A4B",
    ("invoice_issued", "en"): "Invoice INV-2026-000042 for your order 1E2F3A4B",
    ("invoice_issued", "de"): "Rechnung INV-2026-000042 zu Ihrer Bestellung 1E2F3A4B",
    ("transfer_due", "en"): "Please pay for your order 1E2F3A4B by bank transfer",
    ("transfer_due", "de"): "Bitte bezahlen Sie Ihre Bestellung 1E2F3A4B per Überweisung",
    ("payment_challenge", "en"): "Please confirm the payment of your order 1E2F3A4B",
    ("payment_challenge", "de"): "Bitte bestätigen Sie die Zahlung Ihrer Bestellung 1E2F3A4B",
}
TOTAL = {"en": "€35.88", "de": "35,88\N{NO-BREAK SPACE}€"}
PARCEL = {"en": "€25.98", "de": "25,98\N{NO-BREAK SPACE}€"}
SHIPPING = {"en": "€4.90", "de": "4,90\N{NO-BREAK SPACE}€"}
TAXES = {"en": "€5.73", "de": "5,73\N{NO-BREAK SPACE}€"}
EXPECTED = {"en": "March 5, 2026", "de": "5. März 2026"}
LATER = {"en": "sent as soon as it comes in", "de": "senden wir, sobald es eintrifft"}
LINK = SAMPLE_FACTS["tracking_link"]
KEY_FACTS: dict[Template, list[dict[str, str] | str]] = {
    Template.RECEIVED: [TOTAL, PARCEL, SHIPPING, TAXES, "MUG-BLUE", "TEA-250", {"en": "March 2, 2026", "de": "2. März 2026"}],
    Template.CONFIRMED: [TOTAL, {"en": "2 parcels", "de": "2 Paketen"}, LATER, "POT-1L"],
    Template.CANCELLED: [TOTAL, {"en": "in stock any more", "de": "auf Lager"}],
    Template.SHIPPED: [PARCEL, "MUG-BLUE", "PX123456789", "Parcel Express", EXPECTED, LATER, "POT-1L", LINK],
    Template.DELIVERED: [{"en": "was delivered", "de": "wurde zugestellt"}],
    Template.CHANGED: [TOTAL, PARCEL, "MUG-BLUE", "TEA-250", {"en": "was added", "de": "kam etwas hinzu"}, LATER, "POT-1L"],
    Template.CHANGE_REFUSED: [{"en": "stays as it was", "de": "bleibt, wie sie war"}, {"en": "in stock", "de": "auf Lager"}],
    Template.TRACKING: [{"en": "is out for delivery", "de": "wird zugestellt"}, EXPECTED, LINK],
    Template.RETURN_REQUESTED: ["MUG-BLUE", {"en": "send nothing before that", "de": "vorher nichts zurück"}],
    Template.RETURN_APPROVED: ["MUG-BLUE", PARCEL, "5E6F7A8B", "9E8F7A6B", {"en": "pack them well", "de": "verpacken"}],
    Template.RETURN_DECLINED: [{"en": "could not be accepted", "de": "nicht angenommen werden konnte"}],
    Template.RETURN_RECEIVED: ["MUG-BLUE", {"en": "have arrived", "de": "eingetroffen"}],
    Template.REFUNDED: [
        PARCEL,
        TOTAL,
        {"en": "7 working days", "de": "7 Werktage"},
        {"en": "credit note", "de": "Gutschrift"},
    ],
    Template.INVOICE_ISSUED: ["INV-2026-000042", TOTAL, TAXES, {"en": "March 4, 2026", "de": "4. März 2026"}],
    Template.TRANSFER_DUE: [PARCEL, "WB-1E2F3A4B", ACCOUNT, {"en": "March 9, 2026", "de": "9. März 2026"}],
    Template.PAYMENT_CHALLENGE: [PARCEL, PAY_LINK],
}
OPTIONAL = [one for length in range(len(UNTOLD) + 1) for one in itertools.combinations(UNTOLD, length)]


def write(template: Template, channel: Channel, tag: str, name: str = "Kim Miller", **changes: Any) -> Any:
    return LETTERS.write(template, channel, tag, ORDER, {**SAMPLE_FACTS, **changes}, name)


def test_there_are_two_languages() -> None:
    assert LETTERS.languages == ["de", "en"]


@pytest.mark.parametrize(("template", "language"), EVERY)
def test_templates_have_words_for_exactly_the_channels_they_are_sent_by(template: Template, language: str) -> None:
    assert [channel for channel in Channel if LETTERS.has_words(template, channel, language)] == list(CHANNELS[template])


def test_the_readme_lists_every_template_with_its_channels() -> None:
    readme = (Path(notification.__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    told = readme.partition("## What a customer is told")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in told.splitlines() if line.startswith("| ")]
    listed = {name: [cell == "✔" for cell in by] for name, _, *by in rows[1:]}
    assert listed == {str(template): [channel in by for channel in Channel] for template, by in CHANNELS.items()}


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


@pytest.mark.parametrize("reason", ChangeRefusal)
@pytest.mark.parametrize("language", LETTERS.languages)
def test_every_reason_not_to_change_has_a_sentence_of_its_own(reason: ChangeRefusal, language: str) -> None:
    told = {one: write(Template.CHANGE_REFUSED, Channel.EMAIL, language, reason=one).text for one in ChangeRefusal}
    assert len(set(told.values())) == len(ChangeRefusal)
    assert told[reason] != write(Template.CHANGE_REFUSED, Channel.EMAIL, language, reason="a reason to come").text
    assert len(write(Template.CHANGE_REFUSED, Channel.SMS, language, reason=reason).text) <= 160


@pytest.mark.parametrize("reason", ReturnRefusal)
@pytest.mark.parametrize("language", LETTERS.languages)
def test_every_reason_not_to_take_back_has_a_sentence_of_its_own(reason: ReturnRefusal, language: str) -> None:
    told = {one: write(Template.RETURN_DECLINED, Channel.EMAIL, language, reason=one).text for one in ReturnRefusal}
    assert len(set(told.values())) == len(ReturnRefusal)
    assert told[reason] != write(Template.RETURN_DECLINED, Channel.EMAIL, language, reason="a reason to come").text
    assert len(write(Template.RETURN_DECLINED, Channel.SMS, language, reason=reason).text) <= 160


@pytest.mark.parametrize("language", LETTERS.languages)
def test_an_exchange_or_a_refund_is_told_as_far_as_there_is_one(language: str) -> None:
    for exchange, refund in ((None, SAMPLE_FACTS["refund_amount"]), (SAMPLE_FACTS["exchange_order_id"], None)):
        words = write(Template.RETURN_APPROVED, Channel.EMAIL, language, exchange_order_id=exchange, refund_amount=refund)
        for part in (words.text, words.html):
            assert ("9E8F7A6B" in part) is (exchange is not None)
            assert (PARCEL[language] in part) is (refund is not None)
            assert "None" not in part


@pytest.mark.parametrize("language", LETTERS.languages)
def test_what_pays_another_order_is_not_said_to_be_paid_back(language: str) -> None:
    paid_back = {"en": "paid back", "de": "erstattet"}[language]
    for channel in (Channel.EMAIL, Channel.SMS):
        moved, refunded = (
            write(Template.REFUNDED, channel, language, pays_order_id=exchange, complete=False)
            for exchange in (SAMPLE_FACTS["exchange_order_id"], None)
        )
        assert ("9E8F7A6B" in moved.text, "9E8F7A6B" in refunded.text) == (True, False)
        assert (paid_back in moved.text.partition(":")[0], paid_back in refunded.text) == (False, True)
    credited = write(Template.RECEIVED, Channel.EMAIL, language)
    plain = write(Template.RECEIVED, Channel.EMAIL, language, credit=None)
    for one, other in ((credited.text, plain.text), (credited.html, plain.html)):
        assert len(other) < len(one)


@pytest.mark.parametrize("language", LETTERS.languages)
def test_a_refund_of_all_says_so(language: str) -> None:
    all_of_it, part = (write(Template.REFUNDED, Channel.EMAIL, language, complete=complete) for complete in (True, False))
    assert {"en": "all you paid", "de": "alles erstattet"}[language] in all_of_it.text
    assert len(part.text) < len(all_of_it.text)


@pytest.mark.parametrize("language", LETTERS.languages)
def test_an_invoice_says_whether_it_is_for_a_parcel(language: str) -> None:
    said = {"en": "a parcel of", "de": "einem Paket"}[language]
    assert said in write(Template.INVOICE_ISSUED, Channel.EMAIL, language).text
    assert said not in write(Template.INVOICE_ISSUED, Channel.EMAIL, language, shipment_id=None).text


@pytest.mark.parametrize("language", LETTERS.languages)
@pytest.mark.parametrize("channel", CHANNELS[Template.PAYMENT_CHALLENGE])
def test_a_shop_that_does_not_say_where_it_is_has_letters_without_links_to_it(language: str, channel: Channel) -> None:
    plain = Letters("Tea House")
    for template in (Template.PAYMENT_CHALLENGE, Template.TRANSFER_DUE):
        words = plain.write(template, channel, language, ORDER, SAMPLE_FACTS, "Kim Miller")
        assert "http" not in words.text
        assert "None" not in words.text + words.html
        assert ACCOUNT not in words.text + words.html


@pytest.mark.parametrize("path", ["/pay/1", "pay/1", "//pay/1"])
def test_a_payments_link_leads_to_the_shop_whatever_its_path(path: str) -> None:
    assert ": https://shop.example/pay/1\n" in write(Template.PAYMENT_CHALLENGE, Channel.EMAIL, "en", payment_path=path).text


@pytest.mark.parametrize("status", sorted(WORTH_TELLING))
@pytest.mark.parametrize("language", LETTERS.languages)
def test_every_step_of_a_parcel_has_a_sentence_of_its_own(status: TrackingStatus, language: str) -> None:
    told = {one: write(Template.TRACKING, Channel.EMAIL, language, status=one) for one in WORTH_TELLING}
    assert len({words.subject for words in told.values()}) == len(WORTH_TELLING)
    assert told[status].subject != write(Template.TRACKING, Channel.EMAIL, language, status="a step to come").subject
    said = told[status].subject.split(REFERENCE)[1].strip()
    for part in (told[status].text, told[status].html, write(Template.TRACKING, Channel.SMS, language, status=status).text):
        assert said in part
    assert len(write(Template.TRACKING, Channel.SMS, language, status=status).text) <= 160


@pytest.mark.parametrize("status", ["available_for_pickup", "returned"])
@pytest.mark.parametrize("language", LETTERS.languages)
def test_a_parcel_that_does_not_come_any_more_is_not_expected(status: str, language: str) -> None:
    words = write(Template.TRACKING, Channel.EMAIL, language, status=status)
    assert EXPECTED[language] not in words.text + words.html


@pytest.mark.parametrize("kind", ChangeKind)
@pytest.mark.parametrize("language", LETTERS.languages)
def test_every_kind_of_change_has_words_of_its_own(kind: ChangeKind, language: str) -> None:
    told = {one: write(Template.CHANGED, Channel.EMAIL, language, kind=one).text for one in ChangeKind}
    assert len(set(told.values())) == len(ChangeKind)
    words = write(Template.CHANGED, Channel.EMAIL, language, kind=kind)
    assert words.text != write(Template.CHANGED, Channel.EMAIL, language, kind="a kind to come").text
    shows_the_order = {fact in part for fact in ("MUG-BLUE", TOTAL[language]) for part in (words.text, words.html)}
    assert shows_the_order == {kind is not ChangeKind.ADDRESS}
    assert len(write(Template.CHANGED, Channel.SMS, language, kind=kind).text) <= 160


@pytest.mark.parametrize("language", LETTERS.languages)
def test_whether_it_is_an_address_or_the_contact_that_was_changed_is_left_open(language: str) -> None:
    mail, sms = (write(Template.CHANGED, channel, language, kind=ChangeKind.ADDRESS) for channel in CHANNELS[Template.CHANGED])
    for part in (mail.text, mail.html, sms.text):
        assert {"en": "contact details", "de": "die Kontaktdaten"}[language] in part
    assert {"en": "its present shipping address", "de": "ihre jetzige Lieferadresse"}[language] in mail.text


@pytest.mark.parametrize(
    ("kind", "previous", "said"), [("reduction", 4000, True), ("reduction", 3588, False), ("addition", 2, False)]
)
def test_what_an_order_costs_less_is_said_not_to_be_charged(kind: str, previous: int, said: bool) -> None:  # noqa: FBT001
    words = write(Template.CHANGED, Channel.EMAIL, "en", kind=kind, previous_total={"amount": previous, "currency": "EUR"})
    assert ("The difference is not charged." in words.text) is said
    assert ("The difference is not charged." in words.html) is said


@pytest.mark.parametrize("absent", OPTIONAL)
@pytest.mark.parametrize(("template", "language"), EVERY)
def test_every_template_reads_well_whatever_was_not_told(template: Template, language: str, absent: tuple[str, ...]) -> None:
    facts = {key: value for key, value in SAMPLE_FACTS.items() if key not in absent}
    for channel in CHANNELS[template]:
        words = LETTERS.write(template, channel, language, ORDER, facts, "Kim Miller")
        for part in filter(None, (words.text, words.subject)):
            assert "None" not in part
            assert ".." not in part
            assert "  ." not in part
            assert "\n\n\n" not in part
        assert "None" not in words.html
        for fact, seen in (("tracking_link", LINK), ("backordered", "POT-1L"), ("shipping_amount", SHIPPING[language])):
            assert fact not in absent or seen not in words.text + words.html


@pytest.mark.parametrize(("template", "language"), EVERY)
def test_every_template_bears_nothing_and_much(template: Template, language: str) -> None:
    nothing = {"amount": 0, "currency": "EUR"}
    sku = "S" * 64
    name = "Kim " + "M" * 56
    facts = {
        **SAMPLE_FACTS,
        **dict.fromkeys(("total_amount", "previous_total", "amount", "shipping_amount", "tax_amount"), nothing),
        "items": [{"product_id": sku, "quantity": 1_000_000, "subtotal": nothing}],
        "lines": [{"product_id": sku, "quantity": 1_000_000}],
        "backordered": [{"product_id": sku, "quantity": 1_000_000}] * 50,
        "carrier": "C" * 60,
        "tracking_number": "T" * 60,
        "parcels": 0,
    }
    for channel in CHANNELS[template]:
        words = LETTERS.write(template, channel, language, ORDER, facts, name)
        assert REFERENCE in words.text + words.subject
        assert (name in words.text) is (channel is Channel.EMAIL)
        assert " 0 " not in words.text
        if channel is Channel.EMAIL and template in {Template.RECEIVED, Template.CHANGED, Template.SHIPPED}:
            assert sku in words.text
            assert sku in words.html
            assert ("€0.00" if language == "en" else "0,00\N{NO-BREAK SPACE}€") in words.text
        if channel is Channel.EMAIL and template is Template.RECEIVED:
            assert words.text.count("0,00" if language == "de" else "0.00") == 4  # the line, shipping, the total, taxes


def test_an_order_without_a_line_left_still_has_a_letter() -> None:
    words = write(Template.CHANGED, Channel.EMAIL, "en", items=[], kind="rest_cancelled")
    assert "cancelled" in words.text
    assert TOTAL["en"] in words.text


@pytest.mark.parametrize(
    ("tag", "language", "amount"),
    [
        ("de", "de", "35,88\N{NO-BREAK SPACE}€"),
        ("de-AT", "de", "€\N{NO-BREAK SPACE}35,88"),
        ("de-Latn-DE", "de", "35,88\N{NO-BREAK SPACE}€"),
        ("en-GB", "en", "€35.88"),
        ("en_US", "en", "€35.88"),
        ("DE", "de", "35,88\N{NO-BREAK SPACE}€"),
        ("De-at", "de", "€\N{NO-BREAK SPACE}35,88"),
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
    words = write(Template.SHIPPED, Channel.EMAIL, "en", carrier=None, tracking_number=None, tracking_link=None)
    assert "Tracking" not in words.text + words.html
    assert "track" not in words.text + words.html
    assert "None" not in words.text + words.html


def test_an_sms_has_the_link_or_what_else_helps_to_follow_the_parcel() -> None:
    linked = write(Template.SHIPPED, Channel.SMS, "en", backordered=None).text
    assert linked == f"Tea House: a parcel of your order {REFERENCE} is on its way. {LINK}"
    plain = write(Template.SHIPPED, Channel.SMS, "en", tracking_link=None).text
    assert "Expected on March 5, 2026." in plain
    assert "Parcel Express PX123456789" in plain


def test_the_link_can_be_clicked_and_read() -> None:
    for template in (Template.SHIPPED, Template.TRACKING):
        words = write(template, Channel.EMAIL, "en")
        assert f'<a href="{LINK}"' in words.html
        assert f": {LINK}\n" in words.text


def test_the_order_of_a_link_is_read_with_its_secret_until_90_days_are_over() -> None:
    made = TrackingLinks("https://shop.example/", "a secret of the tests")
    link = made.link(ORDER, MORNING)
    assert link.startswith("https://shop.example/track/")
    token = link.rpartition("/")[2]
    last = MORNING + timedelta(days=90)
    assert links.read(token, ["a secret of the tests"], "tracking", last - timedelta(seconds=1)) == str(ORDER)
    with pytest.raises(links.LinkExpiredError):
        links.read(token, ["a secret of the tests"], "tracking", last)
    assert "a secret of the tests" not in repr(made)


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
