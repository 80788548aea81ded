"""Faults of those outside: the PSP, the carriers, the providers of mail and SMS."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from waybill.chaos.world import Hit, World

SLOW_SECONDS: Final = 2.0
HANG_SECONDS: Final = 8.0
LATE_SECONDS: Final = 3.0
UNKNOWN: Final = ("timeout_captured", "timeout_failed", "timeout_lost")


@asynccontextmanager
async def _misbehaving(world: World, hit: Hit, name: str, mode: dict[str, Any]) -> AsyncIterator[None]:
    if not await world.simulate(name, mode):
        hit.miss()
    try:
        yield
    finally:
        await world.simulate(name, None)


def slow(world: World, hit: Hit) -> Any:
    """Have a partner take its time."""
    return _misbehaving(world, hit, hit.target, {"mode": "slow", "delay_seconds": SLOW_SECONDS})


def unknown(world: World, hit: Hit) -> Any:
    """Have the PSP do what it is asked for, refuse it or lose it, and not answer."""
    mode: dict[str, Any] = {"mode": hit.chance.choice(UNKNOWN), "hang_seconds": HANG_SECONDS}
    if mode["mode"] == "timeout_failed":  # only of what may fail: a card may be declined
        mode["operations"] = ["create"]
    return _misbehaving(world, hit, hit.target, mode)


def errors(world: World, hit: Hit) -> Any:
    """Have a partner answer 500 to everything."""
    return _misbehaving(world, hit, hit.target, {"mode": "error_5xx"})


def webhooks(world: World, hit: Hit) -> Any:
    """Have the PSP send its notices twice, late, or beside forged ones."""
    return _misbehaving(world, hit, "psp", {"mode": "ok", "webhooks": hit.target, "webhook_delay_seconds": LATE_SECONDS})


def refuses(world: World, hit: Hit) -> Any:
    """Have a provider refuse messages for now."""
    return _misbehaving(world, hit, hit.target, {"mode": "reject_temporary"})


def drops(world: World, hit: Hit) -> Any:
    """Have a provider take messages and never say so."""
    return _misbehaving(world, hit, hit.target, {"mode": "accept_then_drop", "hang_seconds": LATE_SECONDS})


def down(world: World, hit: Hit) -> Any:
    """Have a provider cut off whoever connects."""
    return _misbehaving(world, hit, hit.target, {"mode": "down"})


def carrier_unknown(world: World, hit: Hit) -> Any:
    """Have the carriers sell a label, or not, and not answer."""
    mode = hit.chance.choice(("timeout_bought", "timeout_failed"))
    return _misbehaving(world, hit, hit.target, {"mode": mode, "hang_seconds": HANG_SECONDS})
