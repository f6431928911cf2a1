"""What an operator says of an issuer whose tokens are accepted: where its keys are, and which claims mean what."""

from __future__ import annotations

import ipaddress
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384"]
"""All that is ever accepted: signatures with a private key that is not here. No `none`, nothing shared."""


class TrustedIssuer(BaseModel):
    """One issuer. Its keys come from `jwks_url`, or stand in `jwks`. A claim inside of another one is named with dots.

    `tenants`: it can speak for these only; none named: for all. `operators`: it can
    also speak for operators, whose tenant is `_operators`. `token_types` are what the header `typ` may say, in
    lower case, for a token without any: an empty text.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: str = Field(min_length=1)
    audience: str = ""
    jwks_url: str = ""
    jwks: dict[str, Any] | None = None
    algorithms: tuple[Algorithm, ...] = ("RS256", "RS384", "PS256", "PS384", "ES256", "ES384")
    tenant_claim: str = "tenant"
    subject_claim: str = "sub"
    client_claim: str = "client_id"
    scope_claim: str = "scope"
    patient_claim: str = "patient"
    tenants: tuple[str, ...] = ()
    operators: bool = False
    token_types: tuple[str, ...] = ("at+jwt", "jwt", "")

    @model_validator(mode="after")
    def _has_keys(self) -> Self:
        if bool(self.jwks_url) == (self.jwks is not None):
            raise ValueError(f"issuer {self.issuer}: give either jwks_url or jwks")
        if self.jwks_url:
            check_jwks_url(self.jwks_url)
        if not self.algorithms:
            raise ValueError(f"issuer {self.issuer}: name at least one algorithm")
        return self


def check_jwks_url(url: str) -> str:
    """Keys are fetched over TLS, or from this very machine."""
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return url
    if parts.scheme == "http" and parts.hostname and _is_loopback(parts.hostname):
        return url
    raise ValueError("the URL of keys begins with https:// (http:// is for loopback only)")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def claim_of(claims: dict[str, Any], name: str) -> Any:
    """A claim by its name, or by a path of names with dots between them; None where it is not there."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for step in name.split("."):
        if not isinstance(found, dict) or step not in found:
            return None
        found = found[step]
    return found
