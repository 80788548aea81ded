"""The OpenID provider for development: it believes whoever asks, so it listens on the loopback address and nowhere else.

Its signing key (ES256) is made once for a data directory and kept beside the data, so tokens stay valid over restarts and no
key that others know is ever trusted. Never a part of production.
"""

import asyncio
import json
from pathlib import Path
from typing import Final

from waybill.embedded.jars import class_path
from waybill.embedded.jvm import JavaServer, Tier, java
from waybill.embedded.places import cache_dir
from waybill.embedded.server import Command
from waybill.embedded.web import probe

MAIN: Final = "no.nav.security.mock.oauth2.StandaloneMockOAuth2ServerKt"
LOGIN_PAGE: Final = Path(__file__).with_name("sign_in.html")
HEAP_MEGABYTES: Final = 96
AUDIENCE: Final = "waybill"
TOKEN_SECONDS: Final = 24 * 60 * 60


class IdentityProvider(JavaServer):
    """mock-oauth2-server: answers a client_credentials request with a token for the named user and roles."""

    start_deadline = 60.0
    stop_deadline = 10.0

    def __init__(self, directory: Path, port: int, *, log_file: Path, name: str = "identity") -> None:
        super().__init__(name, log_file)
        self.directory = directory
        self.port = port
        self._jars: list[Path] = []
        self._key_file = directory / "signing-key.json"

    @property
    def issuer(self) -> str:
        """Return the `iss` of every token it signs."""
        return f"http://127.0.0.1:{self.port}/{AUDIENCE}"

    @property
    def keys_url(self) -> str:
        """Return where its public keys are published."""
        return f"{self.issuer}/jwks"

    async def prepare(self) -> None:
        """Check the jars; make the signing key on the first start."""
        self._jars = await asyncio.to_thread(class_path, "identity", cache_dir())
        self.directory.mkdir(parents=True, exist_ok=True)
        if not self._key_file.exists():
            await asyncio.to_thread(self._make_key)

    def _make_key(self) -> None:
        from joserfc.jwk import ECKey  # noqa: PLC0415 - needed once in the life of a data directory

        key = ECKey.generate_key("P-256", {"alg": "ES256", "use": "sig"}, auto_kid=True)
        part = self._key_file.with_suffix(".part")
        part.touch(mode=0o600)
        part.write_text(json.dumps(key.as_dict(private=True)))
        part.replace(self._key_file)

    def configuration(self) -> dict[str, object]:
        """Return the provider's settings: whose token it is, and with which roles, comes from the request or the page."""
        named = {"sub": "${user}", "roles": "${roles}", "aud": [AUDIENCE]}
        mappings = [
            {
                "requestParam": "grant_type",
                "match": "authorization_code",
                "claims": {"aud": [AUDIENCE]},
            },  # the page adds its own
            {"requestParam": "grant_type", "match": "*", "claims": named},
        ]
        return {
            "httpServer": "NettyWrapper",
            "interactiveLogin": True,
            "loginPagePath": str(LOGIN_PAGE),
            "tokenProvider": {"keyProvider": {"initialKeys": self._key_file.read_text(), "algorithm": "ES256"}},
            "tokenCallbacks": [{"issuerId": AUDIENCE, "tokenExpiry": TOKEN_SECONDS, "requestMappings": mappings}],
        }

    def command(self) -> Command:
        """Run it in the foreground."""
        settings = self.directory / "settings.json"
        settings.touch(mode=0o600)
        settings.write_text(json.dumps(self.configuration()))
        env = {"SERVER_HOSTNAME": "127.0.0.1", "SERVER_PORT": str(self.port), "JSON_CONFIG_PATH": str(settings)}
        jvm = java(self._jars, heap_megabytes=HEAP_MEGABYTES, tier=Tier.QUICK)
        return Command(self.with_cache("identity", jvm, MAIN), env, self.directory)

    async def probe(self) -> None:
        """Ask for the published keys."""
        await probe("127.0.0.1", self.port, f"/{AUDIENCE}/jwks")
