"""How risky an order is: rules that are data give points, and the points decide. Pure and deterministic.

What would tell who a customer is, is known here by marks only: keyed hashes that can be compared and not read. A rule that
knows too little of an order is silent, so an order of which nothing is known is approved. An allow list that speaks is stronger
than everything else. A new kind of rule is a class here and its line in KINDS.
"""

import hmac
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final, Literal, Self, get_args
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from chassis.domain import Refusal
from contracts.order import OrderContacts
from contracts.payment import ReviewDecision

By = Literal["user", "ip", "device", "email", "card"]
MARKS: Final[Sequence[str]] = get_args(By)
"""By what orders are recognised as coming from the same hands."""

MARKED: Final = "mark:"
"""How a value of a list begins that is a mark already."""

Domain = Annotated[str, StringConstraints(pattern=r"^[^@\s\x00-\x1f]+\.[^@\s\x00-\x1f]+$", max_length=253, to_lower=True)]
Value = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f]*$", max_length=300)]

MOST_RULES: Final = 50
MOST_VALUES: Final = 5000
MOST_POINTS: Final = 100
MOST_COUNTED: Final = 1000


class InvalidRiskRulesError(Refusal):
    """A rule is of no known kind, or its parameters are not those of its kind; `errors` names them."""

    slug = "invalid-risk-rules"
    title = "The risk rules are not valid"
    status = 422


class Verdict(StrEnum):
    """What is to become of an order's payment."""

    APPROVE = "approve"
    REVIEW = "review"
    REJECT = "reject"


class Marker:
    """Makes marks with a secret; without one it makes none, and nothing is recognised."""

    def __init__(self, secret: str = "") -> None:
        self._secret = secret.encode()

    def of(self, kind: str, value: str | None) -> UUID | None:
        """Make the mark of a value."""
        if not self._secret or not value:
            return None
        text = f"{kind}:{value.strip().lower() if kind in {'email', 'domain'} else value.strip()}"
        return UUID(bytes=hmac.digest(self._secret, text.encode(), "sha256")[:16])


@dataclass(frozen=True, slots=True)
class RiskTerms:
    """What a shop sets once about risk, besides the rules: the marks' secret, how long a review may take, what it ends with."""

    marker: Marker = field(default_factory=Marker)
    review_for: timedelta = timedelta(hours=4)
    default: ReviewDecision = ReviewDecision.REJECT


def noted(contacts: OrderContacts, marker: Marker) -> dict[str, str | bool]:
    """Write down what matters of an order's contacts, without what would tell whose they are."""
    client = contacts.client
    mail = contacts.contact.email
    marks = {
        "user": marker.of("user", contacts.user_id),
        "ip": marker.of("ip", client.ip if client is not None else None),
        "device": marker.of("device", client.device if client is not None else None),
        "email": marker.of("email", mail),
        "card": marker.of("card", contacts.payment.token if contacts.payment.method == "card" else None),
        "domain": marker.of("domain", mail.rpartition("@")[2]),
    }
    known: dict[str, str | bool] = {name: str(mark) for name, mark in marks.items() if mark is not None}
    return known | {"abroad": contacts.billing_address.country != contacts.shipping_address.country}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an order when its risk is assessed; `most_units`: the most of one product in it."""

    amount: int
    most_units: int = 0
    abroad: bool = False
    domain: UUID | None = None
    marks: Mapping[str, UUID] = field(default_factory=dict)

    @classmethod
    def read(cls, amount: int, most_units: int | None, kept: Mapping[str, Any] | None) -> Self:
        """Read what `noted` wrote down; a version that noted nothing leaves much unknown."""
        kept = kept or {}
        domain = kept.get("domain")
        return cls(
            amount=amount,
            most_units=most_units or 0,
            abroad=bool(kept.get("abroad")),
            domain=UUID(domain) if domain else None,
            marks={by: UUID(kept[by]) for by in MARKS if kept.get(by)},
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen before of the same hands: a count for each velocity rule, and whether the user has ordered at all."""

    counts: Mapping["Velocity", int] = field(default_factory=dict)
    known: bool = False


class Rule(BaseModel, ABC):
    """A rule with its parameters; `points` is what it adds to the score when it speaks."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    clears: ClassVar[bool] = False
    """Whether an order of which it speaks is approved whatever else is said of it."""
    kind: ClassVar[str]

    points: Annotated[int, Field(strict=True, ge=0, le=MOST_POINTS)] = 0
    active: Annotated[bool, Field(strict=True)] = True

    @abstractmethod
    def speaks(self, facts: Facts, seen: Seen) -> bool:
        """Tell whether it has something to say of an order."""

    @property
    def name(self) -> str:
        """Its name among the facts of an assessment."""
        return self.kind


class Velocity(Rule):
    """So many orders, or declined ones, came from the same hands within a time, this one not counted."""

    kind = "velocity"
    by: By
    window_seconds: Annotated[int, Field(strict=True, ge=1, le=90 * 86_400)]
    at_least: Annotated[int, Field(strict=True, ge=1, le=MOST_COUNTED)]
    of: Literal["orders", "declines"] = "orders"

    def speaks(self, facts: Facts, seen: Seen) -> bool:  # noqa: ARG002 - the counts are of its own mark
        """Tell whether there were as many."""
        return seen.counts.get(self, 0) >= self.at_least

    @property
    def name(self) -> str:
        """Its name, with what it counts by."""
        return f"{self.kind}_{self.by}" if self.of == "orders" else f"{self.of}_{self.by}"


class AddressMismatch(Rule):
    """The bill goes to another country than the goods."""

    kind = "address_mismatch"

    def speaks(self, facts: Facts, seen: Seen) -> bool:  # noqa: ARG002 - the same for everybody
        """Tell whether the countries differ."""
        return facts.abroad


class FirstOrderAbove(Rule):
    """The first order of a user costs more than `amount`, in minor units."""

    kind = "first_order_above"
    amount: Annotated[int, Field(strict=True, ge=0, le=10**12)]

    def speaks(self, facts: Facts, seen: Seen) -> bool:
        """Tell whether a newcomer orders for so much; silent where nobody is recognised."""
        return "user" in facts.marks and not seen.known and facts.amount > self.amount


class QuantityAbove(Rule):
    """More than `units` of one product."""

    kind = "quantity_above"
    units: Annotated[int, Field(strict=True, ge=0, le=10**6)]

    def speaks(self, facts: Facts, seen: Seen) -> bool:  # noqa: ARG002 - the same for everybody
        """Tell whether there are more of one."""
        return facts.most_units > self.units


class DisposableMail(Rule):
    """The mail address is of a provider whose addresses are thrown away."""

    kind = "disposable_mail"
    domains: Annotated[tuple[Domain, ...], Field(max_length=MOST_VALUES)]
    _marks: frozenset[UUID | None] = PrivateAttr(default=frozenset())

    def model_post_init(self, context: Any) -> None:
        """Mark the domains as those of orders are marked."""
        self._marks = frozenset(_marker(context).of("domain", domain) for domain in self.domains)

    def speaks(self, facts: Facts, seen: Seen) -> bool:  # noqa: ARG002 - the same for everybody
        """Tell whether it is one of them."""
        return facts.domain is not None and facts.domain in self._marks


class _Listed(Rule):
    """Values that are known for better or worse; they are kept as marks, and written so (`mark:…`) from then on."""

    by: By
    values: Annotated[tuple[Value, ...], Field(max_length=MOST_VALUES)]
    _marks: frozenset[str] = PrivateAttr(default=frozenset())

    @model_validator(mode="before")
    @classmethod
    def _as_marks(cls, given: Any, info: ValidationInfo) -> Any:
        values = given.get("values") if isinstance(given, dict) else None
        if not isinstance(values, list | tuple) or not all(isinstance(value, str) for value in values):
            return given
        return {**given, "values": [_marked(given.get("by"), value, _marker(info.context)) for value in values]}

    def model_post_init(self, _: Any) -> None:
        """Make the marks quick to find."""
        self._marks = frozenset(self.values)

    def speaks(self, facts: Facts, seen: Seen) -> bool:  # noqa: ARG002 - the same however often it was seen
        """Tell whether it is one of them."""
        mark = facts.marks.get(self.by)
        return mark is not None and f"{MARKED}{mark.hex}" in self._marks

    @property
    def name(self) -> str:
        """Its name, with what it goes by."""
        return f"{self.kind}_{self.by}"


class AllowList(_Listed):
    """Hands that are trusted: approved, whatever else is said."""

    kind = "allow_list"
    clears = True


class DenyList(_Listed):
    """Hands that are not."""

    kind = "deny_list"


class Silent(Rule):
    """A stored rule that this version does not understand."""

    model_config = ConfigDict(extra="ignore")
    kind = "silent"

    def speaks(self, facts: Facts, seen: Seen) -> bool:  # noqa: ARG002 - it says nothing
        """Say nothing."""
        return False


KINDS: Final[Mapping[str, type[Rule]]] = {
    "velocity": Velocity,
    "address_mismatch": AddressMismatch,
    "first_order_above": FirstOrderAbove,
    "disposable_mail": DisposableMail,
    "quantity_above": QuantityAbove,
    "allow_list": AllowList,
    "deny_list": DenyList,
}


def _marker(context: Any) -> Marker:
    return context if isinstance(context, Marker) else Marker()


def _marked(by: Any, value: str, marker: Marker) -> str:
    if value.startswith(MARKED):
        return value
    mark = marker.of(str(by), value)
    if mark is None:
        raise ValueError("a value must not be empty, and PAYMENT_RISK_SECRET is needed to keep one")
    return f"{MARKED}{mark.hex}"


@dataclass(frozen=True, slots=True)
class Assessment:
    """How risky an order is, by which version of the rules; `facts` names the rules that spoke."""

    version: int
    score: int
    facts: tuple[str, ...]
    verdict: Verdict
    shadow: bool = False
    """Whether it is only noted: the order is approved."""

    @property
    def applied(self) -> Verdict:
        """What is done."""
        return Verdict.APPROVE if self.shadow else self.verdict


class RuleSet(BaseModel):
    """All rules together, and from which score on an order is reviewed or rejected (101: never)."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    rules: tuple[Rule, ...] = ()
    review_at: Annotated[int, Field(strict=True, ge=1, le=MOST_POINTS + 1)] = 60
    reject_at: Annotated[int, Field(strict=True, ge=1, le=MOST_POINTS + 1)] = 90
    shadow: Annotated[bool, Field(strict=True)] = False

    @classmethod
    def read(cls, document: Mapping[str, Any], marker: Marker, *, lenient: bool = False) -> Self:
        """Read the rules of a document; raises InvalidRiskRulesError.

        `lenient`: a stored rule that this version does not understand is silent.
        """
        errors: list[dict[str, str]] = []
        rules: list[Rule] = []
        for place, one in enumerate(document.get("rules", ())):
            rule, faults = _read(one, marker, f"rules.{place}")
            rules.append(rule)
            errors += [] if lenient else faults
        try:
            read = cls.model_validate({**document, "rules": tuple(rules)})
        except ValidationError as error:
            errors += _faults(error)
        else:
            if read.review_at > read.reject_at:
                errors.append(_at_fault("review_at", "must not be above reject_at"))
        if errors:
            raise InvalidRiskRulesError("; ".join(f"{one['field']}: {one['message']}" for one in errors[:5]), errors=errors)
        return read

    def document(self) -> dict[str, Any]:
        """Write the rules down, as `read` reads them."""
        rules = [{"kind": rule.kind, **rule.model_dump(mode="json")} for rule in self.rules]
        return {"rules": rules, **self.model_dump(exclude={"rules"})}

    def counts(self, counted: Sequence[int]) -> dict[Velocity, int]:
        """Give the rules that count what was counted for them; `counted` has a place for each rule."""
        return {rule: count for rule, count in zip(self.rules, counted, strict=True) if isinstance(rule, Velocity)}

    def assess(self, facts: Facts, seen: Seen, version: int = 0) -> Assessment:
        """Assess an order: points are added up, to 100 at the most."""
        spoken = [rule for rule in self.rules if rule.active and rule.speaks(facts, seen)]
        cleared = [rule for rule in spoken if rule.clears]
        score = 0 if cleared else min(MOST_POINTS, sum(rule.points for rule in spoken))
        names = tuple(dict.fromkeys(rule.name for rule in (cleared or spoken)))
        return Assessment(version, score, names, self._verdict(score), shadow=self.shadow)

    def _verdict(self, score: int) -> Verdict:
        if score >= self.reject_at:
            return Verdict.REJECT
        return Verdict.REVIEW if score >= self.review_at else Verdict.APPROVE


class Crowd:
    """Orders that are assessed together: each is counted for those after it."""

    def __init__(self) -> None:
        self._came: Counter[tuple[str, UUID]] = Counter()

    def beside(self, facts: Facts, seen: Seen) -> Seen:
        """Add to what was seen before what came in this crowd."""
        if not self._came:
            return seen
        counts = {
            rule: count + (self._came[rule.by, facts.marks[rule.by]] if rule.of == "orders" and rule.by in facts.marks else 0)
            for rule, count in seen.counts.items()
        }
        user = facts.marks.get("user")
        return Seen(counts, seen.known or (user is not None and ("user", user) in self._came))

    def add(self, facts: Facts) -> None:
        """Count an order."""
        self._came.update(facts.marks.items())


def _read(document: Mapping[str, Any], marker: Marker, place: str) -> tuple[Rule, list[dict[str, str]]]:
    """Read one rule; a silent one beside what is wrong with it."""
    kind = KINDS.get(str(document.get("kind")))
    if kind is None:
        return Silent(), [_at_fault(f"{place}.kind", f"there is no such kind; there are {', '.join(KINDS)}")]
    try:
        return kind.model_validate({name: document[name] for name in document if name != "kind"}, context=marker), []
    except ValidationError as error:
        return Silent(), _faults(error, place)


def _faults(error: ValidationError, place: str = "") -> list[dict[str, str]]:
    found = error.errors(include_input=False, include_url=False)
    return [
        _at_fault(".".join(map(str, ([place] if place else []) + list(one["loc"]))), one["msg"].removeprefix("Value error, "))
        for one in found
    ]


def _at_fault(place: str, message: str) -> dict[str, str]:
    return {"field": place, "message": message}
