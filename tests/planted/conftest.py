"""The run of planted bugs takes minutes and proves the tests, not the product: it is made when it is asked for, by its mark."""

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "planted" in (config.option.markexpr or ""):
        return
    left_out = [item for item in items if item.get_closest_marker("planted")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
