"""`./run check`: prove the books, and list what is off."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fhir_server.commands.options import DataDir, settings_with

if TYPE_CHECKING:
    from fhir_server.check_report import CheckReport
    from fhir_server.settings import Settings
    from storage.transaction import Database

Tenants = Annotated[list[str] | None, typer.Option("--tenant", help="Check this tenant only; repeatable.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of lines.")]
Rebuild = Annotated[
    bool, typer.Option("--rebuild", help="If all is sound, render anew what an older release rendered.")
]

Resume = Annotated[
    Path | None,
    typer.Option(help="Keep in this file which tenants are done, and go on behind those that are in it already."),
]

Processes = Annotated[
    int | None,
    typer.Option(
        min=1, help="How many processes share the work. [default: one per CPU core where there is much to do]"
    ),
]


def check(
    tenant: Tenants = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
    rebuild: Rebuild = False,
    resume: Resume = None,
    processes: Processes = None,
) -> None:
    """Prove the ledger, beside a running server too; exits with 1 and a list if anything is off."""
    from fhir_server.check_journal import CheckJournal
    from fhir_server.check_report import CheckReport
    from fhir_server.database import reachable_database, run_as
    from storage.roles import Role, name_of_database

    with reachable_database(settings_with(data_dir=data_dir)) as settings, CheckReport(as_json=as_json) as report:
        if resume is not None:
            report.journal = CheckJournal(resume, name_of_database(settings.audit_database_url))
        wanted = tenant or None
        run_as(Role.AUDIT, settings, lambda audit: _check(audit, settings, wanted, report, processes, rebuild=rebuild))
    report.say()
    if report.findings:
        raise typer.Exit(1)


async def _check(
    audit: Database,
    settings: Settings,
    tenants: list[str] | None,
    report: CheckReport,
    processes: int | None,
    *,
    rebuild: bool,
) -> None:
    from billing.check_ledger import check_ledger
    from billing.rebuild_versions import rebuild_versions
    from fhir_server.check_processes import CheckProcesses
    from fhir_server.seal_keys import SealKeys
    from storage.transaction import Database

    earlier = [] if report.journal is None else report.journal.read()
    earlier = [each for each in earlier if tenants is None or each.tenant_id in tenants]
    report.take_over(earlier)
    done = {each.tenant_id for each in earlier}
    proof = SealKeys(settings.seal_files).proof()
    async with CheckProcesses(settings, processes) as helpers:
        report.findings += await check_ledger(audit, tenants, report, proof, done=done, helpers=helpers)
    if report.journal is not None:
        report.journal.finish()
    # What is off stays as it is, to be looked at.
    if rebuild and not report.findings:
        app = Database(settings.database_url, size_max=1)
        await app.open()
        try:
            report.rebuilt = await rebuild_versions(audit, app, tenants)
        finally:
            await app.close()
