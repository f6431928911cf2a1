"""Versions: 1, 2, 3 ... of every resource, each later than the last, with its outbox row; what is issued is frozen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from billing.change_invoice import FREE_AFTER_ISSUE
from billing.check.corruption import Corruption
from billing.check.finding import Findings, Rule
from ledger.errors import Refusal
from mappers.extensions import CREDIT_NOTE_NUMBER_SYSTEM, INVOICE_DUE, INVOICE_NUMBER_SYSTEM, INVOICE_SETTLED
from mappers.r4.json_text import canonical, decode
from storage import check_versions
from storage.check_rows import Head
from storage.check_versions import KeptVersion

RULES = (
    Rule(
        Corruption.OUTBOX_ROW_MISSING,
        check_versions.OUTBOX_MISSING,
        "{0}/{1}/_history/{2}",
        "the version has no outbox row: nobody was told of it",
    ),
    Rule(
        Corruption.OUTBOX_ROW_EXTRA,
        check_versions.OUTBOX_EXTRA,
        "{0}/{1}/_history/{2}",
        "there is an outbox row, and no version of that moment",
    ),
    Rule(
        Corruption.BUSINESS_KEY_DANGLING,
        check_versions.BUSINESS_KEY_DANGLING,
        "{0}/{2}",
        "the business key {1} leads to it, and it is not there",
    ),
    Rule(
        Corruption.PART_WITHOUT_RESOURCE,
        check_versions.PART_WITHOUT_RESOURCE,
        "{0}/{1}",
        "{2} has rows of it, and it is not there",
    ),
    Rule(
        Corruption.POSITIONS_BROKEN,
        check_versions.POSITIONS_BROKEN,
        "{0}/{1}",
        "its rows in {2} are not numbered 0, 1, 2 ...",
    ),
)

# Beside its settlement, which the ledger says, and its own legal number, which stays.
_MAY_CHANGE = frozenset({*FREE_AFTER_ISSUE, "cancelledReason"})
_SETTLEMENT = frozenset({INVOICE_SETTLED, INVOICE_DUE})
_MOVING = ("meta", "status", "extension", "identifier")
"""What a payment changes of an invoice, and what stands beside that."""


def check_current(
    findings: Findings, resource_type: str, id_: str, head: Head | None, newest: KeptVersion | None
) -> None:
    """The row of a resource is of its newest version, and there is none where that is a deletion.

    `head`: what the row says, None where there is none; `newest` is None where there is no version.
    """
    if newest is None:
        code, message = Corruption.RESOURCE_WITHOUT_VERSION, "it is there, and no version of it"
    elif newest.interaction == "delete":
        if head is None:
            return
        code, message = Corruption.DELETED_RESOURCE_PRESENT, f"version {newest.version} deletes it, and it is there"
    elif head is None:
        code, message = Corruption.RESOURCE_MISSING, f"version {newest.version} is its last, and it is not there"
    elif (head.version, head.last_updated) != (newest.version, newest.last_updated):
        code = Corruption.CURRENT_VERSION_DIFFERS
        message = f"its row is of version {head.version} and not, or not of the moment, of version {newest.version}"
    else:
        return
    findings.add(code, f"{resource_type}/{id_}", message)


class _Meta(msgspec.Struct):
    versionId: str = ""  # noqa: N815 - FHIR's names
    lastUpdated: str = ""  # noqa: N815


class _Head(msgspec.Struct):
    resourceType: str = ""  # noqa: N815
    id: str = ""
    status: str = ""
    meta: _Meta = msgspec.field(default_factory=_Meta)


_read_head = msgspec.json.Decoder(_Head).decode
_read_elements = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class VersionWalk:
    """A walk over all versions of a tenant, those of a resource one after the other."""

    def __init__(self, findings: Findings, mapper_version: int) -> None:
        self._findings = findings
        self._mapper_version = mapper_version
        self._previous: KeptVersion | None = None
        self._frozen: _Frozen | None = None
        self._rest: dict[str, msgspec.Raw] | None = None

    def see(self, versions: Sequence[KeptVersion]) -> None:
        for version in versions:
            previous = self._previous
            if previous is not None and (previous.resource_type, previous.id) != (version.resource_type, version.id):
                previous = None
            if previous is None:
                self._frozen = self._rest = None
            self._check_order(version, previous)
            self._check_content(version)
            self._previous = version

    def _check_order(self, version: KeptVersion, previous: KeptVersion | None) -> None:
        number = previous.version + 1 if previous else 1
        if version.version != number:
            self._add(Corruption.VERSION_GAP, version, f"version {number} is missing before it")
        if previous is not None and version.last_updated <= previous.last_updated:
            self._add(Corruption.VERSION_TIME_WRONG, version, "it is not later than the version before it")
        expected = "create" if previous is None or previous.interaction == "delete" else "update"
        if version.version == number and version.interaction not in {expected, "delete"}:
            self._add(Corruption.VERSION_INTERACTION_WRONG, version, f"it is a {version.interaction}, not a {expected}")
        if version.mapper_version > self._mapper_version:
            self._add(
                Corruption.MAPPER_VERSION_UNKNOWN,
                version,
                f"mapper version {version.mapper_version} rendered it; this release has {self._mapper_version}",
            )

    def _check_content(self, version: KeptVersion) -> None:
        if version.content is None:
            return
        content = version.content.encode()
        try:
            head = _read_head(content)
        except msgspec.DecodeError:
            self._add(Corruption.VERSION_CONTENT_WRONG, version, "its content cannot be read")
            return
        said = (head.resourceType, head.id, head.meta.versionId, head.meta.lastUpdated)
        if said != (version.resource_type, version.id, str(version.version), version.instant):
            message = "its content names another resource, version or moment than its key"
            self._add(Corruption.VERSION_CONTENT_WRONG, version, message)
        if version.resource_type == "Invoice" and (self._frozen or head.status in ("issued", "balanced")):
            self._check_frozen(version, content)

    def _check_frozen(self, version: KeptVersion, content: bytes) -> None:
        rest, moving = _apart(content)
        was_read = rest is not None and rest == self._rest
        try:
            frozen = _financial(decode(moving if was_read else content))
        except Refusal as refusal:
            self._add(Corruption.VERSION_CONTENT_WRONG, version, f"its content cannot be read: {refusal}")
            return
        if self._frozen is None:
            self._frozen = frozen
        elif was_read:
            frozen = frozen._replace(whole=self._frozen.whole)
        if frozen != self._frozen:
            message = "it says something else than when the invoice was issued"
            self._add(Corruption.ISSUED_INVOICE_CHANGED, version, message)
        else:
            self._rest = rest

    def _add(self, code: Corruption, version: KeptVersion, message: str) -> None:
        self._findings.add(code, f"{version.resource_type}/{version.id}/_history/{version.version}", message)


class _Frozen(NamedTuple):
    """What of an issued invoice never changes: whole elements, and the extensions and numbers among others."""

    whole: bytes
    parts: bytes


def _financial(document: dict[str, Any]) -> _Frozen:
    whole = {name: value for name, value in document.items() if name.lstrip("_") not in _MAY_CHANGE}
    extensions = [item for item in whole.pop("extension", ()) if item.get("url") not in _SETTLEMENT]
    identifiers = [(str(item.get("system")), str(item.get("value"))) for item in document.get("identifier", ())]
    numbers = sorted(
        pair for pair in identifiers if pair[0].startswith((INVOICE_NUMBER_SYSTEM, CREDIT_NOTE_NUMBER_SYSTEM))
    )
    return _Frozen(canonical(whole), canonical({"extension": extensions, "identifier": numbers}))


def _apart(content: bytes) -> tuple[dict[str, msgspec.Raw] | None, bytes]:
    """The elements that settling leaves alone as they are written, and a document of the others.

    Whoever finds the former in a version that was read need read the latter only. None where an element may be there
    twice, or is not written as a version is.
    """
    elements = _read_elements(content)
    if _joined(elements) != content:
        return None, content
    moving = {name: elements.pop(name) for name in _MOVING if name in elements}
    return elements, _joined(moving)


def _joined(elements: Mapping[str, msgspec.Raw]) -> bytes:
    return b"{%b}" % b",".join([b'"%b":%b' % (name.encode(), value) for name, value in elements.items()])
