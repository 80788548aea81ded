"""Settlements: what the PSP says that it paid out is written down, its fees booked, and differences listed."""

from typing import Never

from chassis.batch import Answer
from chassis.domain import Cause
from payment.model import ImportSettlement
from payment.store import SettlementStore


def import_settlement(command: ImportSettlement, settlements: SettlementStore, cause: Cause) -> Answer[Never]:
    """Take a settlement over; a file that was taken over before is answered as it was then."""
    known = settlements.known(command.digest)
    if known is None:
        settlements.add(command, cause)
    settlement_id = known or command.settlement_id
    location = {"Location": f"/api/admin/settlements/{settlement_id}"}
    body = b'{"settlement_id":"%s"}' % str(settlement_id).encode()
    return Answer(body, status=201 if known is None else 200, headers=location)
