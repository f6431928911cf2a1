"""Every setting there is, each an environment variable. The table in docs/configuration.md is made from this file."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from billing.endpoint_policy import EndpointPolicy
from fhir_server.trusted_issuer import TrustedIssuer
from subscriptions.settings import DispatcherSettings

PREFIX = "BILLING_"
CHECKOUT = Path(__file__).resolve().parent.parent
MOST_WORKERS_UNASKED = 4
NOT_SETTINGS = ("BILLING_TEST_", "BILLING_CI", "BILLING_ADMIN_", "BILLING_PASSWORD_")  # of tests and setup-database


def usable_cores() -> int:
    """How many processes this one may keep busy."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix=PREFIX, populate_by_name=True, extra="forbid", frozen=True)

    # Where it listens
    host: str = Field("127.0.0.1", description="The address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="The port to listen on; 0 takes a free one.")
    workers: int = Field(0, ge=0, description="Worker processes; 0 means one per CPU core, at most 4.")
    tls_cert: str = Field("", description="A PEM file with the certificate (chain) to serve https with; empty: http.")
    tls_key: str = Field("", description="The PEM file with the certificate's private key.")
    public_base_url: str = Field(
        "",
        description="The FHIR base URL as clients see it, such as `https://billing.example.org/fhir`; it is in links, "
        "`Location` and the CapabilityStatement. Empty: `http://HOST:PORT/fhir`.",
    )
    graceful_stop_seconds: PositiveInt = Field(
        20, description="How long requests that are being answered may take to end when the server is stopped."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="What is logged to stderr: this and everything graver."
    )
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="How it is logged: `json` lines, `text` for people, `auto`: text on a terminal."
    )

    # The database
    data_dir: Path = Field(
        CHECKOUT / "var",
        description="Where the embedded PostgreSQL and the built-in issuer's key are kept; `var` in the checkout.",
    )
    database_url: str = Field(
        "",
        validation_alias="DATABASE_URL",
        description="A PostgreSQL (15 or later) of one's own, as the role `billing_app`; empty: the embedded one. "
        "`./run setup-database` makes the roles and prints the four URLs.",
    )
    migrate_database_url: str = Field(
        "",
        description="The same database as the role `billing_migrate`. Where `DATABASE_URL` is set and this is not, "
        "`serve` does not migrate; run `./run migrate` with it then.",
    )
    worker_database_url: str = Field(
        "", description="The same database as the role `billing_worker`. Needed where `DATABASE_URL` is set."
    )
    audit_database_url: str = Field("", description="The same database as the role `billing_audit`, for `./run check`.")
    pool_min_size: PositiveInt = Field(2, description="Database connections that each worker keeps open.")
    pool_max_size: PositiveInt = Field(10, description="Database connections that each worker opens at most.")
    pool_timeout_seconds: PositiveInt = Field(
        10, description="How long a request waits for a database connection before it is answered with 503."
    )
    statement_timeout_seconds: PositiveInt = Field(
        30, description="How long one database statement of a request may take."
    )

    # Sealing the journal
    seal_interval_seconds: int = Field(
        60,
        ge=0,
        description="How often the server seals what was recorded meanwhile; 0: never, as `./run seal` does it.",
    )
    seal_directory: Path | None = Field(
        None,
        description="Where the keys that sign sealed blocks are kept, and which block was the last: best on no disk "
        "that the database is on. Empty: the data directory.",
    )

    # Payment plans
    plan_interval_seconds: NonNegativeInt = Field(
        3600,
        description="How often the server looks for payment plans in default; 0: never, as "
        "`./run payment-plans default` does it.",
    )

    # Codes of charges
    terminology_url: str = Field(
        "",
        pattern=r"^(https?://\S+)?$",
        description="The FHIR base URL of a terminology server, which tenants with `code_validation=server` have their "
        "codes validated by; see [terminology.md](terminology.md). Empty: none.",
    )
    terminology_timeout_seconds: PositiveFloat = Field(
        3, description="How long the terminology server may take for all codes of a request."
    )
    terminology_cache_seconds: NonNegativeInt = Field(
        3600, description="How long what it said of a code is kept, in each worker."
    )

    # Limits on what is sent
    max_body_bytes: PositiveInt = Field(5 * 1024 * 1024, description="The largest request body, in bytes.")
    max_bundle_entries: PositiveInt = Field(500, description="The most entries of a batch or transaction Bundle.")
    default_page_size: PositiveInt = Field(50, description="Matches on a search page when `_count` is not given.")
    max_page_size: PositiveInt = Field(1000, description="The most matches on a search page, whatever `_count` says.")
    unknown_search_parameters: Literal["refuse", "ignore"] = Field(
        "refuse",
        description="What becomes of search parameters that the server does not know, where a request does not say it "
        "by `Prefer: handling`. To ignore them finds more than was asked for.",
    )
    conditional_delete: Literal["single", "multiple"] = Field(
        "single",
        description="What a delete by criteria does where several resources match: `single` refuses it, `multiple` "
        "deletes them all, at most 100.",
    )
    client_requests_per_second: NonNegativeInt = Field(
        500,
        description="The most requests a second of one client of a tenant, over all workers of a machine; 0: any "
        "number. Twice as many may come at once. `--demo` sets 0.",
    )
    tenant_requests_per_second: NonNegativeInt = Field(
        2000,
        description="The same of all clients of a tenant together; the tenant's setting `requests_per_second` goes "
        "before. `--demo` sets 0.",
    )
    address_failures_per_second: NonNegativeInt = Field(
        10,
        description="The most requests a second of one address (of IPv6: a /64) that have no valid token, or do not "
        "prove a client at `/oauth/token`, over all workers of a machine; 0: any number. Then 429, and at "
        "`/oauth/token` before anything is looked at. `--demo` sets 0.",
    )
    trusted_proxies: str = Field(
        "127.0.0.1,::1",
        description="Addresses and networks of proxies in front, separated by commas: whose `X-Forwarded-For` says the "
        "address that a request is from. Empty: none.",
    )
    max_requests_in_flight: PositiveInt = Field(
        500, description="Requests that a worker answers at once; more are refused with 503 before anything is done."
    )
    request_timeout_seconds: PositiveInt = Field(
        120, description="How long a request may take in all, its body's arrival included, before it is ended with 503."
    )
    cursor_key: str = Field(
        "",
        pattern="^(.{32,})?$",
        description="The secret that signs the links between search pages, at least 32 characters. Needed where "
        "several machines serve one database; empty: made once and kept in the data directory.",
    )

    # Subscriptions
    subscription_allow: str = Field(
        "",
        description="Hosts, addresses and networks inside that subscriptions may be sent to, over plain HTTP too, "
        "separated by commas: `claims.internal, 10.1.0.0/16`. All others must be public, and https. `--demo` adds "
        "loopback.",
    )
    dispatchers: int = Field(
        1,
        ge=0,
        le=16,
        description="Processes of `serve` that send to subscribers; 0 where `python -m subscriptions` does it.",
    )
    subscription_attempts: PositiveInt = Field(
        12, description="After how many failures in a row a subscription goes into `error`."
    )
    subscription_retry_seconds: PositiveFloat = Field(
        1, description="How long after the first failure it is tried again; each further time twice as long."
    )
    subscription_retry_seconds_max: PositiveFloat = Field(300, description="The longest time between two tries.")
    subscription_timeout_seconds: PositiveFloat = Field(
        10, description="How long an endpoint may take, where its subscription does not say."
    )
    subscription_retention_days: PositiveInt = Field(
        30, description="How long events are kept for `$events` after they were taken. What was not stays."
    )
    subscription_endpoint_concurrency: PositiveInt = Field(
        8, description="Notifications of a tenant that one dispatcher has under way to one host at most."
    )
    subscription_tenant_concurrency: PositiveInt = Field(
        32, description="Notifications that one dispatcher has under way for one tenant at most."
    )

    # The payment gateway
    gateway_url: str = Field(
        "",
        pattern=r"^(https://[^\s?#]+|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?(/[^\s?#]*)?)?$",
        description="Where the payment gateway answers, by [gateway.md](gateway.md): https, or http on loopback. "
        "Empty: there is none, and payments by card are recorded with the provider's reference.",
    )
    gateway_secret_file: Path | None = Field(
        None, description="The file with the bearer token that the gateway knows this server by."
    )
    gateway_timeout_seconds: PositiveFloat = Field(
        20, le=60, description="How long the gateway may take; what it has not said by then is asked for later."
    )
    gateway_interval_seconds: PositiveFloat = Field(
        60, description="How often the server asks what became of payments that the gateway has not said the end of."
    )

    # The platform's tenant service
    tenant_service_url: str = Field(
        "",
        pattern=r"^(https://[^\s?#]+|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?(/[^\s?#]*)?)?$",
        description="Where the platform's tenant service answers, by [tenants.md](tenants.md): https, or http on "
        "loopback. Empty: there is none, and tenants are registered here.",
    )
    tenant_service_secret_file: Path | None = Field(
        None, description="The file with the bearer token that the tenant service knows this server by."
    )
    tenant_service_timeout_seconds: PositiveFloat = Field(3, le=30, description="How long it may take.")
    tenant_service_cache_seconds: PositiveInt = Field(
        60,
        description="For how long what it said of a tenant holds, in all servers of a database: a licence that it "
        "withdraws has its effect by then.",
    )
    tenant_service_stale_seconds: NonNegativeInt = Field(
        4 * 3600, description="For how long it holds while the tenant service does not answer; after that 503."
    )

    # Who may come in
    cors_allowed_origins: str = Field(
        "",
        pattern=r"^(\*|https?://[^/\s,]+(\s*,\s*https?://[^/\s,]+)*)?$",
        description="Web pages of these origins may call the server from a browser: origins such as "
        "`https://app.example.org`, separated by commas, or `*`. Empty: none.",
    )
    built_in_issuer: Literal["auto", "on", "off"] = Field(
        "auto",
        description="The built-in token issuer. `auto`: on when listening on loopback; elsewhere the server does not "
        "start until this says `on` or `off`.",
    )
    token_issuer: str = Field(
        "https://billing.ghasi.example/built-in-issuer", description="The `iss` of the built-in issuer's tokens."
    )
    token_audience: str = Field(
        "https://billing.ghasi.example/fhir", description="The `aud` that a token must have to be accepted."
    )
    token_lifetime_seconds: PositiveInt = Field(3600, description="How long a token of `./run token` is valid.")
    client_token_seconds: PositiveInt = Field(
        300, description="How long a token is valid that a client gets of `/oauth/token`."
    )
    trusted_issuers: tuple[TrustedIssuer, ...] = Field(
        (),
        description="Other issuers whose tokens are accepted, as a JSON array; see "
        "[security.md](security.md#tokens-of-your-identity-service).",
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, text: str) -> str:
        # What is not understood would be passed over, and `*` would let anybody say from where a request is.
        for each in filter(None, map(str.strip, text.split(","))):
            ipaddress.ip_network(each, strict=False)
        return text

    @property
    def seal_files(self) -> Path:
        return self.seal_directory or self.data_dir

    @property
    def gateway_settled(self) -> timedelta:
        """After how long a request to the gateway is on its way no more, and may be cancelled there."""
        return timedelta(seconds=2 * self.gateway_timeout_seconds)

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        return tuple(origin.strip() for origin in self.cors_allowed_origins.split(",") if origin.strip())

    @property
    def endpoint_policy(self) -> EndpointPolicy:
        return _endpoint_policy(self.subscription_allow)

    @property
    def dispatcher_settings(self) -> DispatcherSettings:
        return DispatcherSettings(
            database_url=self.worker_database_url,
            base_url=self.base_url,
            endpoints=self.endpoint_policy,
            attempts_max=self.subscription_attempts,
            retry_seconds=self.subscription_retry_seconds,
            retry_seconds_max=self.subscription_retry_seconds_max,
            timeout_seconds=self.subscription_timeout_seconds,
            retention_days=self.subscription_retention_days,
            per_endpoint=self.subscription_endpoint_concurrency,
            per_tenant=self.subscription_tenant_concurrency,
        )

    @property
    def worker_count(self) -> int:
        return self.workers or min(MOST_WORKERS_UNASKED, usable_cores())

    @property
    def is_loopback(self) -> bool:
        return _is_loopback(self.host)

    @property
    def built_in_issuer_is_on(self) -> bool:
        return self.built_in_issuer == "on" or (self.built_in_issuer == "auto" and self.is_loopback)

    @property
    def is_tls(self) -> bool:
        return bool(self.tls_cert)

    @property
    def local_url(self) -> str:
        """The FHIR base URL at the address that is listened on."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.is_tls else 'http'}://{host}:{self.port}/fhir"

    @property
    def base_url(self) -> str:
        """The FHIR base URL as clients see it, without a slash at its end."""
        return self.public_base_url.rstrip("/") or self.local_url

    def changed(self, **values: Any) -> Settings:
        """These settings with some of them replaced (None keeps what is there), validated anew."""
        given = {name: value for name, value in values.items() if value is not None}
        return Settings.model_validate({**self.model_dump(), **given})


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Variables that look like settings and are none: most likely a slip of the pen."""
    known = {variable_of(name) for name in Settings.model_fields}
    return sorted(
        name
        for name in environment
        if name.startswith(PREFIX) and name not in known and not name.startswith(NOT_SETTINGS)
    )


def variable_of(field: str) -> str:
    """The environment variable of a setting."""
    alias = Settings.model_fields[field].validation_alias
    return alias if isinstance(alias, str) else f"{PREFIX}{field}".upper()


def table() -> str:
    """All settings as a Markdown table, for docs/configuration.md."""
    lines = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default in ("", (), CHECKOUT / "var") else f"`{field.default}`"
        lines.append(f"| `{variable_of(name)}` | {default} | {field.description} |")
    return "\n".join(lines)


@lru_cache(maxsize=8)
def _endpoint_policy(text: str) -> EndpointPolicy:
    return EndpointPolicy.of_text(text)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
