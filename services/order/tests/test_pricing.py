"""What an order costs: taxes gross and net, shipping by country and weight, and nothing lost in rounding."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order.model import Charge, NoShippingMethodError, PricedLine, Product, ShippingMethod, ShippingRate, TaxRate, Terms, quote
from order.model.pricing import half_up, spread

BERLIN = {"country": "DE", "region": None}
GERMAN = Terms(
    shipping_methods=[
        ShippingMethod(
            method_id="parcel",
            name="Parcel",
            rates=[
                ShippingRate(countries=["DE"], up_to_grams=5000, price=490),
                ShippingRate(countries=["DE"], up_to_grams=31_500, price=990),
                ShippingRate(countries=["AT", "FR"], up_to_grams=31_500, price=1490),
            ],
        ),
        ShippingMethod(method_id="express", name="Express", rates=[ShippingRate(countries=["DE"], price=1290)]),
    ],
    tax_rates=[
        TaxRate(country="DE", percent="19"),
        TaxRate(country="DE", tax_class="reduced", percent="7"),
        TaxRate(country="US", percent="4"),
        TaxRate(country="US", region="NY", percent="8.875"),
    ],
)


def line(price: int, quantity: int = 1, grams: int = 0, tax_class: str = "standard") -> PricedLine:
    product = Product(
        sku="X", name="X", price=price, currency="EUR", active=True, sequence=1, weight_grams=grams, tax_class=tax_class
    )
    return PricedLine(product, quantity)


def test_gross_prices_hold_their_tax() -> None:
    quoted = quote([line(11_900)], GERMAN, BERLIN, "parcel", included=True)
    assert (quoted.lines[0].charge.net, quoted.lines[0].charge.tax) == (10_000, 1_900)
    assert (quoted.total, quoted.tax) == (11_900 + 490, 1_900 + 78)


def test_net_prices_are_taxed_on_top() -> None:
    quoted = quote([line(10_000), line(1_000, tax_class="reduced")], GERMAN, BERLIN, "parcel", included=False)
    assert [one.charge.tax for one in quoted.lines] == [1_900, 70]
    assert quoted.total == 11_900 + 1_070 + 490 + 93


def test_a_known_case_of_a_third_of_a_cent() -> None:
    """24.99 at 10.75 % and 6.44 for shipping, untaxed, are 34.12: stored, shown and charged."""
    terms = Terms(
        shipping_methods=[ShippingMethod(method_id="flat", name="Flat", tax_class="none", rates=[ShippingRate(price=644)])],
        tax_rates=[TaxRate(country="US", percent="10.75")],
    )
    quoted = quote([line(2_499)], terms, {"country": "US", "region": None}, None, included=False)
    assert (quoted.tax, quoted.shipping_amount, quoted.total) == (269, 644, 3_412)


def test_a_regions_rate_goes_before_its_countrys() -> None:
    assert GERMAN.tax_rate("US", "NY", "standard") == 88_750
    assert GERMAN.tax_rate("US", "CA", "standard") == GERMAN.tax_rate("US", None, "standard") == 40_000
    assert GERMAN.tax_rate("FR", None, "standard") == 0


@pytest.mark.parametrize(
    ("grams", "country", "price"), [(100, "DE", 490), (5_000, "DE", 490), (5_001, "DE", 990), (9, "FR", 1490)]
)
def test_shipping_costs_by_country_and_weight(grams: int, country: str, price: int) -> None:
    chosen = GERMAN.choose("parcel", country, grams)
    assert chosen is not None
    assert chosen[1] == price


def test_without_a_wish_the_cheapest_way_is_taken() -> None:
    assert [method.method_id for method, _ in GERMAN.offers("DE", 100)] == ["parcel", "express"]
    heavy = GERMAN.choose(None, "DE", 40_000)
    assert heavy is not None
    assert heavy[0].method_id == "express"


@pytest.mark.parametrize(
    ("method", "country", "field"),
    [(None, "US", "shipping_address.country"), ("express", "FR", "shipping_method"), ("drone", "DE", "shipping_method")],
)
def test_what_cannot_be_sent_is_refused_by_field(method: str | None, country: str, field: str) -> None:
    with pytest.raises(NoShippingMethodError) as refused:
        GERMAN.choose(method, country, 100)
    assert refused.value.facts["errors"][0]["field"] == field


def test_where_no_terms_were_ever_set_shipping_is_free_and_nothing_taxed() -> None:
    quoted = quote([line(1_000, 3)], Terms(), {"country": "ZZ", "region": None}, None, included=True)
    assert (quoted.total, quoted.tax, quoted.shipping) == (3_000, 0, None)


@given(st.integers(0, 10**9), st.integers(0, 999_999))
def test_a_gross_amount_is_its_net_and_its_tax(amount: int, ppm: int) -> None:
    gross, net = Charge.of(amount, ppm, included=True), Charge.of(amount, ppm, included=False)
    assert gross.total == amount
    assert net.net == amount
    assert min(gross.tax, net.tax) >= 0
    assert abs(net.tax * 1_000_000 - amount * ppm) * 2 <= 1_000_000, "rounded once, to the nearest cent"


@given(st.integers(0, 10**9), st.lists(st.integers(0, 50), min_size=1, max_size=20))
def test_what_is_divided_adds_up(amount: int, weights: list[int]) -> None:
    parts = spread(amount, weights)
    assert min(parts) >= 0
    assert sum(parts) == (amount if sum(weights) else 0)


@given(st.integers(0, 10**12), st.integers(1, 10**6))
def test_halves_are_rounded_up(numerator: int, denominator: int) -> None:
    assert 0 <= 2 * half_up(numerator, denominator) * denominator - 2 * numerator + denominator <= 2 * denominator
