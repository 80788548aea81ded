"""Starts PostgreSQL and Kafka alone: `python -m waybill.embedded --data-dir DIR [--port-base N]`.

For whoever develops a service: prints one JSON object with the URLs when both are ready, and runs until Ctrl-C or SIGTERM.
"""

import argparse
import asyncio
import json
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from chassis.topics import CONSUMERS
from waybill.embedded.kafka import EmbeddedKafka
from waybill.embedded.postgres import EmbeddedPostgres
from waybill.errors import WaybillError


async def run(data_dir: Path, port_base: int | None) -> None:
    """Start both, tell where they are, wait for a signal, stop both."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    postgres = EmbeddedPostgres(data_dir / "postgres")
    kafka = EmbeddedKafka(data_dir / "kafka", port_base or 0, port_base + 1 if port_base else 0)
    async with AsyncExitStack() as stack:
        for server in await asyncio.gather(postgres.start(), kafka.start(), return_exceptions=True):
            if isinstance(server, BaseException):
                await asyncio.gather(postgres.stop(), kafka.stop())
                raise server
        stack.push_async_callback(postgres.stop)
        stack.push_async_callback(kafka.stop)
        await kafka.create_topics()
        databases = {name: await postgres.create_service_database(name) for name in CONSUMERS}
        where = {"kafka": kafka.bootstrap_servers, "databases": databases, "superuser": postgres.url()}
        print(json.dumps(where, indent=1), flush=True)  # noqa: T201 - the answer of this program
        await stopped.wait()


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m waybill.embedded", description="PostgreSQL and Kafka alone")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--port-base", type=int, help="port of Kafka; the next one is its controller's (default: free ports)")
    arguments = parser.parse_args()
    try:
        asyncio.run(run(arguments.data_dir.resolve(), arguments.port_base))
    except WaybillError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
