"""The part of a reference that a column owns, and the frame around it that the residue keeps.

A reference to this server is owned as `Patient/1`, whether it was written relative, absolute under the base URL, or
with a version. Anything else (another server's URL, `urn:uuid:...`, `#contained`) is owned as it is.
https://hl7.org/fhir/R4/references.html
"""

from __future__ import annotations

import re
from functools import cache

from mappers.residue import FRAME, Element

_FRAME = "reference" + FRAME
_SEGMENT = re.compile(r"([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})((?:/_history/[A-Za-z0-9\-.]{1,64})?)")


def take_segment(reference: Element, base: str) -> str | None:
    """Take `.reference` out of a Reference. `base` is the server's base URL with a slash at its end."""
    written: str | None = reference.pop("reference", None)
    if written is None or not (written.startswith(base) or "/_history/" in written):
        return written
    prefix = base if written.startswith(base) else ""
    parts = _SEGMENT.fullmatch(written, len(prefix))
    if parts is None:
        return written
    reference[_FRAME] = [prefix, parts[2]]
    return parts[1]


def put_segment(reference: Element, segment: str | None) -> None:
    frame = reference.pop(_FRAME, None)
    if segment is None:
        return
    if frame is not None and _SEGMENT.fullmatch(segment):
        segment = f"{frame[0]}{segment}{frame[1]}"
    reference["reference"] = segment


def take_local_id(reference: Element, resource_type: str, base: str) -> str | None:
    """Take the id out of a Reference to a resource of this server and of that type; leave any other whole."""
    written = reference.get("reference")
    if written is None:
        return None
    prefix = base if written.startswith(base) else ""
    parts = _local_id(resource_type).fullmatch(written, len(prefix))
    if parts is None:
        return None
    del reference["reference"]
    if prefix or parts[2]:
        reference[_FRAME] = [prefix, parts[2]]
    local_id: str = parts[1]
    return local_id


def put_local_id(reference: Element, resource_type: str, local_id: str | None) -> None:
    frame = reference.pop(_FRAME, None)
    if local_id is None:
        return
    prefix, suffix = frame or ("", "")
    reference["reference"] = f"{prefix}{resource_type}/{local_id}{suffix}"


@cache
def _local_id(resource_type: str) -> re.Pattern[str]:
    return re.compile(rf"{resource_type}/([A-Za-z0-9\-.]{{1,64}})((?:/_history/[A-Za-z0-9\-.]{{1,64}})?)")
