"""Incidents: a person says what was done about one, and the order is told."""

from pydantic_core import to_json

from chassis.batch import Answer
from chassis.domain import Cause
from contracts.payment import PaymentIncidentResolved
from payment.store import IncidentStore, ResolveIncident


def resolve_incident(command: ResolveIncident, incidents: IncidentStore, cause: Cause) -> Answer[PaymentIncidentResolved]:
    """Note who has dealt with an incident, and how, once."""
    incident = incidents.get(command.incident_id)
    told = incident.resolve(command.note, cause, others_open=incidents.others_open(incident))
    return Answer(to_json(incident.document()), events=[told])
