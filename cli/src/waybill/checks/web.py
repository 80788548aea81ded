"""The checks of the front end's sources: types, lint, format and the tests that need no browser. Exit code 0 is success."""

import asyncio
import sys
import tempfile
from pathlib import Path

from waybill.embedded import front
from waybill.embedded.places import project_root
from waybill.errors import WaybillError


def main() -> int:
    """Run them all; print what they complain of."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "web.log"
        try:
            asyncio.run(front.check(project_root(), log))
        except WaybillError as error:
            sys.stdout.write(log.read_text(errors="replace") if log.exists() else f"{error}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
