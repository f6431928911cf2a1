"""The CompartmentDefinition: what of the types kept here belongs to a patient, and by which parameters.

https://hl7.org/fhir/R4/compartmentdefinition.html. The specification's own one is about all types of R4; this one
says what is searched here.
"""

from __future__ import annotations

from typing import Any

from capability.publication import published
from mappers import MAPPERS
from mappers.compartments import PATIENT_COMPARTMENT

RESOURCE_TYPE = "CompartmentDefinition"

_DESCRIPTION = (
    "What is a patient's own: Patient/[id]/[type] and Patient/[id]/* search it, though the Patient is kept elsewhere."
    " Types that are listed without parameters are in no patient's compartment."
)


def compartment_definition(code: str) -> dict[str, Any]:
    """That of a compartment by its name in the specification; `patient` is the only one that is served."""
    assert code == "patient", "no other compartment is served"
    # It has no title in R4.
    definition = published(RESOURCE_TYPE, code, "PatientCompartment", "", _DESCRIPTION)
    del definition["title"]
    return {
        **definition,
        "code": "Patient",
        "search": True,
        "resource": [
            {"code": each, **({"param": list(codes)} if (codes := PATIENT_COMPARTMENT.get(each)) else {})}
            for each in MAPPERS
        ],
    }
