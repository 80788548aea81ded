"""Fixtures for all tests of the repository, and what all of them see to."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any

import pytest

from chassis.batch import Function
from chassis.database import Database, Transaction
from chassis.domain import Refusal
from contracts import Event

pytest_plugins = ["chassis.testing"]


@pytest.fixture(scope="session", autouse=True)
def _who_refuses_has_changed_nothing() -> Iterator[None]:
    """Look at each command of a service that a test sees refused: its facts are lost, so it must not have changed anything."""
    patch, read = pytest.MonkeyPatch(), Function.of

    def of(call: Callable[..., Any]) -> Function:
        function = read(call)
        return function if ".tests." in call.__module__ else dataclasses.replace(function, call=_watched(call))

    patch.setattr(Function, "of", of)
    yield
    patch.undo()


def _watched(call: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(call)
    def watched(message: Any, *stores: Any) -> Any:
        before = None if isinstance(message, Event) else _held(stores)  # a fact that is refused undoes its batch
        try:
            return call(message, *stores)
        except Refusal:
            if before is not None and _held(stores) != before:
                raise AssertionError(f"{call.__qualname__} has changed something before it refused") from None
            raise

    return watched


def _held(thing: Any) -> Any:
    """Take down what a store holds, to the last value."""
    if isinstance(thing, Mapping):
        return {key: _held(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple | set | frozenset):
        return [_held(one) for one in thing]
    if isinstance(thing, Enum | type | Database | Transaction) or callable(thing):
        return None
    if dataclasses.is_dataclass(thing):
        return {field.name: _held(getattr(thing, field.name)) for field in dataclasses.fields(thing)}
    return _held(vars(thing)) if hasattr(thing, "__dict__") else thing
