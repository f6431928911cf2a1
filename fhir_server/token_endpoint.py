"""`POST /oauth/token`: tokens for programs, by SMART Backend Services.

A registered client proves who it is by an assertion that it signs (RFC 7523), with a key whose public half it has
registered; there is no shared secret. An assertion is used once, lives five minutes at most, and is for this endpoint.
https://hl7.org/fhir/smart-app-launch/STU2.2/backend-services.html
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from billing.oauth_clients import tenant_of_client
from fhir_server.access_log import Visit, log_write
from fhir_server.authorization.built_in_issuer import TokenRequest, mint
from fhir_server.authorization.issuer_keys import FetchedKeys
from fhir_server.authorization.smart_scopes import granted, scopes_of
from fhir_server.authorization.token import SKEW_SECONDS, AccessToken, unverified
from fhir_server.faults import log_fault
from fhir_server.fhir_request import query_of
from fhir_server.outcomes import headers_of, status_of
from fhir_server.request_body import bytes_sent
from fhir_server.responses import Answer
from fhir_server.service import Service
from ledger.errors import Category, Refusal, refuse
from storage.oauth_clients import OAuthClient, read, use_assertion
from storage.transaction import Transaction

PATH = "/oauth/token"
ALGORITHMS = ("RS384", "ES384")
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS_MAX = 300
FORM_BYTES_MAX = 64 * 1024
KEY_SOURCES_MAX = 1000


class _RefusedError(Exception):
    """An error of OAuth (RFC 6749, 5.2)."""

    def __init__(self, code: str, description: str, status: int = 400) -> None:
        super().__init__(code)
        self.code, self.description, self.status = code, description, status


class TokenEndpoint:
    def __init__(self, service: Service, *, clock: Callable[[], float] = time.time) -> None:
        self._service = service
        self._clock = clock
        self._fetched: dict[str, FetchedKeys] = {}
        self.url = token_url(service.base_url)

    async def answer(self, request: Request) -> Response:
        request.scope["billing.route"] = f"POST {PATH}"
        visit = Visit("token", f"POST {PATH}")
        limits, peer = self._service.rate_limits, request.scope.get("client")
        try:
            # Whoever guesses learns nothing any more, not even that a guess was right.
            limits.check_failures(peer)
            try:
                return _answer(200, await self._token(request, visit))
            except _RefusedError as error:
                if error.status == 401:
                    limits.count_failure(peer)
                raise
        except _RefusedError as error:
            category = Category.UNAUTHENTICATED if error.status == 401 else Category.INVALID
            await self._service.access_log.refused(visit, refuse(category, error.code, error.description))
            return _answer(error.status, {"error": error.code, "error_description": error.description})
        except Refusal as refusal:
            await self._service.access_log.refused(visit, refusal)
            return _refused(refusal)
        except Exception as error:  # whatever it is, the client gets an error of OAuth
            log_fault(error)
            return _answer(500, {"error": "server_error"})

    async def _token(self, request: Request, visit: Visit) -> dict[str, Any]:
        body = await bytes_sent(dict(request.scope["headers"]), request.receive, FORM_BYTES_MAX)
        form = _form(body)
        if form.get("grant_type") != "client_credentials":
            raise _RefusedError("unsupported_grant_type", "The grant type is client_credentials.")
        if form.get("client_assertion_type") != ASSERTION_TYPE or not form.get("client_assertion"):
            raise _RefusedError("invalid_client", f"Send a client_assertion of the type {ASSERTION_TYPE}.", 401)
        client, claims = await self._client(form["client_assertion"])
        tenant_id = tenant_of_client(client.client_id)
        visit.token = AccessToken(tenant_id, client.client_id, client.client_id, scopes_of(""), 0)
        await self._check_tenant(tenant_id)
        scope = granted(form.get("scope", ""), client.scope)
        if not scope:
            raise _RefusedError("invalid_scope", "None of the scopes that are asked for is registered for this client.")
        await self._use(visit, client, claims)
        settings = self._service.settings
        minted = TokenRequest(
            tenant=tenant_id,
            scope=scope,
            subject=client.client_id,
            issuer=settings.token_issuer,
            audience=settings.token_audience,
            lifetime_seconds=settings.client_token_seconds,
        )
        token = mint(settings.data_dir, minted, datetime.fromtimestamp(self._clock(), UTC))
        return {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": settings.client_token_seconds,
            "scope": scope,
        }

    async def _client(self, assertion: str) -> tuple[OAuthClient, dict[str, Any]]:
        """The client that an assertion proves, and what it says. Which part of it is wrong is not told to strangers."""
        try:
            header, said = unverified(assertion)
        except Refusal:
            raise _unproven() from None
        client_id, key_id = said.get("iss"), header.get("kid")
        tenant_id = tenant_of_client(client_id) if isinstance(client_id, str) else ""
        client = await read(self._service.database, tenant_id, str(client_id)) if tenant_id else None
        if client is None:
            raise _unproven()
        keys = await self._keys(client, key_id if isinstance(key_id, str) else None)
        try:
            claims = jwt.decode(assertion, keys, algorithms=list(ALGORITHMS)).claims
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            raise _unproven() from None
        self._check_claims(claims, client.client_id)
        return client, claims

    async def _keys(self, client: OAuthClient, key_id: str | None) -> KeySet:
        if client.jwks_url is None:
            return KeySet.import_key_set(json.loads(client.jwks or "{}"))
        if len(self._fetched) > KEY_SOURCES_MAX:
            self._fetched.clear()
        return await self._fetched.setdefault(client.jwks_url, FetchedKeys(client.jwks_url)).get(key_id)

    def _check_claims(self, claims: dict[str, Any], client_id: str) -> None:
        now, audience, expires_at, jti = self._clock(), claims.get("aud"), claims.get("exp"), claims.get("jti")
        if claims.get("sub") != client_id or self.url not in (audience if isinstance(audience, list) else [audience]):
            raise _unproven(f"iss and sub are the client id, and aud is {self.url}.")
        if isinstance(expires_at, bool) or not isinstance(expires_at, int | float):
            raise _unproven("exp is required.")
        if not now - SKEW_SECONDS < expires_at <= now + ASSERTION_SECONDS_MAX + SKEW_SECONDS:
            raise _unproven("exp is within the next five minutes.")
        not_before = claims.get("nbf", 0)
        if not isinstance(not_before, int | float) or not_before > now + SKEW_SECONDS:
            raise _unproven("nbf is a time that has come.")
        if not isinstance(jti, str) or not 1 <= len(jti) <= 255 or not jti.isprintable():
            raise _unproven("jti is a text that no other assertion of the client has.")

    async def _check_tenant(self, tenant_id: str) -> None:
        tenant = await self._service.tenants.get(tenant_id)
        if tenant is None or not tenant.active:
            raise _RefusedError("unauthorized_client", "The billing module is not active for the client's tenant.")

    async def _use(self, visit: Visit, client: OAuthClient, claims: dict[str, Any]) -> None:
        """Note that the assertion is used, and log that a token was given, before it is."""
        # Kept for as long as it would be accepted.
        expires_at = datetime.fromtimestamp(claims["exp"] + SKEW_SECONDS, UTC)
        now = datetime.fromtimestamp(self._clock(), UTC)

        async def work(tx: Transaction) -> None:
            if not await use_assertion(tx, client.client_id, claims["jti"], expires_at, now):
                raise _unproven("the assertion was used already; sign a new one for each token.")
            log_write(tx, visit, Answer(200))

        await self._service.database.run(tenant_of_client(client.client_id), client.client_id, work)


def token_url(base_url: str) -> str:
    """Where the endpoint is, seen from outside: beside the FHIR base."""
    return base_url.removesuffix("/fhir") + PATH


def _form(body: bytes) -> dict[str, str]:
    pairs = query_of(body)
    if len({name for name, _ in pairs}) < len(pairs):
        raise _RefusedError("invalid_request", "A parameter is there more than once.")
    return dict(pairs)


def _unproven(why: str = "") -> _RefusedError:
    return _RefusedError("invalid_client", f"The assertion does not prove a registered client. {why}".strip(), 401)


def _refused(refusal: Refusal) -> Response:
    """What is no error of OAuth: too often, not now, or no form."""
    is_later = refusal.category in {Category.THROTTLED, Category.UNAVAILABLE}
    answer = _answer(
        status_of(refusal) if is_later else 400,
        {
            "error": "temporarily_unavailable" if is_later else "invalid_request",
            "error_description": refusal.problems[0].message,
        },
    )
    if is_later:
        answer.raw_headers.extend(headers_of(refusal))
    return answer


def _answer(status: int, content: dict[str, Any]) -> Response:
    return JSONResponse(content, status, headers={"cache-control": "no-store", "pragma": "no-cache"})
