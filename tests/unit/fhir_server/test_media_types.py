"""Content-Type, Accept, _format and Prefer."""

from __future__ import annotations

import pytest

from fhir_server.media_types import (
    Format,
    ReturnPreference,
    check_form,
    format_sent,
    format_wanted,
    not_acceptable,
    preferences_of,
    takes_gzip,
)
from ledger.errors import Category, Refusal

JSON, XML = Format.JSON, Format.XML


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/fhir+json", JSON),
        ("application/json", JSON),
        ("application/fhir+json; fhirVersion=4.0", JSON),
        ("application/fhir+json;fhirVersion=4.0.1;charset=utf-8", JSON),
        ("text/html, application/xhtml+xml, */*;q=0.8", JSON),
        ("Application/FHIR+JSON", JSON),
        ("application/*;q=0.5", JSON),
        ("application/fhir+xml, application/fhir+json", JSON),
        ("application/fhir+xml", XML),
        ("application/xml", XML),
        ("text/turtle, text/xml", XML),
        ("application/fhir+xml; fhirVersion=4.0", XML),
        ("application/fhir+xml, application/fhir+json;q=0.1", XML),
        ("application/fhir+json;q=0.8, application/fhir+xml;q=0.801", XML),
        ("application/fhir+json;q=0.000, */*", XML),
        ("application/fhir+json; fhirVersion=5.0, application/fhir+xml", XML),
        ("application/fhir+xml;q=nonsense", XML),
        ("application/fhir+json;q=0", None),
        ("application/fhir+json; fhirVersion=5.0", None),
        ("application/fhir+xml; fhirVersion=3.0", None),
        ("application/fhir+json; charset=utf-16", None),
        ("text/turtle", None),
        ("nonsense", None),
    ],
)
def test_accept_says_which_form_is_wanted_most(accept: str, wanted: Format | None) -> None:
    assert format_wanted(accept, None) is wanted


@pytest.mark.parametrize(
    ("named", "wanted"),
    [
        ("json", JSON),
        ("JSON", JSON),
        ("application/json", JSON),
        ("application/fhir+json", JSON),
        ("application/fhir json", JSON),
        ("text/json", JSON),
        ("xml", XML),
        ("text/xml", XML),
        ("application/xml", XML),
        ("application/fhir+xml", XML),
        ("application/fhir xml", XML),
        ("application/fhir+xml; fhirVersion=4.0", XML),
        ("application/fhir+xml; fhirVersion=5.0", None),
        ("ttl", None),
        ("html", None),
        ("", None),
    ],
)
def test_format_overrides_accept(named: str, wanted: Format | None) -> None:
    for accept in ("", "application/fhir+xml", "application/fhir+json", "text/turtle"):
        assert format_wanted(accept, named) is wanted


def test_what_is_not_acceptable_says_what_was_asked_for() -> None:
    assert "'_format=ttl'" in str(not_acceptable("application/fhir+xml", "ttl"))
    assert "'Accept: text/turtle'" in str(not_acceptable("text/turtle", None))
    assert not_acceptable("", "ttl").category is Category.NOT_ACCEPTABLE


@pytest.mark.parametrize(
    ("content_type", "sent"),
    [
        ("application/fhir+json", JSON),
        ("application/json", JSON),
        ("application/fhir+json; charset=UTF-8", JSON),
        ('application/fhir+json;charset="utf-8";fhirVersion=4.0', JSON),
        ("application/fhir+xml", XML),
        ("application/xml; charset=utf-8", XML),
        ("text/xml", XML),
    ],
)
def test_json_and_xml_in_utf_8_are_read(content_type: str, sent: Format) -> None:
    assert format_sent(content_type) is sent


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/json-patch+json",
        "application/x-www-form-urlencoded",
        "application/fhir+json; charset=iso-8859-1",
        "application/fhir+xml; charset=utf-16",
        "application/fhir+json; fhirVersion=3.0",
        "application/fhir+xml; fhirVersion=5.0",
        "multipart/form-data; boundary=x",
    ],
)
def test_anything_else_is_no_readable_body(content_type: str) -> None:
    with pytest.raises(Refusal) as refused:
        format_sent(content_type)
    assert refused.value.category is Category.MEDIA_TYPE


def test_a_form_is_read_where_a_form_belongs() -> None:
    check_form("application/x-www-form-urlencoded")
    with pytest.raises(Refusal):
        check_form("application/fhir+json")


@pytest.mark.parametrize(
    ("accept_encoding", "is_taken"),
    [
        ("gzip", True),
        ("br, gzip;q=0.5", True),
        ("x-gzip", True),
        ("*", True),
        ("deflate, br", False),
        ("gzip;q=0, *", False),
        ("*;q=0", False),
        ("", False),
    ],
)
def test_gzip_is_taken_as_accept_encoding_says(accept_encoding: str, is_taken: bool) -> None:
    assert takes_gzip(accept_encoding) is is_taken


@pytest.mark.parametrize(
    ("prefer", "returns", "is_lenient"),
    [
        ("", ReturnPreference.REPRESENTATION, None),
        ("return=minimal", ReturnPreference.MINIMAL, None),
        ("return=OperationOutcome", ReturnPreference.OPERATION_OUTCOME, None),
        ("return=representation; handling=lenient", ReturnPreference.REPRESENTATION, True),
        ('handling="strict", return=minimal', ReturnPreference.MINIMAL, False),
        ("respond-async", ReturnPreference.REPRESENTATION, None),
        # What is not recognized must be ignored: https://www.rfc-editor.org/rfc/rfc7240#section-2
        ("return=everything", ReturnPreference.REPRESENTATION, None),
        ("handling=kind, return=minimal", ReturnPreference.MINIMAL, None),
    ],
)
def test_preferences(prefer: str, returns: ReturnPreference, is_lenient: bool | None) -> None:
    assert preferences_of(prefer) == (returns, is_lenient)
