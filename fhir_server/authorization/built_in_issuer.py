"""The built-in token issuer: signs access tokens with a key of its own, kept in the data directory.

It is for a server that stands alone and for development; on loopback it is on, elsewhere only when told. Tokens are
JWTs signed with ES256 (RFC 9068's `at+jwt`), with the tenant and the SMART scopes as claims.
"""

from __future__ import annotations

import json
import logging
import secrets
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from storage.private_file import create_private, make_data_directory

log = logging.getLogger(__name__)

ALGORITHM = "ES256"
KEY_FILE = "token-signing-key.json"


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """What a token is to say."""

    tenant: str
    scope: str
    subject: str
    issuer: str
    audience: str
    lifetime_seconds: int


def mint(data_dir: Path, request: TokenRequest, now: datetime) -> str:
    """A signed access token, valid from `now`."""
    key = _signing_key(data_dir)
    issued_at = int(now.timestamp())
    claims = {
        "iss": request.issuer,
        "sub": request.subject,
        "aud": request.audience,
        "iat": issued_at,
        "exp": issued_at + request.lifetime_seconds,
        "jti": secrets.token_urlsafe(16),
        "tenant": request.tenant,
        "scope": request.scope,
    }
    return jwt.encode({"alg": ALGORITHM, "typ": "at+jwt", "kid": key.kid}, claims, key)


def public_keys(data_dir: Path) -> KeySet:
    """What tokens of this issuer are verified with; the JWKS is `public_keys(...).as_dict(private=False)`."""
    return KeySet([ECKey.import_key(_signing_key(data_dir).as_dict(private=False))])


@lru_cache(maxsize=4)
def _signing_key(data_dir: Path) -> ECKey:
    """The key of this data directory, made on first use; it is the same for all processes that use the directory."""
    file = data_dir / KEY_FILE
    if file.exists():
        content = file.read_text(encoding="utf-8")
    else:
        make_data_directory(data_dir)
        fresh = ECKey.generate_key("P-256", {"use": "sig", "alg": ALGORITHM}, private=True, auto_kid=True)
        made = json.dumps(fresh.as_dict(private=True))
        content = create_private(file, made)
        if content == made:
            log.info("made the built-in issuer's signing key in %s", file)
    return ECKey.import_key(json.loads(content))
