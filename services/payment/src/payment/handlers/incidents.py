"""Incidents: a person says what was done about one."""

from typing import Never

from pydantic_core import to_json

from chassis.batch import Answer
from chassis.domain import Cause
from payment.store import IncidentStore, ResolveIncident


def resolve_incident(command: ResolveIncident, incidents: IncidentStore, cause: Cause) -> Answer[Never]:
    """Note who has dealt with an incident, and how, once."""
    incident = incidents.get(command.incident_id)
    incident.resolve(command.note, cause)
    return Answer(to_json(incident.document()))
