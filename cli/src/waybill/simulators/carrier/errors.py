"""The errors an EasyPost client knows how to read."""

from typing import Any


class EasyPostError(Exception):
    """A refusal in EasyPost's words; nothing has been done."""

    def __init__(self, status: int, code: str, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        errors = [] if field is None else [{"field": field, "message": message, "suggestion": None}]
        self.body: dict[str, Any] = {"error": {"code": code, "message": message, "errors": errors}}


def not_found() -> EasyPostError:
    """Say that an object does not exist."""
    return EasyPostError(404, "NOT_FOUND", "The requested resource could not be found.")


def invalid(field: str, message: str) -> EasyPostError:
    """Say what is wrong with a parameter."""
    return EasyPostError(422, "SHIPMENT.INVALID_PARAMS", message, field=field)
