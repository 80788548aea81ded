"""Bank statements: what came of their rows is kept; the rows themselves were heard as transfers, each once."""

from typing import Never

from pydantic_core import to_json

from chassis.batch import Answer
from chassis.domain import Cause
from payment.model.statement import KeepStatement
from payment.store import StatementStore


def keep_statement(command: KeepStatement, statements: StatementStore, cause: Cause) -> Answer[Never]:
    """Keep what came of a statement, once."""
    return Answer(to_json({"statement_id": statements.keep(command, cause)}), status=201)
