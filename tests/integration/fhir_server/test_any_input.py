"""Whatever is sent, the server does not fail: it carries it out or says what is wrong with it.

Valid resources of every kind, and the same with something in them replaced, doubled, renamed or left out.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mappers.r4.json_text import decode, encode
from mappers.r4.validate import validate
from tests.integration.serving import Hospital, Json
from tests.strategies import resources

TYPES = ("Account", "ChargeItem", "Invoice", "PaymentNotice", "PaymentReconciliation")
FHIR_JSON = {"content-type": "application/fhir+json"}

fuzzing = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.decimals(allow_nan=False, allow_infinity=False, places=3)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
    | st.sampled_from(["2026-01-01", "Account/1", "urn:uuid:0", "AFN", "active", "#a", "Account?x=1", "2026-13-45"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)


def checked(answer: httpx.Response) -> Json:
    """The body of an answer that is no fault of ours; what it says is valid R4."""
    assert answer.status_code < 500, answer.text
    decoded = decode(answer.content)
    if answer.status_code >= 400:
        assert decoded["resourceType"] == "OperationOutcome"
    assert validate(decoded) == []
    return decoded


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key or index) in a document."""
    found: list[tuple[Any, Any]] = []
    pending = [value]
    while pending:
        container = pending.pop()
        keys: Any = container if isinstance(container, dict) else range(len(container))
        for key in keys:
            found.append((container, key))
            if isinstance(container[key], (dict, list)):
                pending.append(container[key])
    return found


@st.composite
def damaged(draw: st.DrawFn, documents: st.SearchStrategy[Json]) -> Json:
    """A document with one to three places replaced, doubled, renamed or left out."""
    document = deepcopy(draw(documents))  # strategies may give the same object twice
    for _ in range(draw(st.integers(1, 3))):
        container, key = draw(st.sampled_from(places(document)))
        match draw(st.sampled_from(["replace", "double", "rename", "drop"])):
            case "replace":
                container[key] = draw(ANYTHING)
            case "double":
                container[key] = [container[key], container[key]]
            case "rename" if isinstance(container, dict):
                container[draw(st.sampled_from(["x", "_status", "extension", "reference", "value"]))] = container.pop(
                    key
                )
            case _ if isinstance(container, dict):
                del container[key]
            case _:
                container[:] = []
        if not places(document):
            break
    return document


any_resource = st.sampled_from(TYPES).flatmap(resources)
likely_resource = st.sampled_from(TYPES).flatmap(lambda name: resources(name, billing=True))


@fuzzing
@given(document=any_resource | likely_resource)
async def test_a_valid_resource_is_kept_or_refused_and_read_back_as_it_was_answered(
    hospital: Hospital, document: Json
) -> None:
    answer = await hospital.http.post(
        document["resourceType"], content=encode(document), headers=FHIR_JSON | {"idempotency-key": "any"}
    )
    # The key is the same for all, so that the second and later ones of a type are conflicts or replays.
    checked(answer)
    answer = await hospital.http.post(document["resourceType"], content=encode(document), headers=FHIR_JSON)
    made = checked(answer)
    if answer.status_code in {200, 201}:
        url = f"{made['resourceType']}/{made['id']}"
        assert decode((await hospital.http.get(url)).content) == made
        checked(await hospital.http.get(f"{url}/_history"))
        again = await hospital.http.put(url, content=encode(made), headers=FHIR_JSON)
        checked(again)
        deleted = await hospital.http.delete(url)
        assert deleted.status_code in {204, 409}


@fuzzing
@given(document=damaged(any_resource), resource_type=st.sampled_from(TYPES))
async def test_a_damaged_resource_is_no_fault(hospital: Hospital, document: Json, resource_type: str) -> None:
    resource_type = str(document.get("resourceType")) if document.get("resourceType") in TYPES else resource_type
    checked(await hospital.http.post(resource_type, content=encode(document), headers=FHIR_JSON))
    document["id"] = "fuzzed"
    checked(await hospital.http.put(f"{resource_type}/fuzzed", content=encode(document), headers=FHIR_JSON))


ENTRIES = st.fixed_dictionaries(
    {
        "request": st.fixed_dictionaries(
            {
                "method": st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"]),
                "url": st.sampled_from(
                    [
                        "Account",
                        "Account/a",
                        "Account/a/$balance",
                        "Account?_id=a",
                        "ChargeItem",
                        "Invoice",
                        "Invoice/urn:uuid:00000000-0000-4000-8000-000000000001/$issue",
                        "Invoice/a/$cancel",
                        "Patient",
                        "metadata",
                        "",
                    ]
                ),
            },
            optional={
                "ifMatch": st.sampled_from(['W/"1"', "*", "1"]),
                "ifNoneExist": st.sampled_from(["identifier=a", "", "x=y"]),
                "ifNoneMatch": st.sampled_from(["*", 'W/"1"']),
            },
        )
    },
    optional={
        "resource": likely_resource,
        "fullUrl": st.sampled_from(
            ["urn:uuid:00000000-0000-4000-8000-000000000001", "http://his.example.org/Account/a"]
        ),
    },
)
bundles = st.fixed_dictionaries(
    {
        "resourceType": st.just("Bundle"),
        "type": st.sampled_from(["batch", "transaction"]),
        "entry": st.lists(ENTRIES, min_size=1, max_size=4),
    }
)


@fuzzing
@given(document=bundles | damaged(bundles))
async def test_no_bundle_is_a_fault(hospital: Hospital, document: Json) -> None:
    answer = await hospital.http.post("", content=encode(document), headers=FHIR_JSON)
    response = checked(answer)
    for entry in response.get("entry", []):
        assert not entry["response"]["status"].startswith("5"), entry


parameters = st.fixed_dictionaries(
    {"resourceType": st.just("Parameters")},
    optional={
        "parameter": st.lists(
            st.fixed_dictionaries(
                {"name": st.sampled_from(["amount", "method", "date", "reason", "payer", "invoice", "recorded", "x"])},
                optional={
                    "valueMoney": st.fixed_dictionaries(
                        {"value": st.integers(-5, 500), "currency": st.sampled_from(["AFN", "USD", "XXX"])}
                    ),
                    "valueCode": st.sampled_from(["cash", "card", "gold"]),
                    "valueDate": st.sampled_from(["2026-01-01", "2026", "2999-01-01", "0001-01-01"]),
                    "valueString": st.text(max_size=5),
                    "valueInstant": st.sampled_from(["2026-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"]),
                    "valueReference": st.fixed_dictionaries(
                        {"reference": st.sampled_from(["Patient/1", "Invoice/a", "Account/a", "#x", "urn:uuid:1"])}
                    ),
                },
            ),
            min_size=1,
            max_size=5,
        )
    },
)


@fuzzing
@given(
    document=parameters | damaged(parameters),
    operation=st.sampled_from(["Invoice/$issue", "Invoice/$cancel", "Invoice/$post-payment"])
    | st.sampled_from(["Account/$post-payment", "Account/$balance"]),
)
async def test_no_parameters_are_a_fault(hospital: Hospital, document: Json, operation: str) -> None:
    account, invoice = await hospital.issued()
    resource_type, name = operation.split("/")
    id_ = (invoice if resource_type == "Invoice" else account)["id"]
    answer = await hospital.http.post(
        f"{resource_type}/{id_}/{name}", content=encode(document), headers=FHIR_JSON | {"idempotency-key": "k"}
    )
    checked(answer)
