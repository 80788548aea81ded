"""Holds that lapse: a person is told in time, once, and only where something is still to be taken."""

from datetime import timedelta

import pytest

from .shop import TOTAL, Shop

pytestmark = pytest.mark.database
WEEK = timedelta(days=7)


async def _holds_for(shop: Shop, time: timedelta) -> None:
    shop.psp.holds_until = shop.clock() + time
    await shop.holds()


async def test_a_day_before_a_hold_lapses_a_person_is_told_once(shop: Shop) -> None:
    await _holds_for(shop, WEEK)
    shop.clock.forward(seconds=(WEEK - timedelta(days=1)).total_seconds() - 1)
    await shop.works()
    assert await shop.told() == [f"PaymentAuthorized {TOTAL}"]
    shop.clock.forward(seconds=2)
    await shop.works()
    shop.clock.forward(seconds=60)
    await shop.works()
    assert (await shop.told())[1:] == [f"PaymentIncident {TOTAL}"]


async def test_of_a_short_hold_it_is_told_at_half_time(shop: Shop) -> None:
    await _holds_for(shop, timedelta(minutes=10))
    await shop.hears(shop.dispatched(1000))
    await shop.works()
    shop.clock.forward(seconds=301)
    await shop.works()
    assert (await shop.told())[2:] == ["PaymentIncident 2000"]


@pytest.mark.parametrize("end", ["captured", "cancelled"])
async def test_nobody_is_told_where_nothing_is_to_be_taken(shop: Shop, end: str) -> None:
    await _holds_for(shop, WEEK)
    await shop.hears(shop.dispatched(TOTAL) if end == "captured" else shop.cancelled())
    await shop.rests()
    shop.clock.forward(seconds=WEEK.total_seconds())
    await shop.works()
    assert not any("Incident" in told for told in await shop.told())
