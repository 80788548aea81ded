"""`waybill token`: a token of the development identity provider, on standard output and nothing else."""

from typing import Annotated, Final

import typer

from waybill import tokens
from waybill.errors import WaybillError
from waybill.options import DataDir, running_state

ROLES: Final = ("customer", "support", "warehouse", "finance", "fraud_reviewer", "auditor", "admin")


def token(
    user: Annotated[str, typer.Option(help="Whom the token speaks for.")] = "alice",
    role: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(ROLES)}; repeatable.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Print a token for a user of the development identity provider."""
    roles = role or ["customer"]
    for name in roles:
        if name not in ROLES:
            raise WaybillError(f"there is no role {name}: choose from {', '.join(ROLES)}")
    issuer = running_state(data_dir).parts["identity"].address
    typer.echo(tokens.token(issuer, user, roles))
