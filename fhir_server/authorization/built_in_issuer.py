"""The built-in token issuer: signs access tokens with a key of its own, kept in the data directory.

It is for a server that stands alone and for development; on loopback it is on, elsewhere only when told. Tokens are
JWTs signed with ES256 (RFC 9068's `at+jwt`), with the tenant and the SMART scopes as claims. The first key of the file
signs; those behind it were replaced by `./run rotate-key` and still verify what they have signed.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import tempfile
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from fhir_server.trusted_issuer import Algorithm
from storage.private_file import create_private, give_to_owner_of, make_data_directory

log = logging.getLogger(__name__)

ALGORITHM: Algorithm = "ES256"
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
    patient: str = ""


def mint(data_dir: Path, request: TokenRequest, now: datetime) -> str:
    """A signed access token, valid from `now`."""
    key = _keys(data_dir)[0]
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
    if request.patient:
        claims["patient"] = request.patient
    return jwt.encode({"alg": ALGORITHM, "typ": "at+jwt", "kid": key.kid}, claims, key)


def public_keys(data_dir: Path) -> KeySet:
    """What tokens of this issuer are verified with; the JWKS is `public_keys(...).as_dict(private=False)`."""
    return KeySet([ECKey.import_key(key.as_dict(private=False)) for key in _keys(data_dir)])


def rotate_key(data_dir: Path) -> str:
    """Sign with a new key from now on; gives its id. Tokens of the key before are valid until they expire.

    One key is kept beside the new one: rotate once more to have all tokens of the first refused.
    """
    kept = [key.as_dict(private=True) for key in _keys(data_dir)[:1]]
    fresh = _fresh_key()
    content = json.dumps({"keys": [fresh.as_dict(private=True), *kept]})
    file = data_dir / KEY_FILE
    descriptor, temporary = tempfile.mkstemp(dir=data_dir, prefix=f".{KEY_FILE}-")
    with os.fdopen(descriptor, "w", encoding="utf-8") as unfinished:
        unfinished.write(content)
        unfinished.flush()
        os.fsync(unfinished.fileno())
    give_to_owner_of(data_dir, Path(temporary))
    Path(temporary).replace(file)
    log.info("the built-in issuer signs with another key from now on")
    return str(fresh.kid)


def _keys(data_dir: Path) -> tuple[ECKey, ...]:
    """The keys of this data directory, made on first use; all processes that use it have the same."""
    file = data_dir / KEY_FILE
    if not file.exists():
        make_data_directory(data_dir)
        made = json.dumps(_fresh_key().as_dict(private=True))
        if create_private(file, made) == made:
            log.info("made the built-in issuer's signing key in %s", file)
    return _keys_of(file.read_text(encoding="utf-8"))


def _fresh_key() -> ECKey:
    return ECKey.generate_key("P-256", {"use": "sig", "alg": ALGORITHM}, private=True, auto_kid=True)


@lru_cache(maxsize=8)
def _keys_of(text: str) -> tuple[ECKey, ...]:
    content: dict[str, Any] = json.loads(text)
    return tuple(ECKey.import_key(key) for key in content.get("keys", [content]))
