"""Service canvases: the generated part of each service's README — routes, facts, jobs, settings."""

import ast
import inspect
import textwrap
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from chassis.settings import ServiceSettings
from contracts import Event
from waybill.generate.files import between_markers
from waybill.generate.system import Kind, Service, System

OPERATIONAL: Final = ("/livez", "/readyz", "/metrics")


def documents(root: Path, system: System) -> dict[str, str]:
    """Render each service's README with its generated part renewed."""
    found = {}
    for service in system.services:
        path = f"services/{service.name}/README.md"
        page = (root / path).read_text(encoding="utf-8") if (root / path).exists() else ""
        found[path] = between_markers(page, canvas(service, system), title=f"# {service.name}")
    return found


def canvas(service: Service, system: System) -> str:
    """Render the canvas of a service."""
    return "\n\n".join(
        [
            "### Routes",
            _routes(service),
            "### Facts it hears",
            _heard(service),
            "### Facts it tells",
            _told(service, system),
            "### Jobs",
            _jobs(service),
            "### Settings",
            _settings(service.settings),
        ]
    )


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(head), ["---"] * len(list(head)), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _routes(service: Service) -> str:
    rows = []
    for route in service.routes:
        if route.path in OPERATIONAL:
            continue
        roles = "no token" if not route.roles else "any token" if route.roles == ("any",) else ", ".join(route.roles)
        rows.append((f"`{route.method} {route.path}`", roles, route.purpose))
    operational = ", ".join(f"`{path}`" for path in OPERATIONAL)
    return f"{_table(('route', 'who', 'what it does'), rows)}\n\nAnd {operational}, for those who run it."


def _heard(service: Service) -> str:
    rows = [
        (f"`{step.hears.type}`" if step.hears else step.trigger, f"`{step.hears.topic.name}`" if step.hears else "", step)
        for step in service.steps
        if step.kind in {Kind.REACTION, Kind.ERASURE}
    ]
    if not rows:
        return "None."
    rows.sort(key=lambda row: (row[1], row[0]))
    lines = [(what, topic, f"`{step.name}`", step.purpose) for what, topic, step in rows]
    return _table(("fact", "topic", "reaction", "what it does"), lines)


def _told(service: Service, system: System) -> str:
    rows = []
    for event in service.told():
        tellers = ", ".join(f"`{step.name}`" for step in system.tellers(event))
        hearers = ", ".join(dict.fromkeys(step.service for step in system.hearers(event))) or "—"
        rows.append((f"`{event.type}`", f"`{event.topic.name}`", tellers, hearers, " ".join((event.__doc__ or "").split())))
    return _table(("fact", "topic", "told by", "heard by", "meaning"), rows) if rows else "None."


def _jobs(service: Service) -> str:
    steps = [step for step in service.steps if step.kind is Kind.JOB]
    if not steps:
        return "None."
    rows = [(f"`{step.name}`", step.trigger, step.purpose, _names(step.tells)) for step in steps]
    return _table(("job", "works on", "what it does", "tells"), rows)


def _names(events: Iterable[type[Event]]) -> str:
    return ", ".join(f"`{event.type}`" for event in events) or "—"


def _settings(settings: type[ServiceSettings]) -> str:
    prefix = settings.model_config.get("env_prefix", "")
    notes = _notes(settings)
    rows = [
        (f"`{prefix}{name.upper()}`", _type(field.annotation), _default(field), notes.get(name, ""))
        for name, field in settings.model_fields.items()
    ]
    return _table(("variable", "type", "default", "meaning"), rows)


def _notes(settings: type[ServiceSettings]) -> dict[str, str]:
    """Read the docstrings below the fields, of the class and of those it derives from."""
    found: dict[str, str] = {}
    for part in reversed(settings.__mro__):
        if part is not ServiceSettings and not issubclass(part, ServiceSettings):
            continue
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(part))).body
        body = definition.body if isinstance(definition, ast.ClassDef) else []
        for field, note in pairwise(body):
            if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
                continue
            if isinstance(note, ast.Expr) and isinstance(note.value, ast.Constant):
                found[field.target.id] = " ".join(str(note.value.value).split())
    return found


def _type(annotation: Any) -> str:
    if annotation is SecretStr:
        return "secret"
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{value}`" for value in get_args(annotation))
    if get_origin(annotation) in {Union, UnionType}:
        return " or ".join(_type(part) for part in get_args(annotation) if part is not type(None))
    if get_origin(annotation) in {frozenset, set, list, tuple}:
        return f"list of {_type(get_args(annotation)[0])}"
    return {"str": "text", "int": "whole number", "float": "number", "bool": "true or false"}.get(
        getattr(annotation, "__name__", ""), str(getattr(annotation, "__name__", annotation))
    )


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, SecretStr):
        return "empty" if not value.get_secret_value() else "set"
    if isinstance(value, frozenset | set | list | tuple):
        return f"`{','.join(str(one) for one in (sorted(value) if isinstance(value, frozenset | set) else value))}`"
    return "empty" if value in {"", None} else f"`{value}`"
