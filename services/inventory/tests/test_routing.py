"""Routing by ranked rules: each keeps the best of what is left or abstains, and the same stock always gives the same split."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

import inventory
from chassis.testing import MORNING, cause
from contracts.types import Destination
from inventory.model import (
    KINDS,
    InvalidRulesError,
    Place,
    RankedRule,
    RoutingPlan,
    Rule,
    SetRoutingRules,
    VersionMismatchError,
    rules_of,
)
from inventory.model.routing import USUAL, FewestSplits, Nearest, Option, Prefer, Router, SingleWarehouse, Split, makeable

PLACES = {
    "berlin": Place("DE", "Berlin"),
    "munich": Place("DE", "Bavaria"),
    "lyon": Place("FR"),
    "porto": Place("PT", "Norte"),
}


def split(
    wanted: dict[str, int],
    stocked: dict[str, dict[str, int]],
    *rules: Rule,
    country: str = "DE",
    region: str | None = None,
    bundles: dict[str, dict[str, int]] | None = None,
) -> Split:
    return Router(rules, PLACES).split(wanted, stocked, Destination(country=country, region=region), bundles or {})


class TestRules:
    everywhere: ClassVar = {place: {"tea": 9} for place in PLACES}

    def test_nearest_takes_the_region_then_the_country(self) -> None:
        assert split({"tea": 1}, self.everywhere, Nearest(), region="Bavaria") == {"munich": {"tea": 1}}
        assert split({"tea": 1}, self.everywhere, Nearest(), region="Hesse") == {"berlin": {"tea": 1}}
        assert split({"tea": 1}, self.everywhere, Nearest(), country="FR") == {"lyon": {"tea": 1}}

    def test_a_region_of_another_country_is_not_near(self) -> None:
        assert split({"tea": 1}, self.everywhere, Nearest(), country="FR", region="Bavaria") == {"lyon": {"tea": 1}}

    def test_nearest_by_the_country_alone_does_not_look_at_regions(self) -> None:
        assert split({"tea": 1}, self.everywhere, Nearest(by=("country",)), region="Bavaria") == {"berlin": {"tea": 1}}

    def test_nearest_by_the_region_alone_abstains_elsewhere(self) -> None:
        rules = (Nearest(by=("region",)), Prefer(warehouses=("porto",)))
        assert split({"tea": 1}, self.everywhere, *rules, region="Bavaria") == {"munich": {"tea": 1}}
        assert split({"tea": 1}, self.everywhere, *rules, region="Hesse") == {"porto": {"tea": 1}}

    def test_a_rule_that_abstains_leaves_it_to_the_next(self) -> None:
        rules = (Nearest(), Prefer(warehouses=("porto",)))
        assert split({"tea": 1}, self.everywhere, *rules, country="SE") == {"porto": {"tea": 1}}

    def test_the_first_by_name_where_all_abstain(self) -> None:
        assert split({"tea": 1}, self.everywhere, Nearest(), country="SE") == {"berlin": {"tea": 1}}
        assert split({"tea": 1}, self.everywhere) == {"berlin": {"tea": 1}}

    def test_prefer_may_speak_of_some_countries_only(self) -> None:
        rule = Prefer(warehouses=("lyon", "munich"), countries=("AT", "CH"))
        assert split({"tea": 1}, self.everywhere, rule, country="CH") == {"lyon": {"tea": 1}}
        assert split({"tea": 1}, self.everywhere, rule, country="DE") == {"berlin": {"tea": 1}}

    def test_prefer_takes_the_next_of_its_list_where_the_first_has_nothing(self) -> None:
        rule = Prefer(warehouses=("lyon", "munich"))
        assert split({"tea": 5}, {"berlin": {"tea": 9}, "munich": {"tea": 2}}, rule) == {
            "munich": {"tea": 2},
            "berlin": {"tea": 3},
        }

    def test_the_rank_decides_whether_near_or_whole_comes_first(self) -> None:
        stocked = {"berlin": {"tea": 1}, "lyon": {"tea": 1, "cup": 1}, "munich": {"cup": 1}}
        wanted = {"tea": 1, "cup": 1}
        assert split(wanted, stocked, SingleWarehouse(), Nearest()) == {"lyon": wanted}
        assert split(wanted, stocked, Nearest(), SingleWarehouse()) == {"berlin": {"tea": 1}, "munich": {"cup": 1}}

    def test_single_warehouse_abstains_where_none_can_send_all(self) -> None:
        options = [Option("berlin", PLACES["berlin"], 1, whole=False), Option("lyon", PLACES["lyon"], 2, whole=False)]
        assert SingleWarehouse().scores(options, Destination(country="DE")) is None

    def test_fewest_splits_empties_the_fullest_first(self) -> None:
        stocked = {"berlin": {"tea": 1}, "lyon": {"tea": 3}, "porto": {"tea": 2}}
        assert split({"tea": 5}, stocked, FewestSplits()) == {"lyon": {"tea": 3}, "porto": {"tea": 2}}

    def test_a_kind_of_a_later_version_abstains(self) -> None:
        rows: list[dict[str, Any]] = [{"kind": "by_drone", "parameters": {}}, {"kind": "nearest", "parameters": {}}]
        assert rules_of(rows) == (Nearest(),)


Stocked = dict[str, dict[str, int]]
STOCKED = st.dictionaries(
    st.sampled_from(sorted(PLACES)), st.dictionaries(st.sampled_from("abc"), st.integers(1, 5), max_size=3), max_size=4
)
RULES = st.lists(
    st.sampled_from(
        [SingleWarehouse(), FewestSplits(), Nearest(), Nearest(by=("country",)), Prefer(warehouses=("porto", "berlin"))]
    ),
    max_size=4,
)
COUNTRIES = st.sampled_from(["DE", "FR", "SE"])


@given(stocked=STOCKED, rules=RULES, country=COUNTRIES, data=st.data())
def test_whatever_the_rules_all_is_sent_and_no_more_than_there_is(
    stocked: Stocked, rules: Sequence[Rule], country: str, data: st.DataObject
) -> None:
    there = {sku: sum(units.get(sku, 0) for units in stocked.values()) for sku in "abc"}
    wanted = {sku: data.draw(st.integers(1, units)) for sku, units in there.items() if units}
    chosen = split(wanted, stocked, *rules, country=country)
    assert {sku: sum(parcel.get(sku, 0) for parcel in chosen.values()) for sku in wanted} == wanted
    assert all(units <= stocked[place][sku] for place, parcel in chosen.items() for sku, units in parcel.items())
    assert all(parcel for parcel in chosen.values())
    shuffled = dict(reversed(list(stocked.items())))
    assert split(wanted, shuffled, *rules, country=country) == chosen


def as_before_rules_were_data(wanted: dict[str, int], stocked: Stocked, country: str) -> Split:
    """Split as the one fixed rule did: whoever covers most, then the destination's country, then the first by name."""
    remaining, left, chosen = dict(wanted), dict(stocked), {}
    while remaining:
        best = min(
            (-sum(min(there.get(sku, 0), n) for sku, n in remaining.items()), PLACES[place].country != country, place)
            for place, there in left.items()
        )[-1]
        there = left.pop(best)
        chosen[best] = {sku: min(there[sku], n) for sku, n in remaining.items() if sku in there}
        remaining = {sku: n - chosen[best].get(sku, 0) for sku, n in remaining.items() if n > chosen[best].get(sku, 0)}
    return chosen


@given(stocked=STOCKED, country=COUNTRIES, region=st.sampled_from([None, "Bavaria", "Norte"]), data=st.data())
def test_the_usual_rules_split_as_ever(stocked: Stocked, country: str, region: str | None, data: st.DataObject) -> None:
    there = {sku: sum(units.get(sku, 0) for units in stocked.values()) for sku in "abc"}
    wanted = {sku: data.draw(st.integers(1, units)) for sku, units in there.items() if units}
    assert split(wanted, stocked, *USUAL, country=country, region=region) == as_before_rules_were_data(wanted, stocked, country)


class TestBundles:
    bundles: ClassVar = {"set": {"tea": 2, "cup": 1}}

    def test_a_bundle_is_sent_whole_by_one_warehouse(self) -> None:
        stocked = {"berlin": {"tea": 9}, "lyon": {"cup": 9}, "porto": {"tea": 5, "cup": 2}}
        assert split({"set": 2}, stocked, *USUAL, bundles=self.bundles) == {"porto": {"set": 2}}
        assert split({"set": 3}, stocked, *USUAL, bundles=self.bundles) == {"porto": {"set": 2}}

    def test_bundles_may_come_from_several_warehouses(self) -> None:
        stocked = {"berlin": {"tea": 2, "cup": 1}, "lyon": {"tea": 4, "cup": 2}}
        chosen = split({"set": 3}, stocked, *USUAL, bundles=self.bundles)
        assert chosen == {"lyon": {"set": 2}, "berlin": {"set": 1}}

    def test_a_component_sold_alone_does_not_take_it_from_the_bundle(self) -> None:
        stocked = {"berlin": {"tea": 2, "cup": 1}, "lyon": {"cup": 1}}
        chosen = split({"cup": 1, "set": 1}, stocked, *USUAL, bundles=self.bundles)
        assert chosen == {"berlin": {"set": 1}, "lyon": {"cup": 1}}

    def test_counts_whole_bundles(self) -> None:
        assert makeable({"tea": 2, "cup": 1}, {"tea": 5, "cup": 9}) == 2
        assert makeable({"tea": 2, "cup": 1}, {"tea": 5}) == 0


def plan() -> RoutingPlan:
    return RoutingPlan(plan="default", version=1, updated_at=MORNING, actor="inventory")


def ranked(kind: str, **parameters: Any) -> RankedRule:
    return RankedRule(kind, parameters, active=True)


class TestPlan:
    def test_takes_rules_in_their_order(self) -> None:
        wish = SetRoutingRules([ranked("nearest", by=["region"]), RankedRule("prefer", {"warehouses": ["lyon"]}, active=False)])
        one = plan()
        rows = one.change(wish, {"lyon"}, cause("warehouse:wanda"))
        assert [(row.rank, row.kind, row.parameters, row.active) for row in rows] == [
            (1, "nearest", {"by": ["region"]}, True),
            (2, "prefer", {"warehouses": ["lyon"]}, False),
        ]
        assert (one.version, one.actor) == (2, "warehouse:wanda")

    def test_reads_back_what_it_stores(self) -> None:
        wished = [ranked(kind, **({"warehouses": ["lyon"]} if kind == "prefer" else {})) for kind in KINDS]
        rows = plan().change(SetRoutingRules(wished), {"lyon"}, cause())
        stored = [{"kind": row.kind, "parameters": row.parameters} for row in rows]
        assert [type(rule) for rule in rules_of(stored)] == list(KINDS.values())

    @pytest.mark.parametrize(
        ("rule", "fields"),
        [
            (ranked("by_drone"), ["rules.1.kind"]),
            (ranked("nearest", by=["moon"]), ["rules.1.parameters.by.0"]),
            (ranked("nearest", near=True), ["rules.1.parameters.near"]),
            (ranked("prefer"), ["rules.1.parameters.warehouses"]),
            (ranked("prefer", warehouses=[]), ["rules.1.parameters.warehouses"]),
            (ranked("prefer", warehouses=["lyon", "atlantis"]), ["rules.1.parameters.warehouses.1"]),
            (ranked("prefer", warehouses=["lyon"], countries=["France"]), ["rules.1.parameters.countries.0"]),
            (ranked("fewest_splits", most=3), ["rules.1.parameters.most"]),
        ],
    )
    def test_refuses_what_it_does_not_know_by_name(self, rule: RankedRule, fields: list[str]) -> None:
        one = plan()
        with pytest.raises(InvalidRulesError) as refused:
            one.change(SetRoutingRules([ranked("nearest"), rule]), {"lyon"}, cause())
        assert [error["field"] for error in refused.value.facts["errors"]] == fields
        assert one.version == 1

    def test_refuses_a_change_of_another_version(self) -> None:
        one = plan()
        with pytest.raises(VersionMismatchError):
            one.change(SetRoutingRules([], expected=frozenset({7})), set(), cause())
        assert one.version == 1


def test_the_readme_lists_every_kind_of_rule() -> None:
    readme = (Path(inventory.__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    routing = readme.partition("## Routing")[2].partition("\n## ")[0]
    assert [line.split("`")[1] for line in routing.splitlines() if line.startswith("| `")] == list(KINDS)
