"""Keeping the routing rules: which warehouse ships what."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Response
from pydantic import Field, StringConstraints

from chassis.commands import Runs
from chassis.preconditions import etag
from chassis.requests import RequestModel
from inventory.api.forms import REFUSALS, IfMatch, Keeper, Reads, versions
from inventory.handlers import set_routing_rules
from inventory.model import RankedRule, SetRoutingRules
from inventory.model.views import RulesView

router = APIRouter(prefix="/api/admin/routing-rules", tags=["stock"], responses=REFUSALS)

MOST_RULES: Final = 50


class RuleBody(RequestModel):
    """A rule: its kind, the parameters of that kind, and whether it is asked at all."""

    kind: Annotated[str, StringConstraints(max_length=50)]
    parameters: dict[str, Any] = Field(default_factory=dict)
    active: Annotated[bool, Field(strict=True)] = True


class RulesBody(RequestModel):
    """All rules, the first to be asked first."""

    rules: Annotated[list[RuleBody], Field(max_length=MOST_RULES)]


@router.get("")
async def get_routing_rules(reads: Reads, _: Keeper, response: Response) -> RulesView:
    """Show all routing rules, the first to be asked first, with their version (ETag)."""
    plan, rules = await reads.routing()
    response.headers["ETag"] = etag(plan.version)
    return RulesView.of(plan, rules)


@router.put("", response_model=RulesView, responses={412: {"description": "Changed meanwhile"}})
async def replace_routing_rules(run: Runs, _: Keeper, body: RulesBody, if_match: IfMatch = None) -> Response:
    """Route by these rules from now on; orders that are held already stay where they are."""
    rules = [RankedRule(rule.kind, rule.parameters, rule.active) for rule in body.rules]
    return await run(set_routing_rules, SetRoutingRules(rules, versions(if_match)))
