"""`./run payment-plans`: find the payment plans that are in default, also while the server serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fhir_server.commands.options import DataDir, settings_with

if TYPE_CHECKING:
    from storage.transaction import Database

payment_plans = typer.Typer(no_args_is_help=True, help="Payment plans: find those in default.")

Tenants = Annotated[list[str] | None, typer.Option("--tenant", help="Look at this tenant only; repeatable.")]


@payment_plans.callback()
def _group() -> None:
    """Payment plans: find those in default."""


@payment_plans.command("default")
def default(tenant: Tenants = None, data_dir: DataDir = None) -> None:
    """Record which plans are in default now, and which have caught up. The server does it each hour by itself."""
    from fhir_server.database import migrated_database, run_as
    from fhir_server.plan_defaults import note_defaults_of
    from ledger.errors import not_found
    from ledger.tenant import NATIONAL
    from storage.journal_blocks import tenant_ids
    from storage.roles import Role

    with migrated_database(settings_with(data_dir=data_dir)) as settings:
        known = tenant or [each for each in run_as(Role.WORKER, settings, tenant_ids) if each != NATIONAL]

        async def work(serving: Database) -> None:
            for tenant_id in known:
                noted = await note_defaults_of(serving, tenant_id, settings.base_url)
                if noted is None:
                    raise not_found("tenant-unknown", f"There is no tenant {tenant_id}.")
                found = f"{noted.defaulted} now in default, {noted.recovered} recovered"
                typer.echo(f"tenant {tenant_id}: {noted.looked_at} plans looked at, {found}")

        run_as(Role.APP, settings, work)
