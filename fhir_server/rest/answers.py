"""Answers of the REST API: documents as JSON."""

from __future__ import annotations

from fhir_server.responses import Answer
from fhir_server.rest.documents import Document


def answer_of(document: Document, *, status: int = 200, version: int = 0, location: str = "") -> Answer:
    """A document as answer. `version` becomes its ETag; `location`, of what was made, is below the base path."""
    return Answer(
        status,
        document.model_dump_json(exclude_none=True).encode(),
        version=version,
        location=location,
        is_new=bool(location),
    )
