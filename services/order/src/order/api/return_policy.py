"""The policy of returns, as those keep it who run the shop."""

from dataclasses import dataclass
from typing import Annotated, Never

from fastapi import APIRouter, Request, Response

from chassis.auth import Caller, staff
from chassis.batch import Answer
from chassis.commands import Runs
from chassis.domain import Cause
from chassis.preconditions import ExpectedVersion, etag
from order.model import ReturnPolicy, ReturnRules, VersionMismatchError
from order.store import ReturnPolicyStore, ReturnQueries

router = APIRouter(prefix="/api/admin/return-policy", tags=["terms of sale"])

Reader = Annotated[Caller, staff("support", "finance", "auditor", "warehouse")]
Keeper = Annotated[Caller, staff("finance")]


@dataclass(frozen=True, slots=True)
class SetReturnPolicy:
    """Set the policy of returns."""

    rules: ReturnRules
    expected_version: int | None = None


def set_return_policy(command: SetReturnPolicy, policies: ReturnPolicyStore, cause: Cause) -> Answer[Never]:
    """Change the policy for returns to come; those that were asked for keep what they were agreed by."""
    now = policies.policy
    if command.expected_version not in {None, now.version}:
        raise VersionMismatchError("Look at the policy again and repeat.", current_version=now.version)
    changed = ReturnPolicy(version=now.version + 1, **command.rules.model_dump())
    policies.change(changed, cause)
    return Answer(command.rules.model_dump_json().encode(), headers={"ETag": etag(changed.version)})


@router.get("")
async def get_return_policy(request: Request, _: Reader, response: Response) -> ReturnRules:
    """Show the policy of returns, with its version (ETag)."""
    async with request.app.state.database.reading() as session:
        policy = await ReturnQueries(session).policy()
    response.headers["ETag"] = etag(policy.version)
    return ReturnRules(**policy.model_dump(exclude={"version"}))


@router.put("", response_model=ReturnRules)
async def put_return_policy(run: Runs, _: Keeper, body: ReturnRules, expected_version: ExpectedVersion) -> Response:
    """Set the whole policy for returns to come; what is left out is as where nothing was ever set."""
    return await run(set_return_policy, SetReturnPolicy(body, expected_version))
