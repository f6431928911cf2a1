"""Bearer tokens: who asks, for which tenant, with which scopes.

Tokens are JWT access tokens (RFC 9068), in the Authorization header (RFC 6750) and nowhere else. A verified token is
remembered until it expires: its signature costs more than all else of a read.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from fhir_server.authorization import built_in_issuer
from fhir_server.authorization.smart_scopes import Scopes, scopes_of
from fhir_server.settings import Settings
from ledger.errors import Category, Refusal, refuse

SKEW_SECONDS = 30
REMEMBERED_MAX = 10_000
TOKEN_BYTES_MAX = 8192


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What a verified token says. `client` holds the token, `subject` is who acts with it."""

    tenant_id: str
    subject: str
    client: str
    scopes: Scopes
    expires_at: int


class TokenVerifier:
    """Verifies the tokens of one issuer; without keys it refuses all."""

    def __init__(
        self, keys: KeySet | None, *, issuer: str, audience: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._remembered: dict[bytes, AccessToken] = {}

    def verify_header(self, authorization: str) -> AccessToken:
        """The token of an Authorization header; refused where there is none or where it is not valid."""
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise refuse(
                Category.UNAUTHENTICATED, "token-missing", "Send an access token: Authorization: Bearer <token>."
            )
        return self.verify(token)

    def verify(self, token: str) -> AccessToken:
        digest = hashlib.sha256(token.encode()).digest()
        known = self._remembered.get(digest)
        if known is not None:
            if known.expires_at + SKEW_SECONDS > self._clock():
                return known
            del self._remembered[digest]
        verified = self._verify_anew(token)
        if len(self._remembered) >= REMEMBERED_MAX:
            self._forget_some()
        self._remembered[digest] = verified
        return verified

    def _forget_some(self) -> None:
        """Drop what has expired; where that is not enough, what was remembered first."""
        now = self._clock()
        kept = {digest: token for digest, token in self._remembered.items() if token.expires_at > now}
        surplus = len(kept) - REMEMBERED_MAX * 9 // 10
        self._remembered = dict(list(kept.items())[max(0, surplus) :])

    def _verify_anew(self, token: str) -> AccessToken:
        if self._keys is None:
            raise _invalid("This server accepts no tokens: its built-in issuer is off and no other is configured.")
        if len(token) > TOKEN_BYTES_MAX:
            raise _invalid("The token is too long.")
        try:
            decoded = jwt.decode(token, self._keys, algorithms=[built_in_issuer.ALGORITHM])
        except (JoseError, ValueError, TypeError, KeyError):
            raise _invalid("The token is not one of this server's issuer: its signature cannot be verified.") from None
        if str(decoded.header.get("typ", "")).lower().removeprefix("application/") != "at+jwt":
            raise _invalid("The token is no access token.")
        return self._access_token(decoded.claims)

    def _access_token(self, claims: dict[str, Any]) -> AccessToken:
        now = self._clock()
        expires_at, not_before, issued_at = (_moment(claims, name) for name in ("exp", "nbf", "iat"))
        audience = claims.get("aud")
        if claims.get("iss") != self._issuer:
            raise _invalid("The token is of another issuer.")
        if self._audience not in (audience if isinstance(audience, list) else [audience]):
            raise _invalid("The token is for another audience.")
        if expires_at is None or expires_at + SKEW_SECONDS <= now:
            raise _invalid("The token has expired; get a new one.")
        if max(not_before or 0, issued_at or 0) - SKEW_SECONDS > now:
            raise _invalid("The token is not valid yet.")
        tenant_id, subject = claims.get("tenant"), claims.get("sub")
        if not isinstance(tenant_id, str) or not isinstance(subject, str) or not tenant_id or not subject:
            raise _invalid("The token names no tenant or no subject.")
        client, scope = claims.get("client_id", subject), claims.get("scope", "")
        scopes = scopes_of(scope if isinstance(scope, str) else "")
        if scopes.bound_to_patient:
            raise refuse(
                Category.NOT_ALLOWED,
                "patient-scope-not-supported",
                "Tokens with patient/ scopes are not accepted; use one with system/ or user/ scopes.",
            )
        return AccessToken(tenant_id, subject, str(client), scopes, expires_at)


def built_in_verifier(settings: Settings) -> TokenVerifier:
    """The verifier of the built-in issuer's tokens, which refuses all where that issuer is off."""
    keys = built_in_issuer.public_keys(settings.data_dir) if settings.built_in_issuer_is_on else None
    return TokenVerifier(keys, issuer=settings.token_issuer, audience=settings.token_audience)


def _moment(claims: dict[str, Any], name: str) -> int | None:
    value = claims.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise _invalid(f"The token's {name} is no time.")
    return None if value is None else int(value)


def _invalid(message: str) -> Refusal:
    return refuse(Category.UNAUTHENTICATED, "token-invalid", message)
