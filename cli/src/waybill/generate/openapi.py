"""OpenAPI documents of the services, taken from their apps without connecting to anything."""

import json
from typing import Final

from waybill.generate.system import System

FOLDER: Final = "docs/openapi"


def documents(system: System) -> dict[str, str]:
    """Render one document for each service."""
    return {
        f"{FOLDER}/{service.name}.json": json.dumps(service.app.openapi(), indent=2, ensure_ascii=False) + "\n"
        for service in system.services
    }
