"""What may stand in a request: no unknown fields, no endless or broken texts, and never a card number.

A card number has no business here: shops send the PSP's token. A text that holds one is refused wherever it stands, and the
refusal names the field without repeating it.
"""

import asyncio
import re
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.problems import problem

BODY_LIMIT: Final = 256 * 1024
"""The largest body of a request, in bytes."""
BODY_SECONDS: Final = 10.0
"""How long a body may take to arrive: who sends one bit by bit would keep out others for as long as they like."""

SHORTEST_CARD: Final = 13
CARD: Final = re.compile(r"(?<![\w+-])\d(?:[ -]?\d){12,18}(?![\w-])")


class RequestModel(BaseModel):
    """The body of a request, or a part of it; a field it does not have is an error that names it."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


def is_card_number(digits: str) -> bool:
    """Tell whether digits are a payment card's number: its length, its issuer's first digit, its check digit (Luhn)."""
    if not 13 <= len(digits) <= 19 or digits[0] not in "23456":  # noqa: PLR2004 - ISO/IEC 7812
        return False
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if position % 2 else 1)
        total += value - 9 if value > 9 else value  # noqa: PLR2004 - the sum of the two digits
    return total % 10 == 0


def _clean(text: str) -> str:
    if not text.isprintable() and any(ord(character) < 32 and character not in "\n\t" for character in text):  # noqa: PLR2004
        raise ValueError("must not contain control characters")
    if len(text) < SHORTEST_CARD:
        return text
    if any(is_card_number(re.sub(r"[ -]", "", found.group())) for found in CARD.finditer(text)):
        raise ValueError("must not contain a payment card number")
    return text


Clean = AfterValidator(_clean)
"""Refuse control characters and card numbers in a text."""

Text = Annotated[str, StringConstraints(min_length=1, max_length=200), Clean]
LongText = Annotated[str, StringConstraints(max_length=2000), Clean]


class BodyLimit:
    """Refuses a body over BODY_LIMIT, declared or streamed (FastAPI's own limit answers in plain text), or a slow one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if declared.isdigit() and int(declared) > BODY_LIMIT:
            await problem(413, "too-large", "The body is too large", f"At most {BODY_LIMIT} bytes.")(scope, receive, send)
            return
        until = asyncio.get_running_loop().time() + BODY_SECONDS
        received, complete = 0, False

        async def counted() -> Message:
            nonlocal received, complete
            if complete:  # a stream of events waits here for its caller to go away, as long as that takes
                return await receive()
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, f"It must be here within {BODY_SECONDS:g} s.", {"Connection": "close"}) from None
            received += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if received > BODY_LIMIT:
                raise HTTPException(413, f"At most {BODY_LIMIT} bytes.")
            return message

        await self._app(scope, counted, send)
