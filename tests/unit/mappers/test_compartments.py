"""The Patient compartment as the specification has it."""

from __future__ import annotations

from mappers import MAPPERS
from mappers.compartments import PATIENT_COMPARTMENT, in_compartment_of
from storage.search_criteria import among, compared


def test_the_parameters_of_a_compartment_are_references_that_can_lead_to_a_patient() -> None:
    for resource_type, codes in PATIENT_COMPARTMENT.items():
        declared = {each.code: each for each in MAPPERS[resource_type].search_parameters}
        for code in codes:
            assert "Patient" in declared[code].targets


def test_two_parameters_on_one_column_are_asked_once() -> None:
    subject = compared("subject", "=", "Patient/p1")
    assert in_compartment_of("p1", "ChargeItem") == subject
    assert in_compartment_of("p1", "Invoice") == among(subject, compared("recipient", "=", "Patient/p1"))
