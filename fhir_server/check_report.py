"""What `./run check` prints: a line for each tenant, a bar on a terminal, then what is off; or all of it as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from time import monotonic
from types import TracebackType
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from billing.check.finding import Finding
from billing.check.progress import Progress as CheckProgress
from fhir_server.check_journal import CheckJournal, TenantChecked
from storage.check_journal import Counts


class CheckReport(CheckProgress):
    """Gathers what a check tells, and says it. `rebuilt` is None where nothing was to be rebuilt."""

    def __init__(self, *, as_json: bool) -> None:
        self.findings: list[Finding] = []
        self.rebuilt: int | None = None
        self.journal: CheckJournal | None = None
        """Where it is noted which tenants are done."""
        self._as_json = as_json
        self._tenants: list[dict[str, Any]] = []
        self._begun = monotonic()
        # The bar goes where the lines do not, and only to somebody who sees it.
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            TextColumn("[dim]{task.fields[what]}"),
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=False,
            disable=as_json or not sys.stderr.isatty(),
        )
        self._task: TaskID | None = None

    def __enter__(self) -> CheckReport:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()

    def begin(self, tenant_id: str, counts: Counts, steps: int) -> None:  # noqa: ARG002 - of the protocol
        self._bar.start()
        self._task = self._bar.add_task(f"tenant {tenant_id}", total=steps, what="")

    def look_at(self, what: str) -> None:
        assert self._task is not None
        self._bar.update(self._task, what=what)

    def advance(self, steps: int) -> None:
        assert self._task is not None
        self._bar.advance(self._task, steps)

    def end(self, tenant_id: str, counts: Counts, findings: Sequence[Finding]) -> None:
        assert self._task is not None
        self._bar.remove_task(self._task)
        self._bar.stop()
        if self.journal is not None:
            self.journal.note(TenantChecked(tenant_id, counts, list(findings)))
        self._tell(tenant_id, counts, len(findings))

    def take_over(self, earlier: Sequence[TenantChecked]) -> None:
        """Tell of tenants that a check which was interrupted had done."""
        for each in earlier:
            self.findings += each.findings
            self._tell(each.tenant_id, each.counts, len(each.findings), " (before)")

    def _tell(self, tenant_id: str, counts: Counts, findings: int, when: str = "") -> None:
        self._tenants.append({"tenant": tenant_id, **counts._asdict(), "findings": findings})
        if not self._as_json:
            outcome = f"{_number(findings, 'finding')}" if findings else "ok"
            held = f"{counts.entries:,} entries, {counts.postings:,} postings, {counts.resources:,} resources"
            typer.echo(f"tenant {tenant_id}: {held}, {counts.versions:,} versions ... {outcome}{when}")

    def say(self) -> None:
        """What was found, after all tenants."""
        if self._as_json:
            typer.echo(json.dumps(self._document(), indent=2, ensure_ascii=False))
            return
        for finding in self.findings:
            typer.echo(f"{finding.code}  {finding.tenant_id or 'database'}  {finding.place}: {finding.message}")
        if self.findings:
            typer.echo(f"{_number(len(self.findings), 'finding')}; docs/check.md says what each means and what to do")
        elif self.rebuilt is not None:
            typer.echo(f"{_number(self.rebuilt, 'resource')} rendered anew")

    def _document(self) -> dict[str, Any]:
        return {
            "sound": not self.findings,
            "tenants": self._tenants,
            "findings": [
                {
                    "code": finding.code,
                    "tenant": finding.tenant_id or None,
                    "place": finding.place,
                    "message": finding.message,
                }
                for finding in self.findings
            ],
            "rebuilt": self.rebuilt,
            "seconds": round(monotonic() - self._begun, 3),
        }


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
