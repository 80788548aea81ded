"""Transfers: finance tells what came to the bank account, and a payment that waited for it goes on."""

from pydantic_core import to_json

from chassis.batch import Answer
from chassis.domain import Cause
from chassis.problems import invalid
from contracts.payment import PaymentIncident
from payment.model.payment import Payment
from payment.model.transfer import ReceiveTransfer, TransferKnownError
from payment.store import IncidentStore, PaymentStore, TransferStore


def receive_transfer(
    command: ReceiveTransfer, payments: PaymentStore, transfers: TransferStore, incidents: IncidentStore, cause: Cause
) -> Answer[PaymentIncident]:
    """Note that money came for an order, or was sent back, once; told where it is not what was waited for."""
    account = transfers.account(command.reference)
    if command.currency != account.currency:
        raise invalid("currency", f"the order is paid in {account.currency}")
    known = transfers.known(command)
    if known is None:
        raise TransferKnownError("The bank's reference is known with another reference, amount, currency or time.")
    if known:
        return Answer(to_json(account.document()))
    payment = next(one for one in payments.of(command.order_id) if _is_for(one, command.reference))
    told = account.receive(command.amount, ended=payment.barred or payment.withdrawn)
    transfers.add(command, cause)
    if account.paid:
        payment.ask_by(cause.at, cause, doubtful=False)
    if told is None:
        return Answer(to_json(account.document()))
    kind, amount = told
    incident = PaymentIncident(order_id=payment.order_id, user_id=payment.user_id, kind=kind, amount=amount)
    return Answer(to_json(account.document()), events=[incidents.note(incident, cause)])


def _is_for(payment: Payment, reference: str) -> bool:
    return payment.psp_reference is not None and payment.psp_reference.endswith(f".{reference}")
