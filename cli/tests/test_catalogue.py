"""The demo catalogue: large enough, valid by the contracts, and harmless to put in twice."""

from itertools import chain

from pydantic import TypeAdapter

from contracts import Money
from contracts.types import Sku
from waybill.catalogue import WAREHOUSES, calls, products


def test_there_is_something_to_order() -> None:
    catalogue = products()
    assert len(catalogue) >= 40
    assert len({product.sku for product in catalogue}) == len(catalogue)
    sku = TypeAdapter(Sku)
    for product in catalogue:
        assert sku.validate_python(product.sku) == product.sku
        assert Money(amount=product.cents, currency="EUR").amount > 0
        assert product.name
        assert all(units > 0 for units in product.stock.values())


def test_two_warehouses_have_all_of_it() -> None:
    assert [(warehouse.warehouse_id, warehouse.country) for warehouse in WAREHOUSES] == [("berlin", "DE"), ("lyon", "FR")]
    assert all(set(product.stock) == {"berlin", "lyon"} for product in products())


def test_each_call_has_a_key_of_its_own_that_never_changes() -> None:
    first, second = (list(chain.from_iterable(calls(products()))) for _ in range(2))
    assert len({call.key for call in first}) == len(first) == 2 + 3 * len(products())
    assert [call.key for call in first] == [call.key for call in second]
    assert all(len(call.key) <= 100 for call in first)
