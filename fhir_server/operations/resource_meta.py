"""`GET or POST [type]/[id]/$meta`: the meta of a resource, for those who want its labels and not its content.

https://hl7.org/fhir/R4/resource-operation-meta.html
"""

from __future__ import annotations

from dataclasses import replace

from fhir_server.fhir_request import FhirRequest, Reading
from fhir_server.interactions.read import read
from fhir_server.operation_declaration import Operation, Parameter
from fhir_server.operations.parameters import parameters, read_parameters
from fhir_server.responses import Answer
from mappers.r4.json_text import decode_own, encode
from storage.transaction import Reader

OPERATION = Operation(
    code="meta",
    resource_type="Resource",
    title="The meta of a resource",
    description="Gives the profiles, tags and security labels of the current version, and which version that is.",
    affects_state=False,
    permission="r",
    parameters=(Parameter("return", "out", 1, "1", "Meta", "The meta of the current version."),),
)


def resource_meta(request: FhirRequest) -> Reading:
    read_parameters(request, OPERATION)
    reading = read(request)

    async def reading_meta(reader: Reader) -> Answer:
        found = await reading(reader)
        meta = decode_own(found.content)["meta"]
        return replace(found, content=parameters([encode({"name": "return", "valueMeta": meta})]), location="")

    return reading_meta
