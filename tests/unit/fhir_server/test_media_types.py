"""Content-Type, Accept, _format and Prefer."""

from __future__ import annotations

import pytest

from fhir_server.media_types import (
    ReturnPreference,
    accepts_json,
    check_sent,
    check_wanted,
    preferences_of,
)
from ledger.errors import Category, Refusal


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "application/fhir+json",
        "application/json",
        "application/fhir+json; fhirVersion=4.0",
        "text/html, application/xhtml+xml, */*;q=0.8",
        "application/fhir+xml, application/fhir+json;q=0.1",
        "Application/FHIR+JSON",
        "application/*;q=0.5",
    ],
)
def test_json_is_acceptable(accept: str) -> None:
    assert accepts_json(accept)


@pytest.mark.parametrize(
    "accept",
    [
        "application/fhir+xml",
        "text/turtle, application/xml",
        "application/fhir+json;q=0",
        "application/fhir+json;q=0.000, */*",
        "application/fhir+json; fhirVersion=5.0",
        "nonsense",
    ],
)
def test_json_is_not_acceptable(accept: str) -> None:
    assert not accepts_json(accept)


@pytest.mark.parametrize(
    "wanted", ["json", "application/json", "application/fhir+json", "application/fhir json", "text/json", "JSON"]
)
def test_format_names_json_and_overrides_accept(wanted: str) -> None:
    check_wanted("application/fhir+xml", wanted)


@pytest.mark.parametrize("wanted", ["xml", "application/fhir+xml", "ttl", "", "html"])
def test_another_format_is_not_acceptable_whatever_accept_says(wanted: str) -> None:
    with pytest.raises(Refusal) as refused:
        check_wanted("*/*", wanted)
    assert refused.value.category is Category.NOT_ACCEPTABLE


@pytest.mark.parametrize(
    "content_type",
    [
        "application/fhir+json",
        "application/json",
        "application/fhir+json; charset=UTF-8",
        'application/fhir+json;charset="utf-8";fhirVersion=4.0',
    ],
)
def test_json_in_utf_8_is_read(content_type: str) -> None:
    check_sent(content_type, "")


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/fhir+xml",
        "application/json-patch+json",
        "application/x-www-form-urlencoded",
        "application/fhir+json; charset=iso-8859-1",
        "application/fhir+json; fhirVersion=3.0",
        "multipart/form-data; boundary=x",
    ],
)
def test_anything_else_is_no_readable_body(content_type: str) -> None:
    with pytest.raises(Refusal) as refused:
        check_sent(content_type, "")
    assert refused.value.category is Category.MEDIA_TYPE


def test_a_compressed_body_is_not_read() -> None:
    with pytest.raises(Refusal) as refused:
        check_sent("application/fhir+json", "gzip")
    assert refused.value.code == "content-encoding"


def test_a_form_is_read_where_a_form_belongs() -> None:
    check_sent("application/x-www-form-urlencoded", "", form=True)
    with pytest.raises(Refusal):
        check_sent("application/fhir+json", "", form=True)


@pytest.mark.parametrize(
    ("prefer", "returns", "is_lenient"),
    [
        ("", ReturnPreference.REPRESENTATION, None),
        ("return=minimal", ReturnPreference.MINIMAL, None),
        ("return=OperationOutcome", ReturnPreference.OPERATION_OUTCOME, None),
        ("return=representation; handling=lenient", ReturnPreference.REPRESENTATION, True),
        ('handling="strict", return=minimal', ReturnPreference.MINIMAL, False),
        ("respond-async", ReturnPreference.REPRESENTATION, None),
    ],
)
def test_preferences(prefer: str, returns: ReturnPreference, is_lenient: bool | None) -> None:
    assert preferences_of(prefer) == (returns, is_lenient)


@pytest.mark.parametrize("prefer", ["return=everything", "handling=kind"])
def test_a_preference_that_is_none_is_refused(prefer: str) -> None:
    with pytest.raises(Refusal) as refused:
        preferences_of(prefer)
    assert refused.value.category is Category.INVALID
