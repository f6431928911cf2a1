"""Places that are not plain paths, as FHIRPath that finds them (https://hl7.org/fhirpath/N1/)."""

from __future__ import annotations


def extension_place(resource_type: str, url: str) -> str:
    """Where an extension of a resource is: `Invoice.extension.where(url='...')`."""
    return f"{resource_type}.extension.where(url='{url}')"


def parameter_place(name: str, value: str = "value") -> str:
    """Where a parameter of an operation has its value."""
    return f"Parameters.parameter.where(name='{name}').{value}"
