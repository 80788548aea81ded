"""What chaos is going to do follows from its seed, and what it has done can be read and looked at."""

import json
import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from chassis import failpoints
from waybill.chaos import report
from waybill.chaos.books import Books, Moment
from waybill.chaos.course import Course, Hurt
from waybill.chaos.crowd import PEOPLE, Crowded
from waybill.chaos.kinds import KINDS
from waybill.chaos.outages import OUTAGES, Endured
from waybill.chaos.people import Patience
from waybill.chaos.plan import FATES, SHORT, Fate, Plan
from waybill.chaos.recovery import LOSSES, QUIET, Figure
from waybill.chaos.screen import line, picture
from waybill.chaos.trade import FATES as LED
from waybill.chaos.verdict import Verdict
from waybill.embedded.system import SERVICES
from waybill.errors import WaybillError
from waybill.main import application


def test_the_same_seed_plans_the_same(tmp_path: Path) -> None:
    one, again, other = (Plan.make(seed, 400, 60, 240) for seed in (7, 7, 8))
    assert one == again
    assert one != other
    assert tmp_path.exists()


def test_a_quick_run_has_what_it_promises() -> None:
    plan = Plan.make(1, SHORT.orders, SHORT.faults, SHORT.minutes * 60)
    assert len(plan.wishes) == 2000
    assert len(plan.faults) > SHORT.owed_faults == 60
    assert plan.kinds >= 24
    assert plan.faults[-1].at + plan.faults[-1].lasts < SHORT.minutes * 60
    cancelled = sum(wish.fate in {Fate.CANCEL, Fate.CANCEL_LATE} for wish in plan.wishes)
    assert 0.17 < cancelled / 2000 < 0.23


def test_every_kind_comes_before_a_deck_is_shuffled_anew() -> None:
    deck = sum(kind.weight for kind in KINDS.values())
    plan = Plan.make(3, 10, 2 * deck, 600, brokers=3)
    assert {fault.kind for fault in plan.faults[:deck]} == set(KINDS)
    assert {fault.kind for fault in plan.faults[deck:]} == set(KINDS)


def test_only_some_kinds_may_be_wanted() -> None:
    assert {fault.kind for fault in Plan.make(1, 1, 9, 60, ("kill", "lock")).faults} == {"kill", "lock"}


def test_what_needs_three_brokers_or_few_orders_is_left_out_and_told() -> None:
    assert set(Plan.make(1, 10, 60, 60).left_out) == {"leader-kill", "controller-kill", "two-brokers-down"}
    plan = Plan.make(1, 20_000, 300, 60, brokers=3)
    assert plan.left_out == {"broker-wiped": "takes too long with more than 10000 orders"}
    assert {"leader-kill", "controller-kill", "two-brokers-down"} <= {fault.kind for fault in plan.faults}
    assert Plan.make(1, 10, 5, 60, ("leader-kill",)).faults == []


def test_fates_are_of_a_hundred_and_each_is_led_somewhere() -> None:
    assert sum(FATES.values()) == 100
    assert set(FATES) == set(Fate)
    assert set(LED) | {Fate.CANCEL} == set(Fate)


def test_every_service_dies_at_every_place_it_passes() -> None:
    places = set(KINDS["failpoint"].targets)
    assert {place.partition("@")[2] for place in places} == set(failpoints.NAMES)
    assert {place.partition("@")[0] for place in places} == set(SERVICES)


def test_a_fault_names_those_whom_it_can_hurt() -> None:
    plan = Plan.make(5, 1, 300, 600)
    hurts = {fault.name: fault.hurts for fault in plan.faults}
    assert set(hurts["cut-database order-postgres"]) == {"order"}
    assert set(hurts["broker-kill kafka"]) == {"kafka", *SERVICES}
    assert set(hurts["mixed-versions order"]) == {"order"}
    assert set(hurts["kill-all"]) == set(SERVICES)
    assert set(hurts["lock order.orders"]) == {"order"}
    assert set(hurts["poison order.events"]) == set(SERVICES)


@pytest.fixture
def course() -> Course:
    plan = Plan.make(1, 4, 3, 10, ("kill", "poison"))
    books = Books()
    books.course = [Moment(0.0, 0, 0, 0, 0), Moment(1.0, 3, 1, 0, 3), Moment(2.0, 4, 4, 4, 0)]
    course = Course(plan, only=("kill", "poison"), books=books)
    first, second, third = plan.faults
    course.hurts = [Hurt(first, 1.0, 1.5, 3.0), Hurt(second, 4.0, 4.0, missed=True), Hurt(third, 6.0, error="OSError: <gone>")]
    course.healed, course.rested = 8.0, 12.0
    course.verdict = Verdict()
    return course


def test_a_report_tells_what_was_done_and_how_to_do_it_again(course: Course, tmp_path: Path) -> None:
    text = report.write(course, tmp_path).read_text()
    assert "no violation" in text
    assert "`./waybill chaos --seed 1 --orders 4 --faults 3 --minutes 0.166667 --only kill --only poison`" in text
    assert "| at rest after healing | 4.0 s |" in text
    assert "(found nothing to hurt)" in text
    document = json.loads((tmp_path / "run.json").read_text())
    assert document["sound"] is True
    assert document["faults"][0]["recovery_seconds"] == 1.5
    assert (document["done"], document["kinds"]) == (1, 1), "a fault that was missed, or could not be done, is none"
    drawn = ET.fromstring((tmp_path / "timeline.svg").read_text())  # noqa: S314 - we wrote it
    kinds = {fault.kind for fault in course.plan.faults}
    assert kinds <= {text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")}


def test_a_violation_is_named_and_is_not_sound(course: Course, tmp_path: Path) -> None:
    assert course.verdict is not None
    course.verdict.add("capture-once", "order 1", "was captured twice")
    assert not course.sound
    text = report.write(course, tmp_path).read_text()
    assert "1 violations" in text
    assert "- **capture-once** order 1: was captured twice" in text


def test_a_report_tells_how_losses_outages_and_a_crowd_were_endured(course: Course, tmp_path: Path) -> None:
    course.figures = [Figure(LOSSES[0], QUIET, 0.05, 1.25, 60)]
    course.outages = [Endured(OUTAGES[0], 8.0, asked=80, taken=80, slowest=0.4, caught_up=3.5)]
    course.crowded = Crowded(100 * 2**20, 118 * 2**20, PEOPLE, Counter({"201": PEOPLE, "503": 40}))
    text = report.write(course, tmp_path).read_text()
    assert "| one of two order processes is restarted in good order | 10 | 50 ms | 1.25 s | 1 s | not met |" in text
    assert "| Kafka is away | 8 s | 80 of 80 | 0.40 s | 3.5 s later |" in text
    assert "memory 100 → 118 MB at the most, 1.18 times" in text
    document = json.loads((tmp_path / "run.json").read_text())
    assert document["outages"][0]["taken"] == 80
    assert document["crowd"]["growth"] == 1.18


def test_an_outage_is_endured_when_every_order_was_taken_and_confirmed() -> None:
    assert Endured(OUTAGES[0], 8.0, asked=80, taken=80, caught_up=3.5).met
    assert not Endured(OUTAGES[0], 8.0, asked=80, taken=79, caught_up=3.5).met
    assert not Endured(OUTAGES[0], 8.0, asked=80, taken=80).met


def test_a_crowd_is_endured_when_memory_is_bounded_and_all_are_told_when_to_come() -> None:
    answers = Counter({"201": PEOPLE, "503": 7})
    assert Crowded(100, 130, PEOPLE, answers).met
    assert not Crowded(100, 131, PEOPLE, answers).met
    assert not Crowded(100, 110, PEOPLE - 1, Counter({"201": PEOPLE - 1, "503": 7})).met
    assert not Crowded(100, 110, PEOPLE, Counter({"201": PEOPLE, "503 without Retry-After": 1})).met


def test_a_long_report_is_one_page(course: Course, tmp_path: Path) -> None:
    course.hurts = course.hurts * 100
    course.books.course = [Moment(float(second), second, second, second, 1) for second in range(3600)]
    text = report.write(course, tmp_path).read_text()
    assert "## What was done when" not in text
    assert (tmp_path / "timeline.svg").stat().st_size < 200_000


def test_patience_ends_and_a_machine_that_stood_still_does_not_use_it_up(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("waybill.chaos.people.time.monotonic", lambda: now)
    patience = Patience(50.0)
    now = 600.0
    assert patience.lasts(), "ten minutes in which nobody lived count for a while only"
    now = 619.0
    assert patience.lasts()
    now = 638.0
    assert not patience.lasts()


def test_a_run_that_was_not_looked_at_is_not_sound(course: Course) -> None:
    course.verdict = None
    assert not course.sound


def test_it_is_shown_while_it_goes(course: Course) -> None:
    assert "3 of 3 faults" in line(course)
    assert picture(course) is not None


def test_kinds_and_a_plan_are_listed_without_a_system() -> None:
    runner = CliRunner()
    listed = runner.invoke(application(["chaos"]), ["chaos", "--kinds"])
    assert {row.split()[0] for row in listed.stdout.splitlines()} == set(KINDS)
    plans = [runner.invoke(application(["chaos"]), ["chaos", "--plan", "--seed", "9", "--faults", "5"]).stdout for _ in "12"]
    assert plans[0] == plans[1]
    assert re.match(r" +0\.5 s  ", plans[0])
    alone = runner.invoke(application(["chaos"]), ["chaos", "--only", "leader-kill", "--only", "two-brokers-down"])
    assert str(alone.exception) == "leader-kill needs 3 brokers; two-brokers-down needs 3 brokers"
    refused = runner.invoke(application(["chaos"]), ["chaos", "--only", "meteor"])
    assert isinstance(refused.exception, WaybillError)
    assert "there is no fault meteor" in str(refused.exception)
