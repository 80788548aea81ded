"""`ETag` and `If-Match`: a change is made to the version its author has seen, or not at all."""

from typing import Annotated

from fastapi import Depends, Header

from chassis.problems import invalid


def etag(version: int) -> str:
    """Write a version as a strong entity tag."""
    return f'"{version}"'


def _expected_version(
    if_match: Annotated[
        str | None, Header(description="The ETag of the version the change is meant for.", max_length=100)
    ] = None,
) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().removeprefix('"').removesuffix('"')
    if not text.isdecimal():
        raise invalid("If-Match", "this is not an ETag of ours")
    return int(text)


ExpectedVersion = Annotated[int | None, Depends(_expected_version)]
"""The version a request is meant for; None where it does not say."""
