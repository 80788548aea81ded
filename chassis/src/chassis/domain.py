"""What a model may know of the chassis: ids, time, causes, aggregates and named errors. Pure: no I/O, no framework.

Aggregates are SQLModel table classes. SQLModel does not validate them and its constructor and setters are made for the
ORM's change tracking, which the set-based stores do not use (30 us and 3 us each, measured); `Aggregate` keeps the
declaration and drops that machinery, so an aggregate costs what a plain object costs. Create one through the named
constructor of its class, and never hand one to an ORM session to be written.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Self, cast, dataclass_transform
from uuid import UUID

import uuid_utils.compat
from sqlalchemy.orm import configure_mappers
from sqlmodel import Field, SQLModel
from sqlmodel.main import SQLModelMetaclass

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Tell the time; services take it as a `Clock`, so that a test can tell another."""
    return datetime.now(UTC)


def new_id() -> UUID:
    """Make an id: UUIDv7, so that new rows land side by side in their indexes."""
    return uuid_utils.compat.uuid7()


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something happens: who or what asked for it, when, and in which trace.

    `actor` is `customer:ID`, `ROLE:ID` for staff, or the name of a service; `event_id` is the event being handled, if any.
    """

    actor: str
    at: datetime
    event_id: UUID | None = None
    correlation_id: str | None = None
    traceparent: str | None = None
    sequence: int = 0
    """The event's place among its publisher's facts about the same thing."""


class Refusal(Exception):  # noqa: N818 - the field's word for it: the request was understood and refused
    """A request that the rules of the business refuse; nothing has changed.

    Each named refusal is a subclass with the stable `slug` of its problem type, its HTTP `status` and a `title`; `facts`
    become members of the problem, so that a client can act on them.
    """

    slug: ClassVar[str]
    title: ClassVar[str]
    status: ClassVar[int] = 409

    def __init__(self, detail: str, **facts: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.facts: Mapping[str, Any] = facts


class NotFoundError(Refusal):
    """There is no such thing, or it is not the caller's to see."""

    slug = "not-found"
    title = "Not found"
    status = 404


@dataclass_transform(kw_only_default=True, field_specifiers=(Field,))
class _PlainConstruction(SQLModelMetaclass):
    """Builds an aggregate by filling its dictionary: declared defaults, then the values as given."""

    @property
    def defaults(cls) -> Mapping[str, Any]:  # noqa: N805 - of a metaclass
        """The declared default of each field that has one; made once, when the class is first used."""
        found: Mapping[str, Any] | None = cls.__dict__.get("_defaults")
        if found is None:
            configure_mappers()  # reading a mapped attribute needs it, and only the ORM's constructor would do it
            found = {name: field.default for name, field in cls.model_fields.items() if not field.is_required()}
            type.__setattr__(cls, "_defaults", found)
        return found

    def __call__(cls, **values: Any) -> Any:  # noqa: N805 - of a metaclass
        new: Any = object.__new__(cast("type[Any]", cls))
        fill = new.__dict__
        fill.update(cls.defaults)
        fill.update(values)
        set_slot = object.__setattr__  # pydantic's own bookkeeping, which printing and dumping look at
        set_slot(new, "__pydantic_fields_set__", set())
        set_slot(new, "__pydantic_extra__", None)
        set_slot(new, "__pydantic_private__", None)
        return new


class Aggregate(SQLModel, metaclass=_PlainConstruction):
    """A row with behaviour. Each service derives its own base with its own `registry()`."""

    def __setattr__(self, name: str, value: Any) -> None:
        self.__dict__[name] = value

    @classmethod
    def stored(cls, row: Mapping[str, Any]) -> Self:
        """Bring a stored row back to life; `row` holds every column."""
        return cls(**row)
