"""What all our conformance resources say of themselves: who publishes them, in which version, since when."""

from __future__ import annotations

from typing import Any

from mappers.extensions import CANONICAL

VERSION = "0.1.0"
DATE = "2026-11-20"
PUBLISHER = "Ghasi Billing"
FHIR_VERSION = "4.0.1"


def canonical(resource_type: str, id_: str) -> str:
    return f"{CANONICAL}/{resource_type}/{id_}"


def published(resource_type: str, id_: str, name: str, title: str, description: str) -> dict[str, Any]:
    """The elements that begin every conformance resource of ours."""
    return {
        "resourceType": resource_type,
        "id": id_,
        "url": canonical(resource_type, id_),
        "version": VERSION,
        "name": name,
        "title": title,
        "status": "active",
        "experimental": False,
        "date": DATE,
        "publisher": PUBLISHER,
        "description": description,
    }


def camel_case(text: str) -> str:
    """`post-payment` -> `PostPayment`: a name that machines can use."""
    return "".join(part[:1].upper() + part[1:] for part in text.split("-"))
