"""Makes `shapes.json` from the files of HL7's definitions.json.zip for FHIR 4.0.1, which are too large to keep here.

python -m mappers.r4.generate_shapes profiles-resources.json profiles-types.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from mappers.r4.definitions import ElementDefinition, TypeDefinition, definitions
from mappers.r4.generate import types_of
from mappers.r4.shapes import SHAPES_FILE


def generate(files: list[Path]) -> dict[str, dict[str, str]]:
    """The shapes of all types that `definitions.json` leaves out."""
    known = definitions().types
    shapes: dict[str, dict[str, str]] = {}
    for file in files:
        for entry in json.loads(file.read_text(encoding="utf-8"))["entry"]:
            for name, definition in _types(entry["resource"]).items():
                if name not in known and definition.elements:
                    shapes[name] = _shape(definition)
    return dict(sorted(shapes.items()))


def _types(structure: dict[str, Any]) -> dict[str, TypeDefinition]:
    is_type = structure["resourceType"] == "StructureDefinition" and structure.get("derivation") != "constraint"
    return types_of(structure) if is_type and not structure["abstract"] else {}


def _shape(definition: TypeDefinition) -> dict[str, str]:
    return dict(_element(name, element) for name, element in definition.elements.items())


def _element(name: str, element: ElementDefinition) -> tuple[str, str]:
    """`deceased[x]`: `boolean dateTime`, and `contact`: `Patient.contact *`."""
    types = " ".join(element.types)
    return f"{name}[x]" if element.choice else name, f"{types} *" if element.many else types


def text_of(shapes: dict[str, dict[str, str]]) -> str:
    """One line a type."""
    lines = (f"{json.dumps(name)}: {json.dumps(shape)}" for name, shape in shapes.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    SHAPES_FILE.write_text(text_of(generate([Path(name) for name in sys.argv[1:]])), encoding="utf-8")
