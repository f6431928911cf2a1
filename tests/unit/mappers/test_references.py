"""What a column owns of a reference, and what the residue keeps around it."""

from __future__ import annotations

import pytest

from mappers.references import put_local_id, put_segment, take_local_id, take_segment

BASE = "https://billing.example/fhir/"
LONGEST_ID = "x" * 64


@pytest.mark.parametrize(
    ("written", "owned", "frame"),
    [
        ("Patient/1", "Patient/1", None),
        (f"{BASE}Patient/1", "Patient/1", [BASE, ""]),
        ("Patient/1/_history/3", "Patient/1", ["", "/_history/3"]),
        (f"{BASE}Patient/a-b.C/_history/3", "Patient/a-b.C", [BASE, "/_history/3"]),
        ("http://elsewhere.example/fhir/Patient/1", "http://elsewhere.example/fhir/Patient/1", None),
        ("http://elsewhere.example/Patient/1/_history/3", "http://elsewhere.example/Patient/1/_history/3", None),
        ("urn:uuid:5f8e4f5e-7d5b-4f4e-8f7e-1d2c3b4a5968", "urn:uuid:5f8e4f5e-7d5b-4f4e-8f7e-1d2c3b4a5968", None),
        ("#contained", "#contained", None),
        (BASE, BASE, None),
        (f"{BASE}metadata", f"{BASE}metadata", None),
        (f"Patient/{LONGEST_ID}y/_history/3", f"Patient/{LONGEST_ID}y/_history/3", None),
    ],
)
def test_a_reference_to_this_server_is_owned_as_type_and_id_and_any_other_as_it_is(
    written: str, owned: str, frame: list[str] | None
) -> None:
    reference = {"reference": written, "display": "d"}

    assert take_segment(reference, BASE) == owned
    assert reference == ({"display": "d"} if frame is None else {"display": "d", "reference~": frame})

    put_segment(reference, owned)
    assert reference == {"reference": written, "display": "d"}


@pytest.mark.parametrize(
    ("written", "owned"),
    [
        ("Account/1", "1"),
        (f"{BASE}Account/1", "1"),
        ("Account/1/_history/3", "1"),
        (f"{BASE}Account/{LONGEST_ID}/_history/3", LONGEST_ID),
        ("Patient/1", None),
        ("Accounts/1", None),
        ("http://elsewhere.example/fhir/Account/1", None),
        ("urn:uuid:5f8e4f5e-7d5b-4f4e-8f7e-1d2c3b4a5968", None),
        ("#account", None),
        (f"Account/{LONGEST_ID}y", None),
        ("Account?identifier=urn:i|1", None),
    ],
)
def test_a_local_id_is_owned_only_of_a_reference_to_that_type_on_this_server(written: str, owned: str | None) -> None:
    reference = {"reference": written, "type": "Account"}

    assert take_local_id(reference, "Account", BASE) == owned
    assert (reference.get("reference") is None) == (owned is not None)

    put_local_id(reference, "Account", owned)
    assert reference == {"reference": written, "type": "Account"}


def test_a_reference_by_identifier_only_has_nothing_to_own() -> None:
    reference = {"identifier": {"value": "1"}}

    assert take_segment(reference, BASE) is None
    assert take_local_id(reference, "Account", BASE) is None
    assert reference == {"identifier": {"value": "1"}}


def test_an_account_that_the_server_found_is_written_beside_the_identifier() -> None:
    reference: dict[str, object] = {"identifier": {"value": "1"}}

    put_local_id(reference, "Account", "a1")

    assert reference == {"identifier": {"value": "1"}, "reference": "Account/a1"}


def test_the_frame_goes_when_the_column_is_cleared_or_leads_elsewhere() -> None:
    framed: dict[str, object] = {"reference~": [BASE, "/_history/3"]}
    put_segment(framed, None)
    assert framed == {}

    framed = {"reference~": [BASE, "/_history/3"]}
    put_segment(framed, "urn:uuid:5f8e4f5e-7d5b-4f4e-8f7e-1d2c3b4a5968")
    assert framed == {"reference": "urn:uuid:5f8e4f5e-7d5b-4f4e-8f7e-1d2c3b4a5968"}
