"""The demo's terms of sale: they cover what the demo sells, wherever it is sold to, and replace nobody's own."""

import json
from typing import Any

import httpx2
import pytest

from order.model import ShippingMethod, TaxRate, Terms
from waybill import terms_of_sale
from waybill.catalogue import products
from waybill.errors import WaybillError
from waybill.terms_of_sale import documents, seed


@pytest.fixture(scope="module")
def terms() -> Terms:
    found = documents()
    return Terms(
        shipping_methods=[ShippingMethod.model_validate(one) for one in found["shipping-methods"]],
        tax_rates=[TaxRate.model_validate(one) for one in found["tax-rates"]],
    )


@pytest.mark.parametrize("country", ["DE", "AT", "FR", "US", "NZ"])
def test_a_parcel_goes_everywhere(terms: Terms, country: str) -> None:
    for grams in (0, 2_000, 2_001, 20_000):
        assert terms.offers(country, grams), f"nothing takes {grams} g to {country}"
    assert [method.method_id for method, _ in terms.offers("DE", 500)] == ["parcel", "express"]


def test_what_is_sold_is_taxed_where_it_is_sold(terms: Terms) -> None:
    classes = {product.tax_class for product in products()} | {method.tax_class for method in terms.shipping_methods}
    for country in {rate.country for rate in terms.tax_rates}:
        assert all(terms.tax_rate(country, None, one) > 0 for one in classes), country


class Shop:
    """An order service that keeps one version for both documents."""

    def __init__(self, version: int = 0, refuses: int | None = None) -> None:
        self.version = version
        self.refuses = refuses
        self.set: dict[str, Any] = {}

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        if self.refuses is not None:
            return httpx2.Response(self.refuses, text="no")
        if request.headers["If-Match"] != f'"{self.version}"':
            return httpx2.Response(412)
        self.version += 1
        self.set[request.url.path] = json.loads(request.content)["items"]
        return httpx2.Response(200)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Any:
    def ask(shop: Shop) -> Any:
        client = httpx2.AsyncClient
        monkeypatch.setattr(terms_of_sale, "token", lambda *_: "bearer")
        monkeypatch.setattr(httpx2, "AsyncClient", lambda **kw: client(**kw, transport=httpx2.MockTransport(shop.answer)))
        return seed("http://gateway.test", "http://issuer.test")

    return ask


@pytest.mark.parametrize(("version", "paths"), [(0, {"shipping-methods", "tax-rates"}), (1, {"tax-rates"}), (7, set())])
async def test_terms_are_set_where_there_are_none(asked: Any, version: int, paths: set[str]) -> None:
    shop = Shop(version)
    await asked(shop)
    assert shop.set == {f"/api/admin/{name}": documents()[name] for name in paths}


async def test_a_refusal_is_said(asked: Any) -> None:
    with pytest.raises(WaybillError, match="shipping-methods cannot be set: the order service answers 403 no"):
        await asked(Shop(refuses=403))
