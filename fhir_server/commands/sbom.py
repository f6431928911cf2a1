"""`./run sbom`: what this release is made of, as a CycloneDX document for scanners of vulnerabilities and licences.

It is made from the lock alone, without asking anybody, so that it is the same wherever it is made.
https://cyclonedx.org/docs/1.5/json/
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from pathlib import Path
from typing import Any

import typer

LOCK = Path(__file__).resolve().parent.parent.parent / "requirements.lock"
_REQUIREMENT = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)(?:\s*;\s*(?P<marker>[^\\]+?))?\s*\\?$")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def sbom() -> None:
    """Print the software bill of materials of the locked dependencies as CycloneDX 1.5 JSON."""
    typer.echo(json.dumps(bill_of_materials(LOCK.read_text(encoding="utf-8")), indent=2))


def bill_of_materials(lock: str) -> dict[str, Any]:
    """The document for a lock in the form of pip's requirements."""
    from capability.publication import VERSION

    digest = hashlib.sha256(lock.encode()).hexdigest()
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, digest)}",
        "version": 1,
        "metadata": {"component": {"type": "application", "bom-ref": "billing", "name": "billing", "version": VERSION}},
        "components": [_component(block) for block in re.split(r"\n(?=[A-Za-z0-9])", lock.strip()) if block],
    }


def _component(block: str) -> dict[str, Any]:
    first = block.partition("\n")[0]
    found = _REQUIREMENT.match(first)
    assert found is not None, f"the lock has a line that is no pin: {first}"
    name = re.sub(r"[-_.]+", "-", found["name"]).lower()
    url = f"pkg:pypi/{name}@{found['version']}"
    # Each file of a release has a hash of its own, and the schema has room for one: so they are properties.
    properties = [{"name": "sha256 of a file", "value": value} for value in _HASH.findall(block)]
    if found["marker"]:
        properties.append({"name": "marker", "value": found["marker"].strip()})
    return {
        "type": "library",
        "bom-ref": url,
        "name": name,
        "version": found["version"],
        "purl": url,
        "properties": properties,
    }
