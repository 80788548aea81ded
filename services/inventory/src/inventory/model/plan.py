"""The ranked routing rules of the shop, changed as a whole by who has seen the version before."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Column, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from chassis.domain import Cause, Refusal
from inventory.model.catalogue import VersionMismatchError
from inventory.model.routing import KINDS, Rule
from inventory.model.table import Table


class InvalidRulesError(Refusal):
    """A routing rule is of no known kind, or its parameters are not those of its kind; `errors` names them."""

    slug = "invalid-routing-rules"
    title = "The routing rules are not valid"
    status = 422


class RoutingRule(Table, table=True):
    """A rule at its rank; the lowest is asked first. One that is not active is kept and not asked."""

    __tablename__ = "routing_rule"

    rank: int = Field(primary_key=True)
    kind: str = Field(sa_type=Text)
    parameters: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    active: bool


@dataclass(frozen=True, slots=True)
class RankedRule:
    """A rule as it is wished for; its place in the list is its rank."""

    kind: str
    parameters: Mapping[str, Any]
    active: bool


@dataclass(frozen=True, slots=True)
class SetRoutingRules:
    """The wish to route by these rules from now on; `expected` are the versions the caller may have seen."""

    rules: Sequence[RankedRule]
    expected: Container[int] | None = None


class RoutingPlan(Table, table=True):
    """All routing rules together; there is one plan."""

    __tablename__ = "routing_plan"

    plan: str = Field(primary_key=True, sa_type=Text)
    version: int
    updated_at: datetime
    actor: str = Field(sa_type=Text)

    def change(self, wish: SetRoutingRules, warehouses: Container[str], cause: Cause) -> Sequence[RoutingRule]:
        """Take the wished rules instead of those there are; raises VersionMismatchError, InvalidRulesError."""
        if wish.expected is not None and self.version not in wish.expected:
            raise VersionMismatchError(f"The rules are at version {self.version}.", version=self.version)
        read = list(_read(wish.rules, warehouses))
        rows = [
            RoutingRule(
                rank=rank,
                kind=wished.kind,
                parameters=rule.model_dump(mode="json", exclude_defaults=True),
                active=wished.active,
            )
            for rank, (wished, rule) in enumerate(zip(wish.rules, read, strict=True), 1)
        ]
        self.version += 1
        self.updated_at = cause.at
        self.actor = cause.actor
        return rows


def _read(wished: Sequence[RankedRule], warehouses: Container[str]) -> Iterable[Rule]:
    """Read rules by their kinds; raises InvalidRulesError that names every field at fault."""
    errors: list[dict[str, str]] = []
    for place, one in enumerate(wished):
        if one.kind not in KINDS:
            errors.append(_at_fault(f"rules.{place}.kind", f"there is no such kind; there are {', '.join(KINDS)}"))
            continue
        try:
            rule = KINDS[one.kind].model_validate(dict(one.parameters))
        except ValidationError as error:
            for found in error.errors(include_input=False):
                field = ".".join(map(str, (f"rules.{place}.parameters", *found["loc"])))
                errors.append(_at_fault(field, found["msg"].removeprefix("Value error, ")))
            continue
        unknown = [field for field, name in rule.named().items() if name not in warehouses]
        errors += [_at_fault(f"rules.{place}.parameters.{field}", "no such warehouse") for field in unknown]
        yield rule
    if errors:
        raise InvalidRulesError("; ".join(f"{one['field']}: {one['message']}" for one in errors[:5]), errors=errors)


def _at_fault(field: str, message: str) -> dict[str, str]:
    return {"field": field, "message": message}
