"""A system of a run's own, beside whatever else runs here: where its data lie, and which ports are free for it."""

import contextlib
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from waybill.embedded.system import check_ports
from waybill.errors import WaybillError

FIRST_PORT: Final = 20_000
BEHIND_PORT: Final = 32_000
"""Below the ports that systems hand out by themselves."""
PORT_TRIES: Final = 50


@contextlib.contextmanager
def data_folder(purpose: str, wanted: Path | None, *, keep: bool) -> Iterator[Path]:
    """Give the data directory to use: the wanted one, which stays, or one of its own, which goes unless `keep`."""
    prefix = f"waybill-{purpose}-"
    if wanted is not None:
        yield wanted
    elif keep:
        yield Path(tempfile.mkdtemp(prefix=prefix))
    else:
        with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as folder:
            yield Path(folder)


def free_port_base(wanted: int | None, last: int) -> int:
    """Return a base of which nobody uses a port up to the `last`; the wanted one where one is. Raises WaybillError."""
    if wanted is not None:
        return wanted
    for base in random.sample(range(FIRST_PORT, BEHIND_PORT, last + 1), PORT_TRIES):
        with contextlib.suppress(WaybillError):
            check_ports({f"port {base + offset}": base + offset for offset in range(last + 1)})
            return base
    raise WaybillError("no free ports found: name some with --port-base")
