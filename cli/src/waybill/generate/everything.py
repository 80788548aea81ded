"""All generated documents together: what the committed files should say now."""

from pathlib import Path

from contracts import REGISTRY
from waybill.generate import asyncapi, canvases, openapi, performance, promised, saga, scaling, schemas, states, topics
from waybill.generate.compatibility import Break, baseline, breaks
from waybill.generate.schemas import schema_of
from waybill.generate.system import System


def documents(root: Path, system: System) -> dict[str, str]:
    """Render every document; paths are below `root`, whose pages keep what people wrote around the generated parts."""
    return {
        **schemas.documents(),
        **asyncapi.documents(system),
        **saga.documents(system),
        **states.documents(),
        **openapi.documents(system),
        **canvases.documents(root, system),
        **performance.documents(root),
        **scaling.documents(root, system),
        **topics.documents(root),
    }


def broken_promises(root: Path, ref: str | None = None) -> list[Break]:
    """List what has changed incompatibly since `ref` (None: the last commit), or since a release."""
    since = breaks(baseline(root, ref), {name: schema_of(event) for name, event in REGISTRY.items()})
    return [*since, *promised.broken(root)]


def consumers(system: System) -> dict[str, list[str]]:
    """Name, for each type, the reactions that hear it."""
    return {name: [step.place for step in system.hearers(event)] for name, event in REGISTRY.items()}
