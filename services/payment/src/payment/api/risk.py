"""Risky orders: the rules by which they are found, the queue of those that wait for a decision, and what was assessed.

Rules are changed as a whole, by who has seen the version before; every version is kept. What identifies customers is in no
answer: a list of the rules shows the marks of its values.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Never, Self
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json
from sqlmodel import col, select, tuple_

from chassis.auth import Caller, staff
from chassis.batch import Answer
from chassis.commands import Runs
from chassis.domain import Cause, NotFoundError, Refusal
from chassis.pages import Cursor, Limit, page, read_cursor
from chassis.preconditions import ExpectedVersion, etag
from chassis.requests import RequestModel, Text
from contracts.payment import ReviewDecision
from payment.handlers import decide_review
from payment.model import Payment, Review, ReviewState, RuleSet, Verdict
from payment.store import DecideReview, RiskRulesStore, backtest, risk_rules, terms_in

router = APIRouter(prefix="/api/admin", tags=["risk"])

Reviewer = Annotated[Caller, staff("fraud_reviewer")]
Reader = Annotated[Caller, staff("fraud_reviewer", "support", "auditor")]


class VersionMismatchError(Refusal):
    """The rules were changed since they were looked at."""

    slug = "version-mismatch"
    title = "Changed since you last looked"
    status = 412


class RulesBody(RequestModel):
    """All rules; `rules` are documents with the kind, its parameters and the points. A score of 101 is never reached."""

    rules: Annotated[list[dict[str, Any]], Field(max_length=50)]
    review_at: Annotated[int, Field(strict=True, ge=1, le=101)] = 60
    reject_at: Annotated[int, Field(strict=True, ge=1, le=101)] = 90
    shadow: Annotated[bool, Field(strict=True)] = False


class RulesView(RulesBody):
    """A version of the rules."""

    model_config = ConfigDict(extra="ignore")

    version: int
    actor: str
    created_at: datetime


class ReviewView(BaseModel):
    """A risky order that waits for a decision, or the decision; `facts` names the rules that spoke."""

    order_id: UUID
    user_id: str
    score: int
    facts: list[str]
    state: ReviewState
    opened_at: datetime
    deadline_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    reason: str | None

    @classmethod
    def of(cls, review: Review) -> Self:
        """Show a review."""
        return cls(**{name: getattr(review, name) for name in cls.model_fields})


class ReviewPage(BaseModel):
    """A page of reviews: the pending ones by their deadline, decided ones the newest first."""

    items: list[ReviewView]
    next_cursor: str | None


class DecisionBody(RequestModel):
    """What becomes of the order, and why."""

    decision: ReviewDecision
    reason: Text


class ChangeView(BaseModel):
    """An order that the rules see otherwise than those of then."""

    order_id: UUID
    at: datetime
    then: Verdict
    then_score: int
    then_facts: list[str]
    now: Verdict
    now_score: int
    now_facts: list[str]


class BacktestView(BaseModel):
    """What rules would have said of past orders; `changes` lists the first 1,000 of those `changed`."""

    assessed: int
    then: dict[Verdict, int]
    now: dict[Verdict, int]
    changed: int
    changes: list[ChangeView]


@dataclass(frozen=True, slots=True)
class SetRiskRules:
    """The wish to assess orders by these rules from now on."""

    document: dict[str, Any]
    expected: int | None


def set_risk_rules(command: SetRiskRules, rules: RiskRulesStore, cause: Cause) -> Answer[Never]:
    """Take these rules instead of those in force; what was assessed stays as it is."""
    if command.expected is not None and command.expected != rules.version:
        raise VersionMismatchError(f"The rules are at version {rules.version}.", version=rules.version)
    read = RuleSet.read(command.document, rules.marker)
    version = rules.add(read, cause.actor)
    body = {"version": version, "actor": cause.actor, "created_at": cause.at, **read.document()}
    return Answer(to_json(body), headers={"ETag": etag(version)})


@router.get("/risk-rules")
async def get_risk_rules(
    request: Request,
    _: Reader,
    response: Response,
    version: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="An earlier version.")] = None,
) -> RulesView:
    """Show the rules in force (ETag: their version), or an earlier version of them."""
    async with request.app.state.database.reading() as session:
        found = await risk_rules(session, version)
    if found is None:
        raise NotFoundError("There is no such version of the rules.")
    response.headers["ETag"] = etag(found.version)
    return RulesView(**found.document, version=found.version, actor=found.actor, created_at=found.created_at)


@router.put("/risk-rules", response_model=RulesView, responses={412: {"description": "Changed meanwhile"}})
async def put_risk_rules(run: Runs, _: Reviewer, body: RulesBody, expected: ExpectedVersion) -> Response:
    """Assess orders by these rules from now on."""
    return await run(set_risk_rules, SetRiskRules(body.model_dump(), expected))


@router.post("/risk-rules/backtest")
async def post_backtest(
    request: Request,
    _: Reviewer,
    body: RulesBody,
    days: Annotated[int, Query(ge=1, le=365, description="How far back.")] = 90,
) -> BacktestView:
    """Show what these rules would have said of past orders, the newest 50,000 at the most; nothing is changed."""
    database = request.app.state.database
    rules = RuleSet.read(body.model_dump(), terms_in(database.remembered).marker)
    async with database.reading() as session:
        found = await backtest(session, rules, database.clock() - timedelta(days=days))
    changes = [
        ChangeView(
            order_id=one.row.order_id,
            at=one.row.at,
            then=one.row.verdict,
            then_score=one.row.score,
            then_facts=one.row.spoken,
            now=one.now.verdict,
            now_score=one.now.score,
            now_facts=list(one.now.facts),
        )
        for one in found.changes
    ]
    return BacktestView(assessed=found.assessed, then=found.then, now=found.now, changed=found.changed, changes=changes)


@router.get("/reviews")
async def list_reviews(
    request: Request,
    _: Reader,
    state: Literal["pending", "decided"] = "pending",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> ReviewPage:
    """List the risky orders that wait for a decision, the oldest deadline first; or those decided, the newest first."""
    pending = state == "pending"
    place = col(Review.deadline_at) if pending else col(Review.opened_at)
    query = select(Review).where(col(Review.state) == "pending" if pending else col(Review.state) != "pending").limit(limit + 1)
    if pending:  # what is cancelled needs no decision
        barred = select(1).where(col(Payment.payment_id) == col(Review.payment_id), col(Payment.barred_at).is_not(None))
        query = query.where(~barred.exists()).order_by(place, col(Review.order_id))
    else:
        query = query.order_by(place.desc(), col(Review.order_id).desc())
    if cursor is not None:
        at, order_id = read_cursor(cursor, datetime, UUID)
        here = tuple_(place, col(Review.order_id))
        query = query.where(here > (at, order_id) if pending else here < (at, order_id))
    async with request.app.state.database.reading() as session:
        found: Sequence[Review] = (await session.exec(query)).all()
    name = "deadline_at" if pending else "opened_at"
    rows, following = page(found, limit, lambda review: (getattr(review, name), review.order_id))
    return ReviewPage(items=[ReviewView.of(review) for review in rows], next_cursor=following)


@router.post("/reviews/{order_id}", response_model=ReviewView)
async def post_review(run: Runs, _: Reviewer, order_id: UUID, body: DecisionBody) -> Response:
    """Decide about a risky order, once: its payment is approved, or its money let go and the order cancelled."""
    return await run(decide_review, DecideReview(order_id, body.decision, body.reason))
