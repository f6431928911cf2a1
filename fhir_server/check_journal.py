"""Which tenants a check has done, in a file: one that is interrupted goes on where it was.

A line of JSON for what is checked - another database is refused - and one for each tenant as it is done.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from billing.check.corruption import Corruption
from billing.check.finding import Finding
from ledger.errors import invalid
from storage.check_journal import Counts


@dataclass(frozen=True, slots=True)
class TenantChecked:
    """A tenant that is done, and what was found of it."""

    tenant_id: str
    counts: Counts
    findings: list[Finding]


class CheckJournal:
    """`subject` says which database it is."""

    def __init__(self, path: Path, subject: str) -> None:
        self._path = path
        self._subject = subject

    def read(self) -> list[TenantChecked]:
        """The tenants that are done; refused where they are of another database, or the file is something else."""
        if not self._path.exists():
            return []
        try:
            first, *rest = [json.loads(line) for line in _whole_lines(self._path)] or [{"checking": self._subject}]
            subject, done = first["checking"], [_checked(each) for each in rest]
        except (ValueError, KeyError, TypeError):
            raise invalid("resume-file", f"{self._path} is not a file that a check has written.") from None
        if subject != self._subject:
            raise invalid("resume-file", f"{self._path} is of a check of {subject}, not of {self._subject}.")
        return done

    def note(self, checked: TenantChecked) -> None:
        """Keep that a tenant is done, whatever becomes of this process."""
        is_new = not self._path.exists()
        with self._path.open("a", encoding="utf-8") as file:
            if is_new:
                file.write(json.dumps({"checking": self._subject}) + "\n")
            findings = [[each.code, each.place, each.message] for each in checked.findings]
            line = {"tenant": checked.tenant_id, "counts": checked.counts._asdict(), "findings": findings}
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def finish(self) -> None:
        """All are done: the next check begins anew."""
        self._path.unlink(missing_ok=True)


def _whole_lines(path: Path) -> list[str]:
    """Without one that a killed process left unfinished, which goes: what is noted next begins on a line of its own."""
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole, encoding="utf-8")
    return whole.splitlines()


def _checked(line: dict[str, object]) -> TenantChecked:
    tenant_id, counts, findings = line["tenant"], line["counts"], line["findings"]
    if not (isinstance(tenant_id, str) and isinstance(counts, dict) and isinstance(findings, list)):
        raise TypeError("it is none of ours")
    return TenantChecked(
        tenant_id,
        Counts(**counts),
        [Finding(Corruption(code), tenant_id, place, message) for code, place, message in findings],
    )
