"""`waybill generate`: render the documents that come from the code, or check that the committed ones are fresh."""

from typing import Annotated

import typer

from waybill.embedded.places import project_root
from waybill.errors import WaybillError


def generate(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail when a file is stale.")] = False,  # noqa: FBT002
    against: Annotated[str | None, typer.Option(help="Compare the contracts with this branch, tag or commit.")] = None,
    accept: Annotated[
        list[str] | None, typer.Option(metavar="TYPE", help="Let this type change incompatibly: no release has carried it yet.")
    ] = None,
    promise: Annotated[
        str | None, typer.Option(metavar="VERSION", help="Keep what is told now as what this release promises.")
    ] = None,
) -> int:
    """Render schemas, AsyncAPI, OpenAPI, the saga's page, state diagrams and service canvases; refuse broken contracts."""
    # Only here: the other commands need not load four services.
    from waybill.generate import everything, files, promised, system  # noqa: PLC0415

    root = project_root()
    loaded = system.load()
    released = {name for one in promised.promises(root) for name in one.schemas}
    free = set(accept or ()) - released
    broken = [one for one in everything.broken_promises(root, against) if one.type not in free]
    if broken:
        heard = everything.consumers(loaded)
        lines = "\n  ".join(one.told_to(heard) for one in broken)
        raise WaybillError(f"the contracts have changed incompatibly; tell a new type beside the old one:\n  {lines}")
    wanted = everything.documents(root, loaded)
    if check:
        stale = files.compare(root, wanted)
        if stale:
            raise WaybillError("generated files do not say what the code says:\n  " + "\n  ".join(map(str, stale)))
        typer.echo(f"{len(wanted)} generated files are fresh")
        return 0
    changed = files.write(root, wanted)
    for path in changed:
        typer.echo(f"written: {path}")
    typer.echo(f"{len(wanted)} generated files are fresh, {len(changed)} of them written now")
    if promise is not None:
        typer.echo(f"promised: {promised.promise(root, promise).relative_to(root)}")
    return 0
