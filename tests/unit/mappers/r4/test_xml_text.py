"""XML in and out: the same resource as in JSON, and what is refused, with its place."""

import copy
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from lxml import etree

from ledger.errors import Category, Refusal
from mappers.r4.json_text import DEPTH_MAX, canonical, decode, encode
from mappers.r4.narrative import without_html_entities
from mappers.r4.validate import validate
from mappers.r4.xml_text import json_of_xml
from mappers.r4.xml_writing import xml_of_json
from tests.checkout import CHECKOUT
from tests.strategies import resources, texts

EXAMPLES = CHECKOUT / "tests" / "conformance" / "examples"
FULL = CHECKOUT / "tests" / "unit" / "mappers" / "full"
TYPES = ("Account", "ChargeItem", "Invoice", "PaymentNotice", "PaymentReconciliation", "Subscription")
FHIR = 'xmlns="http://hl7.org/fhir"'
# Some that R4 has for a Patient, and some that it has not.
NAMES = st.sampled_from(
    [
        "name",
        "given",
        "birthDate",
        "_birthDate",
        "active",
        "id",
        "url",
        "value",
        "resourceType",
        "photo",
        "div",
        "colour",
    ]
)
NARRATIVE = {
    "status": "generated",
    "div": '<div xmlns="http://www.w3.org/1999/xhtml"><p class="x">&lt;Kabul&gt; &amp; کابل</p></div>',
}


def through_xml(resource: dict[str, Any], *, is_pretty: bool = False) -> dict[str, Any]:
    return decode(json_of_xml(xml_of_json(encode(resource), is_pretty=is_pretty)))


def comparable(resource: dict[str, Any]) -> bytes:
    """The canonical JSON, with narrative in the one form of XML that there is for the same content."""
    resource = copy.deepcopy(resource)
    pending: list[Any] = [resource]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            if isinstance(item.get("div"), str):
                item["div"] = etree.canonicalize(without_html_entities(item["div"]))
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)
    return canonical(resource)


def problems_of(document: str | bytes) -> list[tuple[str, str]]:
    with pytest.raises(Refusal) as refused:
        json_of_xml(document.encode() if isinstance(document, str) else document)
    assert all(problem.category is Category.INVALID and problem.message for problem in refused.value.problems)
    return [(problem.code, problem.expression) for problem in refused.value.problems]


def account(inside: str) -> str:
    return f"<Account {FHIR}>{inside}</Account>"


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.json")), ids=lambda file: file.stem)
def test_the_official_examples_are_the_same_in_json_and_in_xml(file: Path) -> None:
    resource = decode(file.read_bytes())
    official = decode(json_of_xml(file.with_suffix(".xml").read_bytes()))

    assert comparable(through_xml(resource)) == comparable(resource)
    # HL7's XML files are those before publication: with a label for tests, and without a narrative.
    assert comparable({**official, "meta": {}, "text": {}}) == comparable({**resource, "meta": {}, "text": {}})


@pytest.mark.parametrize("file", sorted(FULL.glob("*.json")), ids=lambda file: file.stem)
@pytest.mark.parametrize("is_pretty", [False, True])
def test_a_resource_with_every_element_comes_back_from_xml(file: Path, is_pretty: bool) -> None:
    resource = decode(file.read_bytes())

    assert comparable(through_xml(resource, is_pretty=is_pretty)) == comparable(resource)


@settings(max_examples=50)
@given(st.sampled_from(TYPES).flatmap(resources), st.booleans())
def test_any_valid_resource_comes_back_from_xml(resource: dict[str, Any], is_pretty: bool) -> None:
    again = through_xml(resource, is_pretty=is_pretty)

    assert comparable(again) == comparable(resource)
    assert validate(again) == []


def test_a_bundle_comes_back_from_xml_with_its_resources() -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [
            {"fullUrl": f"http://a.example/{file.stem}", "resource": decode(file.read_bytes())}
            for file in sorted(FULL.glob("*.json"))
        ],
    }

    assert comparable(through_xml(bundle)) == comparable(bundle)


@pytest.mark.parametrize("number", ["10.00", "0.10", "-0.0", "1E+3", "1E-7", "100", "12345678901234567890.12"])
def test_decimals_keep_every_digit(number: str) -> None:
    resource = {"resourceType": "Invoice", "status": "draft", "totalNet": {"value": Decimal(number)}}
    document = xml_of_json(encode(resource))

    assert f'<value value="{number}"/>'.encode() in document
    assert f'"value":{number}'.encode() in json_of_xml(document)


@pytest.mark.parametrize("text", ["a\tb\nc\r\nd", "<&\">'", "شفاخانه 😀", "  inside  ", "]]>"])
def test_text_keeps_every_character(text: str) -> None:
    resource = {"resourceType": "Account", "status": "active", "description": text}

    assert through_xml(resource) == resource


def test_elements_stand_in_the_order_of_the_definition() -> None:
    content = b'{"status":"active","name":"n","id":"1","resourceType":"Account"}'

    assert xml_of_json(content).decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<Account {FHIR}><id value="1"/><status value="active"/><name value="n"/></Account>'
    )


def test_a_pretty_document_is_indented_but_not_inside_the_narrative() -> None:
    resource = {"resourceType": "Account", "text": NARRATIVE, "status": "active"}

    assert xml_of_json(encode(resource), is_pretty=True).decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Account {FHIR}>\n"
        "  <text>\n"
        '    <status value="generated"/>\n'
        f"    {NARRATIVE['div']}\n"
        "  </text>\n"
        '  <status value="active"/>\n'
        "</Account>\n"
    )


def test_extensions_of_primitives_and_ids_stand_on_the_element() -> None:
    document = account(
        '<contained><Patient><id value="p"/><name><given value="A"/><given id="g"><extension url="http://a.example">'
        '<valueDecimal value="1.0"/></extension></given></name></Patient></contained>'
        '<status id="s" value="active"/>'
    )

    assert decode(json_of_xml(document.encode())) == {
        "resourceType": "Account",
        "contained": [
            {
                "resourceType": "Patient",
                "id": "p",
                "name": [
                    {
                        "given": ["A", None],
                        "_given": [
                            None,
                            {"id": "g", "extension": [{"url": "http://a.example", "valueDecimal": Decimal("1.0")}]},
                        ],
                    }
                ],
            }
        ],
        "status": "active",
        "_status": {"id": "s"},
    }


def test_contained_resources_of_any_type_keep_booleans_numbers_and_arrays() -> None:
    patient = {
        "resourceType": "Patient",
        "id": "p",
        "active": True,
        "name": [{"family": "Karimi", "given": ["Zahra"]}],
        "deceasedBoolean": False,
        "multipleBirthInteger": 2,
        "contact": [{"relationship": [{"text": "mother"}], "period": {"start": "2020"}}],
    }
    resource = {
        "resourceType": "Account",
        "contained": [patient],
        "status": "active",
        "subject": [{"reference": "#p"}],
    }

    assert through_xml(resource) == resource


def test_what_a_contained_resource_has_beyond_r4_is_written_behind_the_rest() -> None:
    content = (
        b'{"resourceType":"Account","contained":[{"resourceType":"Patient","id":"p","favourite":{"colour":["red"]},'
        b'"gender":"female","_gender":{"id":"g"}}],"status":"active"}'
    )

    assert (
        b'<id value="p"/><gender id="g" value="female"/><favourite><colour value="red"/></favourite></Patient>'
        in xml_of_json(content)
    )


ANYTHING = st.recursive(
    st.booleans() | st.integers() | texts(),
    lambda inner: st.lists(inner, min_size=1, max_size=2) | st.dictionaries(NAMES, inner, min_size=1, max_size=3),
    max_leaves=8,
)


@settings(max_examples=100)
@given(st.dictionaries(NAMES, ANYTHING, max_size=4), st.booleans())
def test_whatever_a_contained_resource_of_another_type_has_is_well_formed_xml(
    members: dict[str, Any], is_pretty: bool
) -> None:
    patient = {**members, "resourceType": "Patient", "id": "p"}
    resource = {
        "resourceType": "Account",
        "status": "active",
        "contained": [patient],
        "subject": [{"reference": "#p"}],
    }
    assume(validate(resource) == [])

    root = etree.fromstring(xml_of_json(encode(resource), is_pretty=is_pretty))
    assert [etree.QName(child).localname for child in root] == ["contained", "status", "subject"]


def test_prefixes_comments_and_declared_encodings_make_no_difference() -> None:
    document = (
        '<?xml version="1.0" encoding="utf-8"?><!-- a --><f:Account xmlns:f="http://hl7.org/fhir"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://hl7.org/fhir a.xsd">'
        '<f:text><f:status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">a<!-- b --></div></f:text>'
        '<!-- c --><f:status value="active"/></f:Account>'
    )

    assert decode(json_of_xml(b"\xef\xbb\xbf" + document.encode())) == {
        "resourceType": "Account",
        "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">a<!-- b --></div>'},
        "status": "active",
    }


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("", "xml-malformed"),
        ("{}", "xml-malformed"),
        (f"<Account {FHIR}>", "xml-malformed"),
        (account("&nbsp;"), "xml-malformed"),
        (account('<status value="active" value="active"/>'), "xml-malformed"),
        (account('<status value="\x01"/>'), "xml-malformed"),
        ("<!DOCTYPE Account>" + account(""), "xml-doctype"),
        ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + account('<name value="&x;"/>'), "xml-doctype"),
        ('<!DOCTYPE a SYSTEM "http://a.example/a.dtd">' + account(""), "xml-doctype"),
        (account("").encode("utf-16"), "xml-encoding"),
        (account('<name value="é"/>').encode("latin-1"), "xml-encoding"),
        ('<?xml version="1.0" encoding="ISO-8859-1"?>' + account(""), "xml-encoding"),
        (account("<type>" * 300 + "</type>" * 300), "xml-too-deep"),
    ],
)
def test_a_document_that_cannot_be_read_is_refused(document: str | bytes, code: str) -> None:
    assert problems_of(document) == [(code, "")]


def test_entities_that_grow_are_refused_before_they_do() -> None:
    levels = "".join(f'<!ENTITY l{level} "{f"&l{level - 1};" * 10}">' for level in range(1, 10))

    assert problems_of(f'<!DOCTYPE a [<!ENTITY l0 "ha">{levels}]>' + account('<name value="&l9;"/>')) == [
        ("xml-doctype", "")
    ]


def test_elements_nested_too_deep_are_refused() -> None:
    beginning, end = '<extension url="http://a.example">' * DEPTH_MAX, "</extension>" * DEPTH_MAX

    assert problems_of(account(beginning + end)) == [("xml-too-deep", "")]


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ("<Account/>", ("xml-namespace", "Account")),
        ('<Account xmlns="http://hl7.org/fhir/stu3"/>', ("xml-namespace", "Account")),
        (f"<Acount {FHIR}/>", ("resource-type-unknown", "Acount")),
        (account('<colour value="red"/>'), ("unknown-element", "Account.colour")),
        (account('<coverage><colour value="r"/></coverage>'), ("unknown-element", "Account.coverage[0].colour")),
        (account('<name xmlns="" value="a"/>'), ("xml-namespace", "Account.name")),
        (account('<text><status value="generated"/><div>a</div></text>'), ("xml-namespace", "Account.text.`div`")),
        (account('<name value="a"/><status value="active"/>'), ("xml-order", "Account.status")),
        (account('<name value="a"/><name value="b"/>'), ("not-single", "Account.name")),
        (account('<name value="a" lang="en"/>'), ("xml-attribute", "Account.name")),
        (account('<coverage value="a"/>'), ("xml-attribute", "Account.coverage[0]")),
        (account("<name/>"), ("empty", "Account.name")),
        (account('<name id="a">HACC</name>'), ("xml-text", "Account.name")),
        (account('<status value="active"/>text'), ("xml-text", "Account")),
        (account("<contained/>"), ("xml-resource", "Account.contained[0]")),
        (account("<contained><Nobody/></contained>"), ("resource-type-unknown", "Account.contained[0]")),
        (account('<contained><Patient><active value="1"/></Patient></contained>'),
         ("invalid-boolean", "Account.contained[0].active")),
        (account('<coverage><coverage><id value="1"/></coverage></coverage>'),
         ("unknown-element", "Account.coverage[0].coverage.id")),
        (account('<coverage><priority value="1,5"/></coverage>'),
         ("invalid-positive-int", "Account.coverage[0].priority")),
        (f'<Invoice {FHIR}><totalNet><value value="NaN"/></totalNet></Invoice>',
         ("invalid-decimal", "Invoice.totalNet.value")),
        (f'<Invoice {FHIR}><totalNet><value value="1e99999999999999999999"/></totalNet></Invoice>',
         ("json-number", "Invoice.totalNet.value")),
    ],
)  # fmt: skip
def test_what_is_no_fhir_is_refused_with_its_place(document: str, problem: tuple[str, str]) -> None:
    assert problems_of(document) == [problem]


def test_all_problems_are_named_at_once() -> None:
    document = account('<colour value="red"/><status value="active" a="b"/><name>n</name>')

    assert [code for code, _ in problems_of(document)] == ["unknown-element", "xml-attribute", "xml-text", "empty"]


def test_what_the_validator_refuses_in_json_is_refused_in_xml() -> None:
    document = account('<status value="x"/><type/><name value=""/><coverage><priority value="1.5"/></coverage>')

    assert {(problem.code, problem.expression) for problem in validate(decode(json_of_xml(document.encode())))} == {
        ("unknown-code", "Account.status"),
        ("empty", "Account.type"),
        ("empty", "Account.name"),
        ("missing-element", "Account.coverage[0].coverage"),
        ("invalid-positive-int", "Account.coverage[0].priority"),
    }
