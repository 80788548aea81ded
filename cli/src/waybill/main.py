"""The command line of Waybill: one module in `commands` for each command, listed in `COMMANDS`.

To add a command: write `commands/NAME.py` with a function that typer can read and add its line to COMMANDS. A command is
imported only when it is asked for, so each costs nothing to the others. What a user did wrong, or can do something about,
is a WaybillError and is shown as one line; a traceback is a defect of ours.
"""

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any, Final

import typer

# typer has no public name for the common base of its errors.
from typer._click.exceptions import ClickException

from waybill.errors import WaybillError

# Name on the command line: (module under waybill.commands, function)
COMMANDS: Final = {
    "up": ("up", "up"),
    "down": ("down", "down"),
    "status": ("status", "status"),
    "logs": ("logs", "logs"),
    "token": ("token", "token"),
    "bench": ("bench", "bench"),
    "generate": ("generate", "generate"),
    "test": ("test", "run_checks"),
    "demo": ("demo", "demo"),
    "saga": ("saga", "saga"),
    "reconcile": ("reconcile", "reconcile"),
    "republish": ("republish", "republish"),
    "chaos": ("chaos", "chaos"),
    "dead-letters": ("dead_letters", "dead_letters"),
    "fraud": ("fraud", "fraud"),
    "invoices": ("invoices", "invoices"),
    "erase": ("erase", "erase"),
}


def application(arguments: Sequence[str]) -> typer.Typer:
    """Return the application with the command that is asked for, or with all of them when none is."""
    app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)

    @app.callback()
    def waybill() -> None:
        """Waybill: orders from cart to delivery."""

    asked = [name for name in arguments[:1] if name in COMMANDS]
    for name in asked or COMMANDS:
        module, function = COMMANDS[name]
        app.command(name)(getattr(importlib.import_module(f"waybill.commands.{module}"), function))
    return app


def run(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        outcome: Any = application(given)(given, prog_name="waybill", standalone_mode=False)
    except WaybillError as error:
        fail(str(error), error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        fail("stopped", 130)
    except ClickException as error:
        hint = f"./waybill {given[0]} --help" if given and given[0] in COMMANDS else "./waybill --help"
        fail(f"{error.format_message()} See `{hint}`.", error.exit_code)
    except BrokenPipeError:
        # The reader of our output has gone: nothing left to say, and Python must not complain about it while it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    sys.exit(outcome if isinstance(outcome, int) else 0)


def fail(message: str, code: int) -> None:
    """Say in one line what is wrong and exit."""
    typer.echo(f"waybill: {message}", err=True)
    sys.exit(code)
