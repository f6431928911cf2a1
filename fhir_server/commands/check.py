"""`./run check`: prove the books, and list what is off."""

from __future__ import annotations

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


def check(tenant: Tenants = None, data_dir: DataDir = None, as_json: AsJson = False, rebuild: Rebuild = False) -> None:
    """Prove the ledger, beside a running server too; exits with 1 and a list if anything is off."""
    from fhir_server.check_report import CheckReport
    from fhir_server.database import reachable_database, run_as
    from storage.roles import Role

    with reachable_database(settings_with(data_dir=data_dir)) as settings, CheckReport(as_json=as_json) as report:
        run_as(Role.AUDIT, settings, lambda audit: _check(audit, settings, tenant or None, report, rebuild=rebuild))
    report.say()
    if report.findings:
        raise typer.Exit(1)


async def _check(
    audit: Database, settings: Settings, tenants: list[str] | None, report: CheckReport, *, rebuild: bool
) -> None:
    from billing.check_ledger import check_ledger
    from billing.rebuild_versions import rebuild_versions
    from fhir_server.seal_keys import SealKeys
    from storage.transaction import Database

    report.findings = await check_ledger(audit, tenants, report, SealKeys(settings.seal_files).proof())
    # What is off stays as it is, to be looked at.
    if rebuild and not report.findings:
        app = Database(settings.database_url, size_max=1)
        await app.open()
        try:
            report.rebuilt = await rebuild_versions(audit, app, tenants)
        finally:
            await app.close()
