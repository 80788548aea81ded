"""Start one simulator: ``python -m waybill.simulators psp|carrier|smtp|sms``.

When the process listens it prints one line, ``ready NAME ADDRESS=…``; when a port is taken it prints one line and exits with 1.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line; secrets may also come from the environment, where other users cannot list them."""
    parser = argparse.ArgumentParser(
        prog="python -m waybill.simulators", description="Stand-ins for PSP, carriers, mail and SMS."
    )
    commands = parser.add_subparsers(dest="simulator", required=True)

    psp = commands.add_parser("psp", help="payment service provider with the Stripe API's shape")
    psp.add_argument("--port", type=int, required=True)
    psp.add_argument("--ledger", type=Path, required=True, help="SQLite file; the ledger survives everything but its deletion")
    psp.add_argument("--webhook-url", default=os.environ.get("SIMULATOR_WEBHOOK_URL", ""))
    psp.add_argument("--webhook-secret", default=os.environ.get("SIMULATOR_WEBHOOK_SECRET", "whsec_development"))
    psp.add_argument("--api-key", default=os.environ.get("SIMULATOR_API_KEY", ""), help="without it any bearer key will do")

    carrier = commands.add_parser("carrier", help="two carriers with the EasyPost API's shape")
    carrier.add_argument("--port", type=int, required=True)
    carrier.add_argument("--ledger", type=Path, required=True, help="SQLite file; no label is forgotten as long as it is there")
    carrier.add_argument("--webhook-url", default=os.environ.get("SIMULATOR_WEBHOOK_URL", ""))
    carrier.add_argument("--webhook-secret", default=os.environ.get("SIMULATOR_WEBHOOK_SECRET", "whsec_development"))
    carrier.add_argument("--api-key", default=os.environ.get("SIMULATOR_API_KEY", ""), help="without it any key will do")
    carrier.add_argument("--pace", type=float, default=0.0, help="seconds between a parcel's steps; 0: it waits to be told")

    smtp = commands.add_parser("smtp", help="mail server that delivers into a mailbox to read")
    smtp.add_argument("--port", type=int, required=True, help="where SMTP listens")
    smtp.add_argument("--http-port", type=int, required=True, help="where the mailbox can be read")
    smtp.add_argument("--store", type=Path, help="file that keeps the mailbox over a restart")

    sms = commands.add_parser("sms", help="SMS provider that delivers into a mailbox to read")
    sms.add_argument("--port", type=int, required=True)
    sms.add_argument("--store", type=Path, help="file that keeps the mailbox over a restart")

    for each in (psp, carrier, smtp, sms):
        each.add_argument("--host", default="127.0.0.1")
    return parser.parse_args(arguments)


async def run(arguments: argparse.Namespace) -> None:
    """Run the chosen simulator until it is told to stop."""
    # Imported here, so that no process carries the libraries of the others.
    if arguments.simulator == "psp":
        from waybill.simulators.psp.process import run_psp  # noqa: PLC0415

        await run_psp(
            arguments.host,
            arguments.port,
            ledger=arguments.ledger,
            webhook_url=arguments.webhook_url,
            webhook_secret=arguments.webhook_secret,
            api_key=arguments.api_key,
        )
    elif arguments.simulator == "carrier":
        from waybill.simulators.carrier.process import run_carrier  # noqa: PLC0415

        await run_carrier(
            arguments.host,
            arguments.port,
            ledger=arguments.ledger,
            webhook_url=arguments.webhook_url,
            webhook_secret=arguments.webhook_secret,
            api_key=arguments.api_key,
            pace_seconds=arguments.pace,
        )
    elif arguments.simulator == "smtp":
        from waybill.simulators.mail import run_mail  # noqa: PLC0415

        await run_mail(arguments.host, arguments.port, arguments.http_port, store=arguments.store)
    else:
        from waybill.simulators.sms import run_sms  # noqa: PLC0415

        await run_sms(arguments.host, arguments.port, store=arguments.store)


def main() -> int:
    """Run and say in one line why a start failed."""
    try:
        uvloop.run(run(parse(sys.argv[1:])))
    except OSError as error:
        print(f"simulator: {error}", file=sys.stderr)  # noqa: T201 - its supervisor shows this line
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
