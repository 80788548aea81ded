"""Which warehouse ships what, by ranked rules that are data.

Warehouses are taken in turn until nothing is open. Each time the rules look at those that could send something, the first rule
first: each keeps the ones it likes best, or abstains. What is left of several goes by name, so that the same stock always gives
the same split. A bundle is sent whole by one warehouse. A new kind of rule is a class here and its line in KINDS.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from contracts.types import Country, Destination

Split = dict[str, dict[str, int]]
"""Units per product, per warehouse."""

Components = Mapping[str, int]
"""What one unit of a bundle is made of: units per product."""

WarehouseId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")]


class Place(NamedTuple):
    """Where a warehouse stands."""

    country: str
    region: str | None = None


@dataclass(frozen=True, slots=True)
class Option:
    """A warehouse that could send `units` of what is still open; `whole`: all of it."""

    warehouse_id: str
    place: Place
    units: int
    whole: bool


class Rule(BaseModel, ABC):
    """A rule with its parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @abstractmethod
    def scores(self, options: Sequence[Option], to: Destination) -> Sequence[int] | None:
        """Score each option, the lowest being the best; None: the rule has nothing to say here."""

    def named(self) -> Mapping[str, str]:
        """List the warehouses that its parameters name, by the place of each."""
        return {}


class SingleWarehouse(Rule):
    """One that can send all that is open."""

    def scores(self, options: Sequence[Option], to: Destination) -> Sequence[int] | None:  # noqa: ARG002 - wherever it goes
        """Keep those that need no other; abstain where none can."""
        whole = [not option.whole for option in options]
        return None if all(whole) else whole


class Nearest(Rule):
    """One in the destination's region, then one in its country."""

    by: Annotated[tuple[Literal["region", "country"], ...], Field(max_length=2)] = ("region", "country")
    """What counts as near."""

    def scores(self, options: Sequence[Option], to: Destination) -> Sequence[int] | None:
        """Keep the nearest; abstain where none is near."""
        far = [self._distance(option.place, to) for option in options]
        return None if min(far) == _FAR else far

    def _distance(self, place: Place, to: Destination) -> int:
        if place.country != to.country:
            return _FAR
        if "region" in self.by and to.region is not None and place.region == to.region:
            return 0
        return 1 if "country" in self.by else _FAR


_FAR: Final = 2


class FewestSplits(Rule):
    """One that sends most of what is open, so that few parcels are left to send."""

    def scores(self, options: Sequence[Option], to: Destination) -> Sequence[int] | None:  # noqa: ARG002 - wherever it goes
        """Keep those that send most."""
        return [-option.units for option in options]


class Prefer(Rule):
    """One of these warehouses, the first of them first, for every destination or for some countries only."""

    warehouses: Annotated[tuple[WarehouseId, ...], Field(min_length=1, max_length=50)]
    countries: Annotated[tuple[Country, ...], Field(max_length=250)] = ()
    """Destinations that it speaks of; empty: all."""

    def scores(self, options: Sequence[Option], to: Destination) -> Sequence[int] | None:
        """Keep the first of the preferred; abstain for other destinations, and where none of them can send anything."""
        if self.countries and to.country not in self.countries:
            return None
        last = len(self.warehouses)
        places = [
            self.warehouses.index(option.warehouse_id) if option.warehouse_id in self.warehouses else last for option in options
        ]
        return None if min(places) == last else places

    def named(self) -> Mapping[str, str]:
        """List the preferred."""
        return {f"warehouses.{place}": name for place, name in enumerate(self.warehouses)}


KINDS: Final[Mapping[str, type[Rule]]] = {
    "single_warehouse": SingleWarehouse,
    "nearest": Nearest,
    "fewest_splits": FewestSplits,
    "prefer": Prefer,
}


def rules_of(rows: Iterable[Mapping[str, Any]]) -> Sequence[Rule]:
    """Read stored rules in their rank; a kind that this version does not know abstains."""
    return tuple(KINDS[row["kind"]].model_validate(row["parameters"]) for row in rows if row["kind"] in KINDS)


USUAL: Final[Sequence[Rule]] = (SingleWarehouse(), FewestSplits(), Nearest(by=("country",)))
"""The rules that a shop begins with."""


class Router:
    """Splits orders over warehouses by rules; `places` says where the warehouses stand."""

    NOWHERE: ClassVar[Place] = Place("")

    def __init__(self, rules: Sequence[Rule], places: Mapping[str, Place]) -> None:
        self._rules = rules
        self._places = places

    def split(
        self,
        wanted: Mapping[str, int],
        stocked: Mapping[str, Mapping[str, int]],
        to: Destination,
        bundles: Mapping[str, Components],
    ) -> Split:
        """Spread the units `wanted` of each product over warehouses with the units that are `stocked` there.

        `bundles` says what the bundles among the wanted are made of. The caller has seen that there is enough; what cannot be
        sent after all, which only several bundles with a component in common can come to, is left out.
        """
        remaining = dict(wanted)
        left = dict(stocked)
        chosen: Split = {}
        while remaining:
            parcels = {name: parcel for name, there in left.items() if (parcel := packed(remaining, there, bundles))}
            if not parcels:
                break
            best = self._best(parcels, remaining, to)
            chosen[best] = parcel = parcels[best]
            del left[best]
            remaining = {sku: open_ for sku, quantity in remaining.items() if (open_ := quantity - parcel.get(sku, 0))}
        return chosen

    def _best(self, parcels: Split, remaining: Mapping[str, int], to: Destination) -> str:
        if len(parcels) == 1:
            return next(iter(parcels))
        total = sum(remaining.values())
        options = []
        for name, parcel in parcels.items():
            units = sum(parcel.values())
            options.append(Option(name, self._places.get(name, self.NOWHERE), units, units == total))
        for rule in self._rules:
            scores = rule.scores(options, to)
            if scores is not None:
                lowest = min(scores)
                options = [option for option, score in zip(options, scores, strict=True) if score == lowest]
                if len(options) == 1:
                    break
        return min([option.warehouse_id for option in options])


def packed(wanted: Mapping[str, int], there: Mapping[str, int], bundles: Mapping[str, Components]) -> dict[str, int]:
    """Count what one warehouse can send of the units wanted. Bundles come first: what is sold alone can come from elsewhere."""
    if not bundles:
        return {sku: min(units, quantity) for sku, quantity in wanted.items() if (units := there.get(sku, 0))}
    left = dict(there)
    parcel: dict[str, int] = {}
    for sku, quantity in wanted.items():
        components = bundles.get(sku)
        if components is not None and (units := min(quantity, makeable(components, left))):
            parcel[sku] = units
            for part, each in components.items():
                left[part] -= units * each
    for sku, quantity in wanted.items():
        if sku not in bundles and (units := min(left.get(sku, 0), quantity)):
            parcel[sku] = units
    return parcel


def makeable(components: Components, there: Mapping[str, int]) -> int:
    """Count the whole bundles that can be made of what is there."""
    return min([there.get(part, 0) // each for part, each in components.items()])
