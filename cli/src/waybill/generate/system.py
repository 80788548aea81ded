"""What the four services declare: their reactions, jobs, commands and routes, read from the code itself.

Services are loaded by name, so the command line depends on none of them; a service that cannot be loaded is an error that
names it. Nothing connects anywhere.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from types import ModuleType
from typing import Any, Final, get_args, get_origin, get_type_hints

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import SecretStr

from chassis.batch import Answer, Function
from chassis.jobs import Job, Jobs
from chassis.reactions import Reactions
from chassis.settings import ServiceSettings
from contracts import Event
from waybill.errors import WaybillError

SERVICES: Final = ("order", "inventory", "payment", "notification")
HTTP_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Kind(StrEnum):
    """What sets a step of the saga going."""

    COMMAND = "command"
    REACTION = "reaction"
    ERASURE = "erasure"
    JOB = "job"


@dataclass(frozen=True)
class Step:
    """One function of the saga: what sets it going, and the facts it may tell.

    `trigger` is what a reader sees; `hears` is the event of a reaction. `serves` names the reactions that leave the row a job
    works on.
    """

    kind: Kind
    service: str
    name: str
    trigger: str
    purpose: str
    tells: tuple[type[Event], ...]
    hears: type[Event] | None = None
    serves: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Name the step as the pages do: `service.function`."""
        return f"{self.service}.{self.name}"


@dataclass(frozen=True)
class Route:
    """An HTTP operation: who may call it (empty: anyone), and the command it runs."""

    method: str
    path: str
    roles: tuple[str, ...]
    purpose: str
    endpoint: Any


@dataclass(frozen=True)
class Service:
    """A service as it declares itself."""

    name: str
    app: FastAPI
    settings: type[ServiceSettings]
    routes: tuple[Route, ...]
    steps: tuple[Step, ...]

    def heard(self) -> list[type[Event]]:
        """List the events it hears, by type."""
        return sorted({step.hears for step in self.steps if step.hears is not None}, key=lambda event: event.type)

    def told(self) -> list[type[Event]]:
        """List the events it tells, by type."""
        return sorted({event for step in self.steps for event in step.tells}, key=lambda event: event.type)


@dataclass(frozen=True)
class System:
    """All services together."""

    services: tuple[Service, ...]

    @property
    def steps(self) -> list[Step]:
        """List every step of every service."""
        return [step for service in self.services for step in service.steps]

    def hearers(self, event: type[Event]) -> list[Step]:
        """List the reactions to an event."""
        return [step for step in self.steps if step.kind is Kind.REACTION and step.hears is event]

    def tellers(self, event: type[Event]) -> list[Step]:
        """List the steps that may tell an event."""
        return [step for step in self.steps if event in step.tells]


def load() -> System:
    """Load the four services; raises WaybillError naming one that cannot be."""
    return System(tuple(_service(name) for name in SERVICES))


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise WaybillError(f"{name} cannot be loaded: {error}") from error


def _service(name: str) -> Service:
    handlers, settings = _module(f"{name}.handlers"), _module(f"{name}.settings").Settings
    app: FastAPI = _module(f"{name}.main").create(sample(settings))
    routes = tuple(sorted(_routes(app), key=lambda route: (route.path, HTTP_METHODS.index(route.method))))
    reactions = list(_reactions(handlers.react))
    steps = (*_commands(name, routes), *reactions, *_jobs(handlers.jobs, handlers.react))
    return Service(name, app, settings, routes, steps)


def sample(settings: type[ServiceSettings]) -> ServiceSettings:
    """Make settings that are good for looking at an app and for nothing else: unchecked, with stand-ins for what is required.

    Nothing is read from this machine's environment, so that none of it leaks into a document.
    """
    values: dict[str, Any] = {}
    for name, field in settings.model_fields.items():
        if field.is_required():
            values[name] = SecretStr("stand-in") if field.annotation is SecretStr else "stand-in"
        else:
            values[name] = field.get_default(call_default_factory=True)
    return settings.model_construct(**values)


def _routes(app: FastAPI) -> Iterator[Route]:
    for found in iter_route_contexts(app.routes):
        route = found.original_route
        if not isinstance(route, APIRoute) or not found.include_in_schema:
            continue
        for method in sorted(found.methods or ()):
            roles = tuple(_roles(found.dependant))
            yield Route(method, found.path or "", roles, first_line(found.endpoint), found.endpoint)


def _roles(dependant: Any) -> list[str]:
    """Find the roles that a route's dependencies ask for: `["any"]` where any valid token will do."""
    found: set[str] = set()
    signed_in = False
    waiting = [dependant]
    while waiting:
        one = waiting.pop()
        waiting += one.dependencies
        call = one.call
        allowed = inspect.getclosurevars(call).nonlocals.get("allowed") if inspect.isfunction(call) else None
        if isinstance(allowed, frozenset):
            found |= allowed
        if getattr(call, "__module__", "") == "chassis.auth" and getattr(call, "__name__", "") == "caller":
            signed_in = True
    if found:
        return sorted(found)
    return ["any"] if signed_in else []


def _reactions(react: Reactions) -> Iterator[Step]:
    for event, function in react.functions.items():
        purpose = function.purpose
        yield Step(Kind.REACTION, react.service, function.name, event.__name__, purpose, function.tells, event)
    for topic, function in react.erasures.items():
        yield Step(Kind.ERASURE, react.service, function.name, f"tombstone on `{topic}`", function.purpose, function.tells)


def _jobs(jobs: Jobs, react: Reactions) -> Iterator[Step]:
    for job in jobs.jobs.values():
        heard_by = [job.heard_by] if job.heard_by is not None else _outcomes(jobs, job)
        tells = tuple(dict.fromkeys(event for function in heard_by for event in function.tells))
        purpose = first_line(job.call) if job.call is not None else heard_by[0].purpose
        due = f"{job.due.__name__} (a deadline)" if job.call is None else f"{job.due.__name__} (a due row)"
        serves = () if job.call is None else _left_by(job, jobs, list(react.functions.values()))
        yield Step(Kind.JOB, jobs.service, job.name, due, purpose, tells, serves=serves)


def _outcomes(jobs: Jobs, job: Job) -> list[Function]:
    answer = get_type_hints(job.call).get("return")
    classes = get_args(answer) if get_origin(answer) is not None or get_args(answer) else (answer,)
    return [jobs.outcomes[one] for one in classes if one in jobs.outcomes]


def _left_by(job: Job, jobs: Jobs, reactions: list[Function]) -> tuple[str, ...]:
    """Find the reactions that leave a job its work: those with the job's name as a word of theirs.

    Where a service has one job and no such names, it is the reactions that tell nothing themselves and write where the job
    notes what came of it. Of several jobs nobody can tell by whom they are left their work: then none is named.
    """
    named = any(other.name in one.name.split("_") for other in jobs.jobs.values() for one in reactions)
    if named:
        return tuple(one.name for one in reactions if job.name in one.name.split("_"))
    if len(jobs.jobs) > 1:
        return ()
    written = {store for outcome in _outcomes(jobs, job) for store in outcome.stores}
    return tuple(one.name for one in reactions if not one.tells and written & set(one.stores))


def _commands(service: str, routes: tuple[Route, ...]) -> Iterator[Step]:
    """Find the functions that answer commands: those whose return type is an `Answer`."""
    found: dict[Any, Function] = {}
    for module in (*_modules(f"{service}.api"), *_modules(f"{service}.handlers")):
        for call in vars(module).values():
            ours = inspect.isfunction(call) and call.__module__ == module.__name__ and not call.__name__.startswith("_")
            if ours and _answers(call):
                found[call] = Function.of(call)
    for call, function in found.items():
        places = sorted({f"`{route.method} {route.path}`" for route in routes if call in _names_used(route.endpoint)})
        trigger = ", ".join(places) or function.hears.__name__
        yield Step(Kind.COMMAND, service, function.name, trigger, function.purpose, function.tells)


def _modules(name: str) -> Iterator[ModuleType]:
    module = _module(name)
    yield module
    for found in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{name}."):
        yield _module(found.name)


def _answers(call: Any) -> bool:
    answer = get_type_hints(call).get("return")
    return answer is Answer or get_origin(answer) is Answer


def _names_used(endpoint: Any) -> list[Any]:
    """List what a route's body refers to by name, also through the private functions of its module."""
    used: list[Any] = []
    waiting = [endpoint]
    while waiting:
        call = waiting.pop()
        for name in call.__code__.co_names:
            value = call.__globals__.get(name)
            if inspect.isfunction(value) and value not in used:
                used.append(value)
                if value.__module__ == endpoint.__module__:
                    waiting.append(value)
    return used


def first_line(call: Any) -> str:
    """Answer the first line of a docstring; empty where there is none."""
    return (inspect.getdoc(call) or "").partition("\n")[0]
