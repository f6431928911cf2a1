"""Bearer tokens: who asks, for which tenant, with which scopes.

Tokens are JWT access tokens (RFC 9068), in the Authorization header (RFC 6750) and nowhere else. Their issuer is one of
those that are trusted, and its keys and algorithms are what counts: nothing that a token says of keys (`jwk`, `jku`,
`x5u`) is looked at. A verified token is remembered for a few minutes, never longer than it is valid: its signature
costs more than all else of a read.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from fhir_server.authorization import built_in_issuer
from fhir_server.authorization.issuer_keys import FetchedKeys, FileKeys, GivenKeys, IssuerKeys
from fhir_server.authorization.smart_scopes import Scopes, scopes_of
from fhir_server.settings import Settings
from fhir_server.trusted_issuer import TrustedIssuer, claim_of
from ledger.errors import Category, Refusal, refuse
from ledger.tenant import OPERATORS

SKEW_SECONDS = 30
REMEMBERED_MAX = 10_000
REMEMBERED_SECONDS = 300
TOKEN_BYTES_MAX = 8192
NAME_MAX = 256
_is_id = re.compile(r"[A-Za-z0-9\-.]{1,64}").fullmatch


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What a verified token says. `client` holds the token, `subject` is who acts with it.

    `patient` is the id of the one patient that patient/ scopes are about.
    """

    tenant_id: str
    subject: str
    client: str
    scopes: Scopes
    expires_at: int
    patient: str = ""


@dataclass(frozen=True, slots=True)
class Issuer:
    """An issuer that is trusted, and its keys."""

    trusted: TrustedIssuer
    keys: IssuerKeys


@dataclass(frozen=True, slots=True)
class _Remembered:
    token: AccessToken
    until: float


class TokenVerifier:
    """Verifies the tokens of trusted issuers; without any it refuses all."""

    def __init__(self, issuers: Sequence[Issuer], *, clock: Callable[[], float] = time.time) -> None:
        self._issuers = {each.trusted.issuer: each for each in issuers}
        self._clock = clock
        self._remembered: dict[bytes, _Remembered] = {}

    async def verify_header(self, authorization: str) -> AccessToken:
        """The token of an Authorization header; refused where there is none or where it is not valid."""
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise refuse(
                Category.UNAUTHENTICATED, "token-missing", "Send an access token: Authorization: Bearer <token>."
            )
        return await self.verify(token)

    async def verify(self, token: str) -> AccessToken:
        digest = hashlib.sha256(token.encode()).digest()
        known = self._remembered.get(digest)
        if known is not None:
            if known.until > self._clock():
                return known.token
            del self._remembered[digest]
        verified = await self._verify_anew(token)
        if len(self._remembered) >= REMEMBERED_MAX:
            self._forget_some()
        now = self._clock()
        # Not for as long as it is valid: keys are withdrawn, too.
        until = min(verified.expires_at + SKEW_SECONDS, now + REMEMBERED_SECONDS)
        self._remembered[digest] = _Remembered(verified, until)
        return verified

    def _forget_some(self) -> None:
        """Drop what has expired; where that is not enough, what was remembered first."""
        now = self._clock()
        kept = {digest: each for digest, each in self._remembered.items() if each.until > now}
        surplus = len(kept) - REMEMBERED_MAX * 9 // 10
        self._remembered = dict(list(kept.items())[max(0, surplus) :])

    async def _verify_anew(self, token: str) -> AccessToken:
        if not self._issuers:
            raise _invalid("This server accepts no tokens: its built-in issuer is off and no other is configured.")
        if len(token) > TOKEN_BYTES_MAX:
            raise _invalid("The token is too long.")
        header, claims = unverified(token)
        named = claims.get("iss")
        issuer = self._issuers.get(named) if isinstance(named, str) else None
        if issuer is None:
            raise _invalid("The token is not of an issuer that this server trusts.")
        key_id = header.get("kid")
        keys = await issuer.keys.get(key_id if isinstance(key_id, str) else None)
        try:
            decoded = jwt.decode(token, keys, algorithms=list(issuer.trusted.algorithms))
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            raise _invalid("The token's signature cannot be verified with the keys of its issuer.") from None
        if str(decoded.header.get("typ", "")).lower().removeprefix("application/") not in issuer.trusted.token_types:
            raise _invalid("The token is no access token.")
        return self._access_token(decoded.claims, issuer.trusted)

    def _access_token(self, claims: dict[str, Any], issuer: TrustedIssuer) -> AccessToken:
        now = self._clock()
        expires_at, not_before, issued_at = (_moment(claims, name) for name in ("exp", "nbf", "iat"))
        audience = claims.get("aud")
        if issuer.audience not in (audience if isinstance(audience, list) else [audience]):
            raise _invalid("The token is for another audience.")
        if expires_at is None or expires_at + SKEW_SECONDS <= now:
            raise _invalid("The token has expired; get a new one.")
        if max(not_before or 0, issued_at or 0) - SKEW_SECONDS > now:
            raise _invalid("The token is not valid yet.")
        tenant_id, subject = claim_of(claims, issuer.tenant_claim), claim_of(claims, issuer.subject_claim)
        if not _is_name(tenant_id) or not _is_name(subject):
            raise _invalid("The token names no tenant or no subject.")
        if tenant_id == OPERATORS:
            if not issuer.operators:
                raise _invalid("The token's issuer cannot speak for operators.")
        elif issuer.tenants and tenant_id not in issuer.tenants:
            raise _invalid("The token's issuer cannot speak for this tenant.")
        client, patient = claim_of(claims, issuer.client_claim), claim_of(claims, issuer.patient_claim)
        scopes = scopes_of(_scope_text(claim_of(claims, issuer.scope_claim)))
        patient = patient.removeprefix("Patient/") if _is_name(patient) else ""
        if scopes.bound_to_patient and not _is_id(patient):
            message = "The token has patient/ scopes and does not name the patient that they are about."
            raise refuse(Category.NOT_ALLOWED, "patient-missing", message)
        return AccessToken(
            tenant_id,
            subject,
            client if _is_name(client) else subject,
            scopes,
            expires_at,
            patient,
        )


def verifier_of(settings: Settings) -> TokenVerifier:
    """The verifier for all issuers that the settings trust, the built-in one among them where it is on."""
    issuers = [_issuer(each, settings) for each in settings.trusted_issuers]
    if settings.built_in_issuer_is_on:
        built_in = TrustedIssuer(
            issuer=settings.token_issuer,
            audience=settings.token_audience,
            jwks={"keys": []},
            algorithms=(built_in_issuer.ALGORITHM,),
            token_types=("at+jwt",),
            operators=True,
        )
        issuers.append(Issuer(built_in, FileKeys(lambda: built_in_issuer.public_keys(settings.data_dir))))
    return TokenVerifier(issuers)


def _issuer(trusted: TrustedIssuer, settings: Settings) -> Issuer:
    if not trusted.audience:
        trusted = trusted.model_copy(update={"audience": settings.token_audience})
    if trusted.jwks is None:
        return Issuer(trusted, FetchedKeys(trusted.jwks_url))
    return Issuer(trusted, GivenKeys(KeySet.import_key_set(trusted.jwks)))  # type: ignore[arg-type]  # checked by it


def unverified(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims as they are said, to find whose keys to verify them with and for nothing else."""
    parts = token.split(".")
    if len(parts) != 3:
        raise _invalid("The token is no signed JWT.")
    try:
        header, claims = (json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in parts[:2])
    except (binascii.Error, ValueError, RecursionError):
        raise _invalid("The token is no signed JWT.") from None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise _invalid("The token is no signed JWT.")
    return header, claims


def _scope_text(scope: Any) -> str:
    """Scopes as one text; some issuers have a list."""
    if isinstance(scope, list):
        return " ".join(item for item in scope if isinstance(item, str))
    return scope if isinstance(scope, str) else ""


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= NAME_MAX and value.isprintable()


def _moment(claims: dict[str, Any], name: str) -> int | None:
    value = claims.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise _invalid(f"The token's {name} is no time.")
    try:
        return None if value is None else int(value)
    except (OverflowError, ValueError):
        raise _invalid(f"The token's {name} is no time.") from None


def _invalid(message: str) -> Refusal:
    return refuse(Category.UNAUTHENTICATED, "token-invalid", message)
