"""Where websockets are answered."""

from __future__ import annotations

WEBSOCKET_PATH = "/websocket"
"""Under the FHIR base."""


def websocket_url(base_url: str) -> str:
    """The URL to connect to, for a FHIR base URL."""
    return f"ws{base_url.removeprefix('http')}{WEBSOCKET_PATH}"
