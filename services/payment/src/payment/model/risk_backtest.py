"""What a set of rules would have said: assessments that were made are made again, in their order, with what is kept of them."""

from collections import defaultdict, deque
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from payment.model.risk import MARKS, Assessment, Facts, RuleSet, Seen, Velocity, Verdict

LONGEST: Final = timedelta(days=90)
"""No rule looks further back."""


class Replay:
    """Orders as they came, assessed by other rules than then.

    What was rejected then counts as it did, so two sets of rules differ by what they say and not by what became of it.
    """

    def __init__(self, rules: RuleSet) -> None:
        self._rules = rules
        self._velocities = [rule for rule in rules.rules if isinstance(rule, Velocity)]
        self._came: Mapping[tuple[str, UUID], deque[tuple[datetime, bool]]] = defaultdict(deque)
        self._known: set[UUID] = set()

    def assess(self, facts: Facts, at: datetime) -> Assessment:
        """Assess an order that came at `at`."""
        user = facts.marks.get("user")
        counts = {rule: self._count(rule, facts, at) for rule in self._velocities}
        return self._rules.assess(facts, Seen(counts, user is not None and user in self._known))

    def _count(self, rule: Velocity, facts: Facts, at: datetime) -> int:
        mark = facts.marks.get(rule.by)
        if mark is None:
            return 0
        since = at - timedelta(seconds=rule.window_seconds)
        counted = 0
        for came, declined in reversed(self._came[rule.by, mark]):
            if came <= since or counted >= rule.at_least:
                break
            counted += declined or rule.of == "orders"
        return counted

    def add(self, facts: Facts, at: datetime, verdict: Verdict, *, declined: bool) -> None:
        """Count an order for those after it, with what was said of it then and whether its payment was declined."""
        for by in MARKS:
            mark = facts.marks.get(by)
            if mark is not None:
                came = self._came[by, mark]
                came.append((at, declined))
                while came and came[0][0] < at - LONGEST:
                    came.popleft()
        user = facts.marks.get("user")
        if user is not None and not declined and verdict != Verdict.REJECT:
            self._known.add(user)
