"""Stripe's form encoding and its search language, read strictly: what Stripe would refuse is refused here."""

import itertools
import re
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import parse_qsl

from waybill.simulators.psp.errors import StripeError, missing

Parameters = dict[str, Any]

MAX_AMOUNT = 99_999_999
_MAX_PAGE = 100
_NAME = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
_CLAUSE = re.compile(
    r"""\s*(?:metadata\[(?P<mq>["'])(?P<key>[^"']+)(?P=mq)\]|(?P<field>status|currency|amount))\s*:\s*"""
    r"""(?:(?P<vq>["'])(?P<text>(?:\\.|(?!(?P=vq)).)*)(?P=vq)|(?P<number>\d+))\s*""",
)


def decode(text: str) -> Parameters:
    """Turn ``a[b]=1&c[]=2`` into nested objects and lists. Raises StripeError on a name that is malformed."""
    parameters: Parameters = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        match = _NAME.match(name)
        if match is None:
            raise StripeError(400, f"Invalid parameter name: {name}", code="parameter_invalid", param=name)
        _put(parameters, [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])], value)
    return parameters


def _put(target: Parameters, path: Sequence[str], value: str) -> None:
    for name, following in itertools.pairwise(path):
        inner = target.setdefault(name, [] if _is_index(following) else {})
        if isinstance(inner, list):
            inner.append(value)
            return
        if not isinstance(inner, dict):
            raise StripeError(400, f"Invalid object: {name}", code="parameter_invalid_hash", param=name)
        target = inner
    target[path[-1]] = value


def _is_index(name: str) -> bool:
    return not name or name.isdigit()


def allow(parameters: Parameters, names: Iterable[str]) -> None:
    """Refuse parameters that this endpoint does not have."""
    for name in parameters.keys() - set(names):
        raise StripeError(400, f"Received unknown parameter: {name}", code="parameter_unknown", param=name)


def amount(parameters: Parameters, name: str) -> int | None:
    """Read an amount in minor units."""
    if name not in parameters:
        return None
    text = parameters[name]
    if not isinstance(text, str) or not re.fullmatch(r"-?\d{1,18}", text):
        raise StripeError(400, f"Invalid integer: {text}", code="parameter_invalid_integer", param=name)
    value = int(text)
    if value < 0:
        raise StripeError(400, "This value must be greater than or equal to 0.", code="parameter_invalid_integer", param=name)
    if value > MAX_AMOUNT:
        raise StripeError(400, f"Amount must be no more than {MAX_AMOUNT}.", code="amount_too_large", param=name)
    return value


def flag(parameters: Parameters, name: str, *, default: bool) -> bool:
    """Read a boolean."""
    text = parameters.get(name)
    if text is None:
        return default
    if text not in {"true", "false"}:
        raise StripeError(400, f"Invalid boolean: {text}", code="parameter_invalid_boolean", param=name)
    return bool(text == "true")


def currency(parameters: Parameters) -> str:
    """Read an ISO 4217 code; lower case, as Stripe keeps it."""
    code = parameters.get("currency")
    if code is None:
        raise missing("currency", "currency")
    if not isinstance(code, str) or not re.fullmatch(r"[A-Za-z]{3}", code):
        raise StripeError(400, f"Invalid currency: {code}.", param="currency")
    return code.lower()


def choice(parameters: Parameters, name: str, allowed: Sequence[str]) -> str | None:
    """Read one of a few words."""
    value = parameters.get(name)
    if value is not None and value not in allowed:
        raise StripeError(400, f"Invalid {name}: must be one of {', '.join(allowed)}", param=name)
    return value


def metadata(parameters: Parameters) -> dict[str, str]:
    """Read the client's own notes: up to 50, values up to 500 characters, as Stripe allows."""
    notes = parameters.get("metadata") or {}
    if not isinstance(notes, dict) or len(notes) > 50 or any(len(key) > 40 for key in notes):  # noqa: PLR2004 - Stripe's limits
        raise StripeError(400, "Invalid metadata: at most 50 keys of 40 characters.", param="metadata")
    for key, value in notes.items():
        if not isinstance(value, str) or len(value) > 500:  # noqa: PLR2004 - Stripe's limit
            raise StripeError(400, f"Metadata values can have up to 500 characters: {key}", param=f"metadata[{key}]")
    return notes


def expansions(parameters: Parameters) -> list[str]:
    """Read which references are to be expanded."""
    names = parameters.get("expand", [])
    return names if isinstance(names, list) else []


def page_size(parameters: Parameters) -> int:
    """Read ``limit``: 1 to 100, 10 by default."""
    limit = amount(parameters, "limit")
    if limit is None:
        return 10
    if not 1 <= limit <= _MAX_PAGE:
        raise StripeError(400, f"limit must be between 1 and {_MAX_PAGE}", code="parameter_invalid_integer", param="limit")
    return limit


def page(parameters: Parameters) -> int:
    """Read ``page``, the ``next_page`` of an earlier answer: the place after which a page of a search begins."""
    match = re.fullmatch(r"page_(\d{1,18})", str(parameters["page"]))
    if match is None:
        raise StripeError(400, f"Invalid page: {parameters['page']}", param="page")
    return int(match[1])


def search_condition(query: object) -> tuple[str, list[Any]]:
    """Translate a search, clauses joined by AND, into an SQL condition and its values. Raises StripeError when malformed."""
    if not isinstance(query, str) or not query.strip():
        raise missing("query", "query")
    conditions, values, position = list[str](), list[Any](), 0
    while True:
        match = _CLAUSE.match(query, position)
        if match is None:
            raise StripeError(400, f"We were unable to parse your search query at: {query[position:]}", param="query")
        value: str | int = int(match["number"]) if match["number"] else re.sub(r"\\(.)", r"\1", match["text"])
        if match["key"] == "order_id":  # has an index
            conditions.append("order_id = ?")
            values.append(value)
        elif match["key"]:
            conditions.append("json_extract(metadata, ?) = ?")
            values += [f'$."{match["key"]}"', value]
        else:
            conditions.append(f"{match['field']} = ?")
            values.append(value)
        position = match.end()
        if position == len(query):
            return " AND ".join(conditions), values
        joiner = re.compile(r"AND\s", re.IGNORECASE).match(query, position)
        if joiner is None:
            raise StripeError(400, f"We were unable to parse your search query at: {query[position:]}", param="query")
        position = joiner.end()
