"""What a message says: subject, text and HTML in the customer's language, written from the facts of an event.

Templates live in `templates/<language>/`; a language that is not there falls back along its tag (`de-AT`, `de`) and to English
at last. HTML is escaped; all templates are compiled when the service starts. A message that cannot be written is a fault of
ours and is reported by its template and kind of error alone, since the text of an error may hold what the customer wrote.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_currency, get_currency_precision
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from chassis import links
from contracts.notification import Channel
from notification import model
from notification.gateway import Mail, ShortMessage
from notification.store import DeliveryDue, Recipient

FALLBACK: Final = "en"
REFERENCE_LENGTH: Final = 8
DAYS: Final = frozenset({"order_date", "expected_delivery", "issued_on", "deadline_at"})
"""The facts that are days, or moments whose day customers are shown."""
UNTOLD: Final[Mapping[str, Any]] = dict.fromkeys(
    ("shipping_amount", "tax_amount", "credit", "backordered", "expected_delivery", "tracking_link")
)
"""Facts that an event may not have told; a template asks whether they are there. Any other that is missing is a fault."""

TRACKING: Final = "tracking"
"""The purpose of a link that shows where an order's parcels are; its subject is `str(order_id)`. The order service reads it
with the same secret: `links.read(token, secrets, "tracking", now)`."""
TRACKING_LASTS: Final = timedelta(days=90)

SAMPLE_ORDER: Final = UUID("01929a3b-7c4d-7e5f-8a6b-9c0d1e2f3a4b")
SAMPLE_NAME: Final = "Kim Miller"
SAMPLE_FACTS: Final[Mapping[str, Any]] = {
    "order_date": "2026-03-02T09:00:00Z",
    "items": [
        {"product_id": "MUG-BLUE", "quantity": 2, "subtotal": {"amount": 2598, "currency": "EUR"}},
        {"product_id": "TEA-250", "quantity": 1, "subtotal": {"amount": 990, "currency": "EUR"}},
    ],
    "lines": [{"product_id": "MUG-BLUE", "quantity": 2}],
    "backordered": [{"product_id": "POT-1L", "quantity": 1}],
    "shipping_amount": {"amount": 490, "currency": "EUR"},
    "tax_amount": {"amount": 573, "currency": "EUR"},
    "total_amount": {"amount": 3588, "currency": "EUR"},
    "previous_total": {"amount": 2598, "currency": "EUR"},
    "amount": {"amount": 2598, "currency": "EUR"},
    "parcels": 2,
    "reason": "out_of_stock",
    "kind": "addition",
    "status": "out_for_delivery",
    "expected_delivery": "2026-03-05",
    "carrier": "Parcel Express",
    "tracking_number": "PX123456789",
    "tracking_link": f"https://waybill.example/track/{'0' * 50}",
    "return_id": "01929a3b-7c4d-7e5f-8a6b-9c0d5e6f7a8b",
    "exchange_order_id": "01929a3b-7c4d-7e5f-8a6b-9c0d9e8f7a6b",
    "refund_amount": {"amount": 2598, "currency": "EUR"},
    "refunded": {"amount": 3588, "currency": "EUR"},
    "complete": True,
    "credit": {"amount": 2598, "currency": "EUR"},
    "number": "INV-2026-000042",
    "shipment_id": "01929a3b-7c4d-7e5f-8a6b-9c0d3c2b1a09",
    "issued_on": "2026-03-04",
    "payment_reference": "WB-1E2F3A4B",
    "payment_path": "/pay/01929a3b",
    "deadline_at": "2026-03-09T09:00:00Z",
}


FOLLOWED: Final = frozenset({model.Template.SHIPPED, model.Template.TRACKING})
"""The letters with a tracking link; to sign one for each of the others costs as much as half their text."""


class UnwritableError(Exception):
    """The message cannot be written from its facts; the text holds no personal data."""


@dataclass(frozen=True, slots=True)
class Words:
    """A written message; an SMS has neither subject nor HTML."""

    text: str
    subject: str = ""
    html: str = ""


@dataclass(frozen=True, slots=True)
class Language:
    """The language whose templates are used, and the locale that formats amounts and dates in it."""

    folder: str
    locale: Locale


@dataclass(frozen=True, slots=True)
class TrackingLinks:
    """Makes the links by which customers see where their parcels are, without a login.

    A link is made when its message is written and kept nowhere, for whoever holds it may look.
    """

    public_url: str
    secret: str = field(repr=False)

    def link(self, order_id: UUID, since: datetime) -> str:
        """Make the link of an order, good for TRACKING_LASTS from `since` on."""
        token = links.sign(self.secret, TRACKING, str(order_id), since + TRACKING_LASTS)
        return f"{self.public_url.rstrip('/')}/track/{token}"


class Letters:
    """Writes messages; one instance per process, with all templates compiled.

    Without `tracking` messages carry no tracking links, without `public_url` none to pages of the shop.
    """

    def __init__(
        self, shop: str, tracking: TrackingLinks | None = None, *, public_url: str = "", bank_account: str = ""
    ) -> None:
        self._shop = shop
        self._public_url = public_url.rstrip("/")
        self._bank_account = bank_account or None
        self._tracking = tracking
        environment = _environment()
        names = environment.list_templates()
        self.languages = sorted({name.partition("/")[0] for name in names if "/" in name})
        self._templates = {name: environment.get_template(name) for name in names}

    def mail(self, due: DeliveryDue, recipient: Recipient) -> Mail:
        """Write the e-mail of a delivery; raises UnwritableError."""
        facts = self._with_link(due)
        written = self.write(due.template, Channel.EMAIL, recipient.locale, due.order_id, facts, recipient.name)
        return Mail(due.delivery_id, due.order_id, recipient.email, written.subject, written.text, written.html)

    def short_message(self, due: DeliveryDue, phone: str, locale: str) -> ShortMessage:
        """Write the SMS of a delivery; raises UnwritableError."""
        written = self.write(due.template, Channel.SMS, locale, due.order_id, self._with_link(due))
        return ShortMessage(due.delivery_id, due.order_id, phone, written.text)

    def _with_link(self, due: DeliveryDue) -> Mapping[str, Any]:
        if self._tracking is None or due.template not in FOLLOWED:
            return due.facts
        return {**due.facts, "tracking_link": self._tracking.link(due.order_id, due.created_at)}

    def write(
        self, template: model.Template, channel: Channel, tag: str, order_id: UUID, facts: Mapping[str, Any], name: str = ""
    ) -> Words:
        """Write what `template` says by `channel` in the language of the BCP 47 `tag`; raises UnwritableError."""
        language = self.language(tag)
        place = f"{language.folder}/{template}"
        try:
            values = {
                **UNTOLD,
                **_shown(dict(facts), language.locale),
                "return_reference": _reference(facts.get("return_id")),
                "exchange_reference": _reference(facts.get("exchange_order_id")),
                "pays_reference": _reference(facts.get("pays_order_id")),
                "payment_link": self._page(facts.get("payment_path")),
                "bank_account": self._bank_account,
                "shop": self._shop,
                "name": " ".join(name.split()),
                "order_id": str(order_id),
                "reference": _reference(order_id),
                "language": language.folder,
            }
            return self._short(place, values) if channel is Channel.SMS else self._long(place, values)
        except Exception as error:  # noqa: BLE001 - whatever a template stumbles over is the same fault to its reader
            raise UnwritableError(f"{place} cannot be written for {channel}: {type(error).__name__}") from None

    def _page(self, path: str | None) -> str | None:
        """Make the link to a page of the shop; None where it is not known how customers reach the shop."""
        return f"{self._public_url}/{path.lstrip('/')}" if path and self._public_url else None

    def _long(self, place: str, values: dict[str, Any]) -> Words:
        # The layout puts the subject on the first line, so that a message costs two renderings and not three.
        subject, _, text = self._templates[f"{place}.txt"].render(values).partition("\n")
        return Words(text.strip() + "\n", " ".join(subject.split()), self._templates[f"{place}.html"].render(values))

    def _short(self, place: str, values: dict[str, Any]) -> Words:
        # One line, and plain spaces: a no-break space would cost the SMS its compact alphabet.
        template = self._templates[f"{place}.txt"]
        return Words(" ".join("".join(template.blocks["sms"](template.new_context(values))).split()))

    def sample(self, template: model.Template, channel: Channel, tag: str) -> Words:
        """Write a template with made-up facts, for those who look after the templates."""
        return self.write(template, channel, tag, SAMPLE_ORDER, SAMPLE_FACTS, SAMPLE_NAME)

    def has_words(self, template: model.Template, channel: Channel, language: str) -> bool:
        """Tell whether there is a text for a template, channel and language."""
        plain = self._templates.get(f"{language}/{template}.txt")
        return plain is not None and ("sms" if channel is Channel.SMS else "subject") in plain.blocks

    def language(self, tag: str) -> Language:
        """Choose the language for a BCP 47 tag: the tag itself, its shorter forms, English."""
        return _language(tag, tuple(self.languages))


def _reference(name: UUID | str | None) -> str:
    """Shorten an id to what a customer can read out."""
    return str(name or "")[-REFERENCE_LENGTH:].upper()


@lru_cache(maxsize=1000)
def _language(tag: str, known: tuple[str, ...]) -> Language:
    parts = tag.replace("_", "-").split("-")
    folders = {one.lower(): one for one in known}  # a tag means the same in whatever case
    chain = ("-".join(parts[:length]).lower() for length in range(len(parts), 0, -1))
    folder = next((folders[one] for one in chain if one in folders), None)
    if folder is None:
        return Language(FALLBACK, Locale.parse(FALLBACK))
    try:
        return Language(folder, Locale.parse("-".join(parts), sep="-"))
    except (UnknownLocaleError, ValueError):
        return Language(folder, Locale.parse(folder, sep="-"))


@lru_cache(maxsize=1)
def _environment() -> Environment:
    """Make the one environment of the process: it keeps what it has compiled."""
    return Environment(
        loader=PackageLoader("notification"),
        autoescape=select_autoescape(enabled_extensions=("html",), default=False),
        undefined=StrictUndefined,
        trim_blocks=False,
        auto_reload=False,
    )


def _shown(fact: Any, locale: Locale) -> Any:
    """Put a fact as the customer reads it: amounts and moments in the customer's format, wherever they stand in it."""
    if isinstance(fact, dict):
        if fact.keys() == {"amount", "currency"}:
            return _amount(fact["amount"], fact["currency"], locale)
        return {
            key: _date(datetime.fromisoformat(value).date(), locale) if key in DAYS and value else _shown(value, locale)
            for key, value in fact.items()
        }
    if isinstance(fact, list):
        return [_shown(one, locale) for one in fact]
    return fact


@lru_cache(maxsize=4096)
def _amount(minor_units: int, currency: str, locale: Locale) -> str:
    value = Decimal(minor_units).scaleb(-get_currency_precision(currency))
    return format_currency(value, currency, locale=locale)


@lru_cache(maxsize=1000)
def _date(day: date, locale: Locale) -> str:
    return format_date(day, format="long", locale=locale)
