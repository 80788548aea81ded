"""The switch that makes a simulator misbehave, and the HTTP interface to turn it.

A setting replaces the one before as a whole, so that a test never inherits half of another's. It lives in memory: a restarted
simulator behaves.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from waybill.simulators.serving import problem, read_body

Mode = TypeVar("Mode", bound=StrEnum)


class FaultSetting(BaseModel, Generic[Mode]):
    """What every simulator can be told: how long to take, how long to keep silent and how often."""

    model_config = ConfigDict(extra="forbid")

    mode: Mode
    delay_seconds: float = Field(default=3.0, ge=0, le=3600)
    """How long a slow answer takes."""
    hang_seconds: float = Field(default=60.0, ge=0, le=3600)
    """How long an answer is withheld: longer than any client waits."""
    remaining: int | None = Field(default=None, ge=0)
    """How many more requests the fault meets; without it, all."""


Setting = TypeVar("Setting", bound=FaultSetting[Any])


class FaultSwitch(Generic[Setting]):
    """Holds the present setting and hands it to the requests that it is meant for."""

    def __init__(self, normal: Setting) -> None:
        self._normal = normal
        self.setting = normal

    def take(self, applies: Callable[[Setting], bool] = lambda _: True) -> Setting:
        """Return the setting for one request, using up one of ``remaining``; the normal one where no fault applies.

        The normal answer keeps the present delays, so that a token that asks for a delay gets the one that was set.
        """
        setting = self.setting
        if setting.mode == self._normal.mode:
            return setting
        if setting.remaining == 0 or not applies(setting):
            return setting.model_copy(update={"mode": self._normal.mode})
        if setting.remaining is not None:
            self.setting = setting.model_copy(update={"remaining": setting.remaining - 1})
        return setting

    def routes(self, path: str) -> Sequence[Route]:
        """Return the routes that read, set and reset the mode."""

        async def read(_: Request) -> Response:
            return JSONResponse(self.setting.model_dump(mode="json"))

        async def replace(request: Request) -> Response:
            try:
                self.setting = type(self._normal).model_validate_json(await read_body(request))
            except ValueError as error:
                return problem(422, "Not a mode", str(error))
            return JSONResponse(self.setting.model_dump(mode="json"))

        async def reset(_: Request) -> Response:
            self.setting = self._normal
            return JSONResponse(self.setting.model_dump(mode="json"))

        return [
            Route(path, read, methods=["GET"]),
            Route(path, replace, methods=["PUT", "POST"]),
            Route(path, reset, methods=["DELETE"]),
        ]
