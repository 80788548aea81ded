"""What several requests say: addresses, contacts, how one pays; and the forms of ids and texts."""

from typing import Annotated, Literal, Self

import phonenumbers
from pydantic import AfterValidator, Field, StringConstraints, model_validator

from chassis.requests import Clean, RequestModel, Text
from contracts.types import PaymentInstrument
from order.model.terms import Slug


class AddressBody(RequestModel):
    """A postal address; `country` is ISO 3166 alpha-2."""

    name: Text
    line1: Text
    line2: Text | None = None
    city: Text
    region: Text | None = None
    postal_code: Annotated[str, StringConstraints(min_length=1, max_length=20), Clean]
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]


def _e164(text: str) -> str:
    """Write a phone number in E.164."""
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        raise ValueError("must be a phone number with its country code, like +4930123456") from None
    if not phonenumbers.is_possible_number(number):
        raise ValueError("is not a possible phone number")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


class ContactBody(RequestModel):
    """How to reach the customer."""

    email: Annotated[
        str, StringConstraints(max_length=254, pattern=r"^[^@\s\"<>,;:\\]+@[^@\s\"<>,;:\\]+\.[A-Za-z]{2,}$"), Clean
    ]
    phone: Annotated[str, StringConstraints(max_length=30, pattern=r"^\+[0-9 ().-]+$"), AfterValidator(_e164)] | None = None
    locale: Annotated[str, StringConstraints(max_length=35, pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$")] = "en"


class PaymentBody(RequestModel):
    """How the customer pays: by card, with the PSP's token and never a card number, by gift card, transfer, or in cash.

    For a transfer the order waits; cash is paid when it is delivered. A gift card pays first, as far as its balance goes;
    without a card beside it, it must pay all.
    """

    method: Literal["card", "gift_card", "bank_transfer", "cash_on_delivery"]
    token: Annotated[
        str | None,
        StringConstraints(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_-]+$"),
        Clean,
        Field(repr=False, description="With `card`: the PSP's token for it."),
    ] = None
    gift_card: Annotated[
        str | None,
        StringConstraints(min_length=8, max_length=40, pattern=r"^[A-Za-z0-9 -]+$"),
        Field(repr=False, description="The code of a gift card."),
    ] = None

    @model_validator(mode="after")
    def _names_what_pays(self) -> Self:
        if self.method == "card" and self.token is None:
            raise ValueError("token: is needed to pay by card")
        if self.method != "card" and self.token is not None:
            raise ValueError("token: is a card's, and no card pays")
        if self.method == "gift_card" and self.gift_card is None:
            raise ValueError("gift_card: is needed to pay by gift card")
        if self.method not in {"card", "gift_card"} and self.gift_card is not None:
            raise ValueError("gift_card: pays alone, or beside a card")
        return self

    def instrument(self) -> PaymentInstrument:
        """Tell how is paid to whoever has it paid; where no card pays the method stands for its token."""
        return PaymentInstrument(method=self.method, token=self.token or self.method, gift_card=self.gift_card)


class MoneyBody(RequestModel):
    """An amount in minor units."""

    amount: Annotated[int, Field(strict=True, ge=0, le=10**12)]
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


Notes = Annotated[str, StringConstraints(max_length=500), Clean]
MethodId = Annotated[Slug, Field(description="One of the ways of shipping that a quote offers; absent: the cheapest.")]
