"""Cross-origin requests: which web pages of other hosts may call this server from a browser (CORS).

None may until the operator names their origins. No credentials are allowed: access is by bearer token, so that a page
of one of these origins can do what its token allows and nothing with a cookie.
https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_SENT = (
    "Accept",
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-Modified-Since",
    "If-None-Exist",
    "If-None-Match",
    "Prefer",
    "X-Request-Id",
)
_READ = (
    "Allow",
    "Content-Location",
    "ETag",
    "Idempotency-Replayed",
    "Last-Modified",
    "Location",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-Id",
)
_PREFLIGHT_SECONDS = 600


def across_origins(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    """What pages of these origins may call as well; without any, an OPTIONS request is refused like any other."""
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=_METHODS,
        allow_headers=_SENT,
        expose_headers=_READ,
        max_age=_PREFLIGHT_SECONDS,
    )
