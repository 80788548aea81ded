"""What an order costs: lines, shipping and taxes, by one rounding rule that is stored with the order.

The rule is `half_up_per_line`: each line's tax is rounded once, half up, to minor units; totals only add up what was rounded,
so a total is always the sum of what is shown. Prices are gross (taxes in them) or net by the shop's setting. Whatever is
divided over parcels or units is divided so that the parts add up to the whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from order.model.cart import PricedLine
from order.model.terms import PPM, Terms

ROUNDING: Final = "half_up_per_line"


def half_up(numerator: int, denominator: int) -> int:
    """Divide amounts (not negative) and round half up."""
    return (2 * numerator + denominator) // (2 * denominator)


def share(amount: int, part: int, whole: int) -> int:
    """Give the part of an amount that belongs to `part` of `whole` units."""
    return half_up(amount * part, whole) if whole else 0


def spread(amount: int, weights: Sequence[int]) -> list[int]:
    """Divide an amount in proportion to weights; the parts add up to it."""
    whole, so_far, given = sum(weights), 0, 0
    parts = []
    for weight in weights:
        so_far += weight
        upto = share(amount, so_far, whole)
        parts.append(upto - given)
        given = upto
    return parts


@dataclass(frozen=True, slots=True)
class Charge:
    """An amount with its tax; `total` is what the customer pays for it, taxes included."""

    net: int
    tax: int

    @property
    def total(self) -> int:
        """What the customer pays."""
        return self.net + self.tax

    @classmethod
    def of(cls, amount: int, rate_ppm: int, *, included: bool) -> "Charge":
        """Tax an amount that holds its tax (`included`) or does not."""
        if included:
            tax = half_up(amount * rate_ppm, PPM + rate_ppm)
            return cls(amount - tax, tax)
        return cls(amount, half_up(amount * rate_ppm, PPM))


@dataclass(frozen=True, slots=True)
class QuotedLine:
    """A line with its price, taxes and weight."""

    line: PricedLine
    tax_rate_ppm: int
    charge: Charge


@dataclass(frozen=True, slots=True)
class QuotedShipping:
    """How it is sent, and what that costs."""

    method_id: str
    name: str
    tax_rate_ppm: int
    charge: Charge


@dataclass(frozen=True, slots=True)
class Quote:
    """What lines cost when they are sent to a place, by the terms of a version."""

    lines: Sequence[QuotedLine]
    shipping: QuotedShipping | None
    currency: str
    prices_include_tax: bool

    @property
    def shipping_amount(self) -> int:
        """What shipping costs, taxes included."""
        return self.shipping.charge.total if self.shipping is not None else 0

    @property
    def total(self) -> int:
        """What all of it costs, taxes included."""
        return sum([line.charge.total for line in self.lines]) + self.shipping_amount

    @property
    def tax(self) -> int:
        """The taxes in the total."""
        shipping = self.shipping.charge.tax if self.shipping is not None else 0
        return sum([line.charge.tax for line in self.lines]) + shipping


def quote(
    lines: Sequence[PricedLine], terms: Terms, address: Mapping[str, str | None], method_id: str | None, *, included: bool
) -> Quote:
    """Price lines and their shipping to an address; raises NoShippingMethodError."""
    country, region = address["country"] or "", address.get("region")
    rates: dict[str, int] = {}

    def rate(tax_class: str) -> int:
        if tax_class not in rates:
            rates[tax_class] = terms.tax_rate(country, region, tax_class)
        return rates[tax_class]

    grams = sum([line.product.weight_grams * line.quantity for line in lines])
    chosen = terms.choose(method_id, country, grams)
    shipping = None
    if chosen is not None:
        method, price = chosen
        ppm = rate(method.tax_class)
        shipping = QuotedShipping(method.method_id, method.name, ppm, Charge.of(price, ppm, included=included))
    quoted = []
    for line in lines:
        ppm = rate(line.product.tax_class)
        quoted.append(QuotedLine(line, ppm, Charge.of(line.subtotal, ppm, included=included)))
    return Quote(quoted, shipping, lines[0].product.currency, included)
