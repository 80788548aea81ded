"""What a model may know of the chassis: ids, time, causes, aggregates and named errors. Pure: no I/O, no framework.

Aggregates are SQLModel table classes. SQLModel does not validate them, and its constructor, setters and getters are made for
the ORM's change tracking, which the set-based stores do not use (30 us, 3 us and 0.2 us each, measured); `Aggregate` keeps
the declaration and drops that machinery, so an aggregate costs what a plain object costs. Create one through the named
constructor of its class, and never hand one to an ORM session to be written.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Self, dataclass_transform
from uuid import UUID

import uuid_utils.compat
from sqlmodel import Field, SQLModel
from sqlmodel.main import SQLModelMetaclass

Clock = Callable[[], datetime]

_wrong_by: Callable[[], timedelta] = timedelta


def utc_now() -> datetime:
    """Tell the machine's own time of day; services go by their database's, see `chassis.clocks`."""
    return datetime.now(UTC) + _wrong_by()


def mislead(wrong_by: Callable[[], timedelta]) -> None:
    """Have the machine's time be wrong from now on, by what is said at each reading."""
    global _wrong_by  # noqa: PLW0603 - there is one machine
    _wrong_by = wrong_by


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

    def __call__(cls, **values: Any) -> Any:  # noqa: N805 - of a metaclass
        plain, defaults = _plain.get(cls) or _make_plain(cls)
        new = object.__new__(plain)
        new.__dict__.update(defaults)
        new.__dict__.update(values)
        return new


_plain: dict[type, tuple[type[Any], Mapping[str, Any]]] = {}


def _make_plain(cls: Any) -> tuple[type[Any], Mapping[str, Any]]:
    """Derive the class of an aggregate's instances when the first is made, and answer it with the declared defaults.

    It lacks the ORM's attributes, which would hide the instance's own; and it is made past the metaclass, so that SQLAlchemy
    maps no second class.
    """
    fields = cls.model_fields
    unhidden = dict.fromkeys(fields) | {"__module__": cls.__module__, "__setattr__": object.__setattr__}
    plain = type.__new__(type(cls), cls.__name__, (cls,), unhidden)
    _plain[cls] = plain, {name: field.default for name, field in fields.items() if not field.is_required()}
    return _plain[cls]


class Aggregate(SQLModel, metaclass=_PlainConstruction):
    """A row with behaviour. Each service derives its own base with its own `registry()`."""

    # What printing and dumping look at, and pydantic keeps for each object: the same for all of these.
    __pydantic_fields_set__ = set()
    __pydantic_extra__ = None
    __pydantic_private__ = None

    def __setattr__(self, name: str, value: Any) -> None:
        self.__dict__[name] = value

    @classmethod
    def stored(cls, row: Mapping[str, Any]) -> Self:
        """Bring a stored row back to life; `row` holds every column."""
        return cls(**row)
