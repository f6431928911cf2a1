"""The table of definitions."""

from mappers.r4.definitions import DEFINITIONS_FILE, definitions, json_names, resource_types
from mappers.r4.generate import generate, text_of


def test_the_committed_table_equals_a_fresh_generation_from_the_official_files() -> None:
    assert DEFINITIONS_FILE.read_text(encoding="utf-8") == text_of(generate())


def test_every_type_that_an_element_names_is_in_the_table() -> None:
    table = definitions()
    named = {name for about in table.types.values() for element in about.elements.values() for name in element.types}

    assert named <= set(table.types)


def test_every_value_set_of_a_required_binding_has_codes_but_those_that_other_standards_define() -> None:
    table = definitions()
    bound = {element.codes for about in table.types.values() for element in about.elements.values()} - {""}

    assert bound - set(table.codes) == {"currencies", "languages", "mimetypes"}


def test_the_concrete_resource_types_of_r4_are_146() -> None:
    assert len(resource_types()) == 146
    assert not {"Resource", "DomainResource"} & resource_types()


def test_elements_keep_the_order_of_the_definition() -> None:
    names = list(definitions().types["Money"].elements)

    assert names == ["id", "extension", "value", "currency"]


def test_a_choice_element_has_one_json_name_per_type() -> None:
    element = definitions().types["ChargeItem"].elements["occurrence"]

    assert json_names("occurrence", element) == {
        "occurrenceDateTime": "dateTime",
        "occurrencePeriod": "Period",
        "occurrenceTiming": "Timing",
    }


def test_a_content_reference_names_the_type_that_it_repeats() -> None:
    assert definitions().types["Invoice"].elements["totalPriceComponent"].types == ("Invoice.lineItem.priceComponent",)
