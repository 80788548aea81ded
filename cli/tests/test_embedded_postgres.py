"""The embedded PostgreSQL: roles are kept apart, data survive, remains of a killed server do not stand in the way."""

import json
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from waybill.embedded import EmbeddedPostgres
from waybill.embedded.places import SOCKET_PATH_LIMIT
from waybill.embedded.server import StartError

pytestmark = pytest.mark.database
OWN, OTHER = "order", "payment"


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedPostgres]:
    async with EmbeddedPostgres(tmp_path_factory.mktemp("pg")) as running:
        await running.create_service_database(OWN)
        await running.create_service_database(OTHER)
        yield running


async def test_a_service_works_in_its_own_database(server: EmbeddedPostgres) -> None:
    connection = await asyncpg.connect(await server.create_service_database(OWN))
    try:
        await connection.execute("CREATE TABLE IF NOT EXISTS thing (id int PRIMARY KEY)")
        assert await connection.fetchval("SELECT current_user") == OWN
        assert (await connection.fetchval("SHOW server_version")).startswith("18.")
    finally:
        await connection.close()


@pytest.mark.parametrize("database", [OTHER, "postgres", "template1"])
async def test_a_role_cannot_connect_to_another_database(server: EmbeddedPostgres, database: str) -> None:
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError, match=r"no pg_hba\.conf entry"):
        await asyncpg.connect(server.url(database, OWN))


async def test_the_privilege_alone_keeps_roles_apart_too(server: EmbeddedPostgres) -> None:
    connection = await server.connect()
    try:
        allowed = await connection.fetchval("SELECT has_database_privilege($1, $2, 'CONNECT')", OWN, OTHER)
    finally:
        await connection.close()
    assert allowed is False


async def test_a_wrong_password_is_refused(server: EmbeddedPostgres) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(host=str(server.sockets), user=OWN, database=OWN, password="guessed")


async def test_it_listens_on_no_port_and_keeps_its_secrets(server: EmbeddedPostgres) -> None:
    assert server.pid is not None
    assert [one for one in psutil.Process(server.pid).net_connections("inet") if one.status == psutil.CONN_LISTEN] == []
    for private in (server.directory / "secrets.json", server.sockets, server.data):
        assert stat.S_IMODE(private.stat().st_mode) & 0o077 == 0, private
    passwords = json.loads((server.directory / "secrets.json").read_text())
    assert len(set(passwords.values())) == len(passwords) == 3


async def test_commits_are_durable(server: EmbeddedPostgres) -> None:
    connection = await asyncpg.connect(server.url(OWN))
    try:
        found = {
            name: await connection.fetchval(f"SHOW {name}") for name in ("fsync", "synchronous_commit", "full_page_writes")
        }
    finally:
        await connection.close()
    assert set(found.values()) == {"on"}


async def test_data_survive_a_kill_and_a_restart(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "pg")
    try:
        await server.start()
        url = await server.create_service_database(OWN)
        connection = await asyncpg.connect(url)
        await connection.execute("CREATE TABLE thing AS SELECT 7 AS id")
        await connection.close()
        await server.kill()
        await server.start()
        assert await server.create_service_database(OWN) == url
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("SELECT id FROM thing") == 7
        await connection.close()
    finally:
        await server.stop()
    assert not server.running


async def test_a_lock_file_that_names_a_foreign_process_is_no_obstacle(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "pg")
    async with server:
        lock = (server.data / "postmaster.pid").read_text()
    assert not (server.data / "postmaster.pid").exists()
    (server.data / "postmaster.pid").write_text("\n".join([str(os.getppid()), *lock.splitlines()[1:]]) + "\n")
    async with server:
        assert server.running


async def test_a_second_server_on_the_same_data_is_refused(server: EmbeddedPostgres) -> None:
    with pytest.raises(StartError, match=rf"PostgreSQL {server.pid} runs on .*: stop it, or use another --data-dir"):
        await EmbeddedPostgres(server.directory).start()
    assert server.running


async def test_a_deep_directory_gets_a_short_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 60) / ("b" * 60)
    deep.mkdir(parents=True)
    async with EmbeddedPostgres(deep / "pg") as server:
        assert len(str(server.sockets / ".s.PGSQL.5432.lock")) <= SOCKET_PATH_LIMIT
        assert server.sockets.lstat().st_mode & 0o077 == 0
        assert (await server.create_service_database(OWN)).endswith(f"host={server.sockets}")
    assert list(server.sockets.iterdir()) == []
    server.sockets.rmdir()
