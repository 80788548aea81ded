"""The risk rules by themselves: what each says, how points add up, and what no rule can do."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.testing import MORNING
from contracts.order import OrderContacts
from payment.model import Crowd, Facts, InvalidRiskRulesError, Marker, Replay, RuleSet, Seen, Verdict, noted
from payment.model.risk import KINDS, Velocity

from .risky import contacts

MARKER = Marker("secret of the test")
EVERY_KIND: list[dict[str, Any]] = [
    {"kind": "velocity", "by": "ip", "window_seconds": 3600, "at_least": 3},
    {"kind": "address_mismatch"},
    {"kind": "first_order_above", "amount": 50_000},
    {"kind": "disposable_mail", "domains": ["mailinator.com"]},
    {"kind": "quantity_above", "units": 10},
    {"kind": "allow_list", "by": "user", "values": ["alice"]},
    {"kind": "deny_list", "by": "email", "values": ["mallory@example.org"]},
]


def rules(*documents: dict[str, Any], **more: Any) -> RuleSet:
    """Read rules of 50 points each."""
    return RuleSet.read({"rules": [{"points": 50, **one} for one in documents], **more}, MARKER)


def known(event: OrderContacts, amount: int = 1000, units: int = 1) -> Facts:
    """Tell what is known of an order."""
    return Facts.read(amount, units, noted(event, MARKER))


def spoken(document: dict[str, Any], facts: Facts, seen: Seen | None = None) -> bool:
    return bool(rules(document).assess(facts, seen or Seen()).facts)


def test_each_kind_has_an_example_here() -> None:
    assert {one["kind"] for one in EVERY_KIND} == set(KINDS)


@pytest.mark.parametrize(
    ("kind", "risky", "harmless"),
    [
        ("address_mismatch", known(contacts(abroad=True)), known(contacts())),
        ("first_order_above", known(contacts(), 50_001), known(contacts(), 50_000)),
        ("disposable_mail", known(contacts(mail="x@Mailinator.com")), known(contacts(mail="x@example.org"))),
        ("quantity_above", known(contacts(), units=11), known(contacts(), units=10)),
        ("allow_list", known(contacts(user="alice")), known(contacts(user="bob"))),
        ("deny_list", known(contacts(mail="Mallory@example.org")), known(contacts(mail="mallory@example.com"))),
    ],
)
def test_a_rule_speaks_of_what_it_is_about(kind: str, risky: Facts, harmless: Facts) -> None:
    document = next(one for one in EVERY_KIND if one["kind"] == kind)
    assert (spoken(document, risky), spoken(document, harmless)) == (True, False)


def test_velocity_counts_what_came_before_and_beside() -> None:
    read = rules(EVERY_KIND[0])
    rule = read.rules[0]
    assert isinstance(rule, Velocity)
    facts, crowd, names = known(contacts(ip="203.0.113.7")), Crowd(), []
    for _ in range(3):
        names.append(read.assess(facts, crowd.beside(facts, Seen({rule: 1}))).facts)
        crowd.add(facts)
    assert names == [(), (), ("velocity_ip",)], "one before, and those of the same batch"


def test_a_customer_who_ordered_before_may_order_for_much() -> None:
    facts = known(contacts(), 10**6)
    assert not spoken(EVERY_KIND[2], facts, Seen(known=True))
    crowd = Crowd()
    crowd.add(facts)
    assert not spoken(EVERY_KIND[2], facts, crowd.beside(facts, Seen()))


def test_without_a_secret_nobody_is_recognised_and_identity_is_never_written() -> None:
    event = contacts(mail="mallory@example.org", ip="203.0.113.7", device="phone-1")
    assert noted(event, Marker()) == {"abroad": False}
    written = str(noted(event, MARKER))
    assert not [part for part in ("mallory", "203.0", "phone", "tok_ok", "alice") if part in written]
    assert noted(event, MARKER) != noted(event, Marker("another secret")), "a mark is worth nothing without the secret"


def test_lists_are_kept_as_marks_and_read_back_as_they_are() -> None:
    document = rules(*EVERY_KIND).document()
    assert "mallory" not in str(document)
    assert RuleSet.read(document, MARKER).document() == document
    assert RuleSet.read(document, MARKER).assess(known(contacts(mail="mallory@example.org")), Seen()).facts == (
        "deny_list_email",
    )


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"rules": [{"kind": "horoscope"}]}, "rules.0.kind"),
        ({"rules": [{"kind": "velocity", "by": "shoe", "window_seconds": 1, "at_least": 1}]}, "rules.0.by"),
        ({"rules": [{"kind": "address_mismatch", "points": 101}]}, "rules.0.points"),
        ({"rules": [{"kind": "address_mismatch", "colour": "red"}]}, "rules.0.colour"),
        ({"rules": [{"kind": "deny_list", "by": "user", "values": [""]}]}, "rules.0"),
        ({"rules": [], "review_at": 0}, "review_at"),
        ({"rules": [], "review_at": 95, "reject_at": 90}, "review_at"),
    ],
)
def test_bad_rules_name_their_field(document: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRiskRulesError) as refused:
        RuleSet.read(document, MARKER)
    assert [error["field"] for error in refused.value.facts["errors"]] == [field]


def test_a_stored_rule_of_a_later_version_is_silent_and_keeps_its_place() -> None:
    document = {"rules": [{"kind": "horoscope", "points": 100}, {**EVERY_KIND[0], "points": 100}]}
    read = RuleSet.read(document, MARKER, lenient=True)
    assert list(read.counts([7, 3]).values()) == [3]
    assert read.assess(known(contacts()), Seen()).verdict is Verdict.APPROVE


def test_shadow_notes_and_approves() -> None:
    assessed = rules({"kind": "address_mismatch", "points": 100}, shadow=True).assess(known(contacts(abroad=True)), Seen())
    assert (assessed.verdict, assessed.applied, assessed.score) == (Verdict.REJECT, Verdict.APPROVE, 100)


def test_a_rule_that_is_not_active_is_not_asked() -> None:
    document = {"kind": "address_mismatch", "points": 100, "active": False}
    assert rules(document).assess(known(contacts(abroad=True)), Seen()).score == 0


SEVERITY = (Verdict.APPROVE, Verdict.REVIEW, Verdict.REJECT)
some_facts = st.builds(
    known,
    st.builds(
        contacts,
        user=st.sampled_from(["alice", "bob"]),
        mail=st.sampled_from(["a@mailinator.com", "mallory@example.org", "c@example.org"]),
        abroad=st.booleans(),
        ip=st.sampled_from(["203.0.113.7", None]),
    ),
    st.integers(0, 100_000),
    st.integers(0, 20),
)
some_points = st.lists(st.integers(0, 100), min_size=len(EVERY_KIND), max_size=len(EVERY_KIND))


def seen_by(read: RuleSet, count: int) -> Seen:
    return Seen(read.counts([count] * len(read.rules)))


@given(some_facts, some_points, some_points, st.integers(0, 5))
def test_more_points_never_make_an_order_look_safer(facts: Facts, points: list[int], more: list[int], count: int) -> None:
    less = rules(*({**one, "points": least} for one, least in zip(EVERY_KIND, points, strict=True)))
    raised = rules(*({**one, "points": max(pair)} for one, *pair in zip(EVERY_KIND, points, more, strict=True)))
    before, after = less.assess(facts, seen_by(less, count)), raised.assess(facts, seen_by(raised, count))
    assert before.score <= after.score <= 100
    assert SEVERITY.index(before.verdict) <= SEVERITY.index(after.verdict)
    assert before.facts == after.facts


@given(some_facts, some_points, st.integers(0, 5))
def test_an_allow_list_beats_everything(facts: Facts, points: list[int], count: int) -> None:
    read = rules(*({**one, "points": some} for one, some in zip(EVERY_KIND, points, strict=True)), review_at=1, reject_at=1)
    assessed = read.assess(facts, seen_by(read, count))
    if facts.marks["user"] == MARKER.of("user", "alice"):
        assert (assessed.verdict, assessed.score, assessed.facts) == (Verdict.APPROVE, 0, ("allow_list_user",))
    else:
        assert assessed.score == min(
            100,
            sum(some for one, some in zip(EVERY_KIND, points, strict=True) if spoken(one, facts, seen_by(rules(one), count))),
        )


@given(st.lists(st.tuples(st.integers(0, 4000), st.booleans(), st.sampled_from("ab")), max_size=30), st.booleans())
def test_a_replay_counts_as_one_would_by_hand(came: list[tuple[int, bool, str]], declines: bool) -> None:  # noqa: FBT001 - a case
    rule = EVERY_KIND[0] | {"of": "declines" if declines else "orders", "points": 100}
    replay = Replay(rules(rule))
    past: list[tuple[datetime, bool, str]] = []
    for seconds, declined, ip in sorted(came):
        facts, at = known(contacts(ip=ip)), MORNING + timedelta(seconds=seconds)
        expected = sum(
            one_ip == ip and (was_declined or not declines) and one_at > at - timedelta(hours=1)
            for one_at, was_declined, one_ip in past
        )
        assessed = replay.assess(facts, at)
        assert (assessed.verdict is Verdict.REJECT) == (expected >= 3)
        replay.add(facts, at, assessed.verdict, declined=declined)
        past.append((at, declined, ip))


def test_marks_of_different_kinds_differ() -> None:
    marks: set[UUID | None] = {MARKER.of(kind, "same") for kind in ("user", "ip", "device", "email", "card")}
    assert len(marks) == 5
    assert MARKER.of("user", "") is None
