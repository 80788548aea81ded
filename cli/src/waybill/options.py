"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

from waybill.embedded.places import default_data_dir
from waybill.embedded.state import State
from waybill.errors import WaybillError

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", help="Where data and logs are kept (default: .waybill in the project).", envvar="WAYBILL_DATA_DIR"
    ),
]


def data_dir_of(given: Path | None) -> Path:
    """Return the data directory a command is about, as an absolute path."""
    return (given or default_data_dir()).expanduser().resolve()


def running_state(given: Path | None) -> State:
    """Return the state of the running system; raises WaybillError when none runs on this data directory."""
    data_dir = data_dir_of(given)
    state = State.load(data_dir)
    if state is None or not state.running:
        raise WaybillError(f"Waybill does not run on {data_dir}: start it with `./waybill up`")
    return state
