"""Settings come from the environment, reach child processes whole, and are documented."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from fhir_server.settings import Settings, table, unknown_variables
from tests.checkout import CHECKOUT


def test_the_documentation_holds_every_setting_as_it_is() -> None:
    assert table() in (CHECKOUT / "docs" / "configuration.md").read_text()


def test_a_setting_is_read_from_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BILLING_PORT", "9999")
    monkeypatch.setenv("DATABASE_URL", "postgresql://db/billing")
    settings = Settings()
    assert (settings.port, settings.database_url) == (9999, "postgresql://db/billing")


def test_what_is_given_goes_before_the_environment_and_nothing_given_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BILLING_PORT", "9999")
    assert Settings().changed(port=1, host=None).port == 1
    assert Settings().changed(port=None) == Settings()


def test_a_wrong_value_is_refused() -> None:
    with pytest.raises(ValidationError):
        Settings().changed(port=70_000)


def test_a_child_process_reads_the_same_settings() -> None:
    settings = Settings().changed(data_dir=Path("/a/b"), database_url="host=x password='y z'", workers=3)
    assert Settings.model_validate_json(settings.model_dump_json()) == settings


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_on_loopback_the_built_in_issuer_is_on_by_itself(host: str) -> None:
    assert Settings().changed(host=host).built_in_issuer_is_on


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "billing.example.org"])
def test_off_loopback_the_built_in_issuer_is_on_only_when_told(host: str) -> None:
    assert not Settings().changed(host=host).built_in_issuer_is_on
    assert Settings().changed(host=host, built_in_issuer="on").built_in_issuer_is_on


def test_the_base_url_is_the_public_one_where_it_is_set() -> None:
    assert Settings().changed(host="::1", port=1).base_url == "http://[::1]:1/fhir"
    assert Settings().changed(public_base_url="https://x.example/fhir/").base_url == "https://x.example/fhir"


@pytest.mark.parametrize("origins", ["app.example.org", "https://a.example/path", "*, https://a.example", "ftp://a"])
def test_what_is_no_origin_is_refused(origins: str) -> None:
    with pytest.raises(ValidationError):
        Settings().changed(cors_allowed_origins=origins)


@pytest.mark.parametrize("proxies", ["*", "proxy.example.org", "10.0.0.0/33", "10.0.0.1;10.0.0.2"])
def test_what_is_no_address_of_a_proxy_is_refused(proxies: str) -> None:
    with pytest.raises(ValidationError):
        Settings().changed(trusted_proxies=proxies)
    assert Settings().changed(trusted_proxies="10.0.0.0/8, ::1").trusted_proxies


@pytest.mark.parametrize(
    "url", ["http://tenants.example.org", "ftp://x", "https://x?y=1", "tenants", "http://127.0.0.1@evil.example"]
)
def test_a_tenant_service_is_asked_by_https_or_on_this_machine(url: str) -> None:
    with pytest.raises(ValidationError):
        Settings().changed(tenant_service_url=url)
    for fine in ("https://tenants.example.org/v1", "http://127.0.0.1:9000/v1", "http://localhost"):
        assert Settings().changed(tenant_service_url=fine).tenant_service_url == fine


def test_a_misspelt_variable_is_noticed() -> None:
    environment = {"BILLING_PROT": "1", "BILLING_PORT": "1", "BILLING_CI": "1", "PATH": "", "BILLING_PASSWORD_APP": "x"}
    assert unknown_variables(environment) == ["BILLING_PROT"]
