"""A service as a later version would run it: every fact it tells has fields that nobody here knows.

`python -m waybill.chaos.later SERVICE` stands for the new version in a rolling upgrade. A compatible change adds optional
fields and nothing else, so that is what it does, to the fact and to each of its parts.
"""

import json
import runpy
import sys
from typing import Any, Final

from pydantic import BaseModel

from contracts import Event

PLAINLY: Final = BaseModel.model_dump_json
ADDED: Final = {"from_a_later_version": {"nested": [1, None], "said": "ü"}}


def with_more(value: Any) -> Any:
    """Return what a fact, or a part of it, is in JSON, with a field more in each object of a contract."""
    if isinstance(value, BaseModel):
        plain = json.loads(PLAINLY(value))
        return {name: with_more_in(getattr(value, name), plain[name]) for name in plain} | ADDED
    return value


def with_more_in(value: Any, plain: Any) -> Any:
    """Return the JSON of a part as it is, or with more where it is an object of a contract, or several."""
    if isinstance(value, BaseModel):
        return with_more(value)
    if isinstance(value, list | tuple):
        return [with_more_in(one, rest) for one, rest in zip(value, plain, strict=True)]
    return plain


def main() -> None:
    """Run the service that is named."""

    def tell(event: Event, **options: Any) -> str:
        return PLAINLY(event, **options) if options else json.dumps(with_more(event))

    Event.model_dump_json = tell  # type: ignore[assignment, method-assign]
    service = sys.argv.pop(1)
    runpy.run_module(service, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
