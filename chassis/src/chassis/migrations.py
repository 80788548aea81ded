"""Brings a service's database to the newest version, once, however many processes try at the same time."""

import asyncio
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import asyncpg
from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, MetaData, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

LOCK: Final = 7_242_001


def folder(package: ModuleType) -> Path:
    """Find the migrations of a service: beside its source, or inside its installed package."""
    inside = Path(package.__file__ or "").parent
    found = next((place for place in (inside / "migrations", inside.parents[1] / "migrations") if place.is_dir()), None)
    if found is None:
        raise FileNotFoundError(f"no migrations of {package.__name__}")
    return found


def migrate(package: ModuleType, url: str) -> None:
    """Run a service's migrations to the newest version."""
    config = Config()
    config.set_main_option("script_location", str(folder(package)))
    config.attributes["url"] = url
    command.upgrade(config, "head")


def run(metadata: MetaData) -> None:
    """Run inside an Alembic environment: `env.py` of each service calls this."""
    asyncio.run(_run(context.config.attributes["url"], metadata))


async def _run(url: str, metadata: MetaData) -> None:
    async def connect() -> Any:
        return await asyncpg.connect(url)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
        await connection.commit()
        await connection.run_sync(_upgrade, metadata)
        await connection.commit()
    await engine.dispose()


def _upgrade(connection: Connection, metadata: MetaData) -> None:
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()
