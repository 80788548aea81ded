"""Brings the services' databases to their newest version before the services start: in one process, only when one is behind.

Whether one is behind is asked of the database itself and of the committed migrations, so a start with nothing to do costs one
query for each. As a program (`python -m waybill.embedded.migrations SERVICE…`) it migrates; the URLs come from the environment,
as for the services, so no password is on a command line.
"""

import ast
import asyncio
import importlib
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import asyncpg

from waybill.embedded.places import project_root


def heads(folder: Path) -> set[str]:
    """Return the newest revisions of a folder of migrations: those that no other one follows."""
    found: dict[str, set[str]] = {"revision": set(), "down_revision": set()}
    for file in (folder / "versions").glob("*.py"):
        for statement in ast.parse(file.read_text()).body:
            name, value = _assignment(statement)
            if name in found:
                found[name].update({value} if isinstance(value, str) else value or ())
    return found["revision"] - found["down_revision"]


def _assignment(statement: ast.stmt) -> tuple[str, Any]:
    """Read `name = value` or `name: type = value` with a literal value; an empty name for anything else."""
    match statement:
        case (
            ast.Assign(targets=[ast.Name(id=name)], value=value)
            | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
        ):
            try:
                return name, ast.literal_eval(value)
            except ValueError:
                return "", None
    return "", None


async def behind(urls: dict[str, str]) -> list[str]:
    """Return the services whose database (by URL) is not at the newest revision."""
    checks = await asyncio.gather(*(_at_head(service, url) for service, url in urls.items()))
    return [service for service, at_head in zip(urls, checks, strict=True) if not at_head]


async def _at_head(service: str, url: str) -> bool:
    wanted = heads(project_root() / "services" / service / "migrations")
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT version_num FROM alembic_version")
    except asyncpg.UndefinedTableError:
        return False
    finally:
        await connection.close()
    return bool(wanted) and {row["version_num"] for row in rows} == wanted


def main(services: Iterable[str]) -> None:
    """Migrate the named services; exits with a line that names the one that failed."""
    from chassis.migrations import migrate  # noqa: PLC0415 - asking what is behind does not need it

    for service in services:
        try:
            migrate(importlib.import_module(service), os.environ[f"{service.upper()}_DATABASE_URL"])
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the operator gets it in one line
            cause = str(error).splitlines()[0] if str(error) else type(error).__name__
            sys.exit(f"FATAL: the database of {service} cannot be migrated: {cause}")


if __name__ == "__main__":
    main(sys.argv[1:])
