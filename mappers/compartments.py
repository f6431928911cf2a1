"""The Patient compartment: what is somebody's own, though the Patient is kept elsewhere.

https://hl7.org/fhir/R4/compartmentdefinition-patient.html
"""

from __future__ import annotations

from typing import Any

from mappers import MAPPERS
from mappers.search_references import at_reference, references_in
from storage.search_criteria import Criterion, among
from storage.search_parameters import ServedBy

PATIENT_COMPARTMENT: dict[str, tuple[str, ...]] = {
    "Account": ("subject",),
    "ChargeItem": ("subject",),
    "Invoice": ("subject", "patient", "recipient"),
}
"""The parameters by which resources of a type belong to a patient. No other type kept here has any."""


def in_compartment_of(patient_id: str, resource_type: str) -> Criterion:
    codes = PATIENT_COMPARTMENT[resource_type]
    segments = [f"Patient/{patient_id}"]
    # `subject` and `patient` are the same column.
    places: dict[ServedBy, None] = {
        each.served_by: None for each in MAPPERS[resource_type].search_parameters if each.code in codes
    }
    found = [at_reference(place, lambda column: references_in(column, segments)) for place in places]
    return found[0] if len(found) == 1 else among(*found)


# The elements that these parameters are about.
_ELEMENTS = {"Account": ("subject",), "ChargeItem": ("subject",), "Invoice": ("subject", "recipient")}


def is_of_patient(resource: dict[str, Any], patient_id: str, base_url: str) -> bool:
    """Whether a resource, in the version that it is given in, is in the patient's compartment."""
    names = {f"Patient/{patient_id}", f"{base_url}/Patient/{patient_id}"}
    for element in _ELEMENTS.get(resource.get("resourceType", ""), ()):
        found = resource.get(element, [])
        for each in found if isinstance(found, list) else [found]:
            if isinstance(each, dict) and str(each.get("reference", "")).partition("/_history/")[0] in names:
                return True
    return False
