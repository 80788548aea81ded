"""Runs Waybill and its peers in turn, each on a system of its own, and sets their figures beside each other."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from bench import run
from bench.databases import Databases
from bench.figures import Measured
from bench.peers.measuring import PeerMeasuring
from bench.peers.report import WAYBILL
from bench.peers.system import PEERS, Peer, check_installed, serving
from bench.run import Results, Wanted
from bench.scenarios import WARM_UP, Name
from waybill.embedded.apart import data_folder, free_port_base
from waybill.embedded.system import LAST_PORT
from waybill.errors import WaybillError

SECONDS: Final = 20.0
"""How long a load is sent to each, unless told otherwise."""
WARM_UP_ORDERS: Final = 300
WARM_UP_SECONDS: Final = 10.0
BEARABLE: Final = 0.9
"""An open loop is run at so much of a peer's own maximum at most: beyond that it only queues."""

Compared = dict[str, list[Measured]]


async def compare(wanted: Wanted, peers: Sequence[str], tell: Callable[[str], None]) -> tuple[Compared, dict[str, Any]]:
    """Run each system as often as wanted, in turn; answers the figures of each and the conditions. Raises WaybillError."""
    for name in peers:
        check_installed(PEERS[name])  # a missing one is told before anything starts
    once = replace(wanted, repeat=1, seconds=wanted.seconds or SECONDS)
    found: Compared = {name: [] for name in (WAYBILL, *peers)}
    conditions: dict[str, Any] = {}
    for turn in range(wanted.repeat):
        for name in found:
            tell(f"{name}, turn {turn + 1} of {wanted.repeat}")
            turned = replace(once, seed=wanted.seed + turn)
            results = await (run.run(turned, tell) if name == WAYBILL else run_peer(PEERS[name], turned, tell))
            found[name] += results.measured
            conditions = conditions or results.conditions
    return found, conditions | {"repeat": wanted.repeat}


async def run_peer(peer: Peer, wanted: Wanted, tell: Callable[[str], None]) -> Results:
    """Start a peer, warm it up and run the scenarios that it can bear; raises WaybillError."""
    results = Results()
    with _told_to_stop(), data_folder(f"bench-{peer.name}", wanted.data_dir, keep=wanted.keep) as folder:
        tell(f"starting on {folder}")
        base = free_port_base(wanted.port_base, LAST_PORT)
        async with (
            serving(peer, folder, base, wanted.tier, wanted.partitions) as one,
            Databases.of(one.postgres) as databases,
        ):
            tokens = await run.customers(one.identity.issuer)
            measuring = PeerMeasuring(one, databases, tokens, wanted.clients)
            results.conditions = await run.conditions(wanted, folder, databases)
            tell("warming up")
            await measuring.warm_up(WARM_UP.limited(WARM_UP_ORDERS, WARM_UP_SECONDS), wanted.seed)
            for scenario in run.scenarios(wanted):
                if _bearable(scenario.rate, results.measured):
                    tell(f"measuring {scenario.name}")
                    results.measured.append(await measuring.measure(scenario, wanted.seed + 1))
                else:
                    tell(f"leaving out {scenario.name}: more than it can do")
    return results


@contextlib.contextmanager
def _told_to_stop() -> Iterator[None]:
    """Have SIGTERM stop what was started, as Ctrl-C does; Waybill's own supervisor sees to that by itself."""
    loop, task, told = asyncio.get_running_loop(), asyncio.current_task(), asyncio.Event()

    def stop() -> None:
        told.set()
        if task is not None:
            task.cancel()

    loop.add_signal_handler(signal.SIGTERM, stop)
    try:
        yield
    except asyncio.CancelledError:
        if told.is_set():
            raise WaybillError("the benchmark was stopped") from None
        raise
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


def _bearable(rate: float, measured: Sequence[Measured]) -> bool:
    most = next((one.orders_per_second for one in measured if one.scenario == Name.MAX), None)
    return most is None or rate <= most * BEARABLE
