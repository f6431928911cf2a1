"""The order in which the entries of a Bundle are carried out, whatever order they stand in.

DELETE, POST, PUT and PATCH, then operations as they stand, then reads (https://hl7.org/fhir/R4/http.html#trules).
Among what is written, a resource comes before those that refer to it, for they are refused when it is not there.
"""

from __future__ import annotations

from collections.abc import Sequence

from fhir_server.interactions.bundle_entries import Entry

DELETES, CREATES, UPDATES, OPERATIONS, READS = range(5)
_PHASES = {"DELETE": DELETES, "POST": CREATES, "PUT": UPDATES, "PATCH": UPDATES}


def phase_of(entry: Entry) -> int:
    if entry.route.writes is None:
        return READS
    return OPERATIONS if entry.route.operation is not None else _PHASES[entry.request.method]


def in_order(entries: Sequence[Entry]) -> list[Entry]:
    by_phase = sorted(entries, key=phase_of)
    written = [entry for entry in by_phase if phase_of(entry) in {CREATES, UPDATES}]
    first = [entry for entry in by_phase if phase_of(entry) == DELETES]
    last = [entry for entry in by_phase if phase_of(entry) > UPDATES]
    return [*first, *_referenced_first(written), *last]


def identity_of(entry: Entry) -> tuple[str, str]:
    """What an entry writes: type, and the id that it has or will have."""
    return entry.request.resource_type, entry.request.id or entry.request.assigned_id or ""


def _referenced_first(entries: list[Entry]) -> list[Entry]:
    """The same entries, each behind those that it refers to; as they stood where nothing says otherwise."""
    by_identity = {identity_of(entry): entry for entry in entries}
    ordered: dict[int, Entry] = {}
    begun: set[int] = set()
    for entry in entries:
        pending = [entry]
        while pending:
            current = pending[-1]
            waits_for = [] if current.index in begun else _references(current, by_identity, begun)
            begun.add(current.index)
            if waits_for:
                pending.extend(reversed(waits_for))
            else:
                ordered.setdefault(pending.pop().index, current)
    return list(ordered.values())


def _references(entry: Entry, by_identity: dict[tuple[str, str], Entry], begun: set[int]) -> list[Entry]:
    """Those that an entry refers to and that nobody has begun with; in a ring the first one met goes first."""
    found = entry.request.references or ()
    targets = (by_identity.get((reference.resource_type, reference.id)) for reference in found)
    return [target for target in targets if target is not None and target.index not in begun]
