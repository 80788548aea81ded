"""The errors a Stripe client knows how to read."""

from typing import Any


class StripeError(Exception):
    """A refusal in Stripe's words; nothing has been done."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"error": _without_none(type=kind, code=code, param=param, message=message)}


def missing(what: str, param: str) -> StripeError:
    """Say that a parameter is required."""
    return StripeError(400, f"Missing required param: {what}.", code="parameter_missing", param=param)


def no_such(kind: str, identifier: str, *, param: str, status: int = 404) -> StripeError:
    """Say that an object does not exist."""
    return StripeError(status, f"No such {kind}: '{identifier}'", code="resource_missing", param=param)


def _without_none(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
