"""`./run tenants`: who is served - add, list, show, set - also while the server serves; it notices within seconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from fhir_server.commands.options import DataDir, settings_with

if TYPE_CHECKING:
    from ledger.recognition import RecognitionChange
    from ledger.tenant import Tenant
    from storage.transaction import Database

tenants = typer.Typer(no_args_is_help=True, help="The tenants: add, list, show, set.")

TenantId = Annotated[str, typer.Argument(metavar="TENANT", help="The tenant's id: a-z, 0-9 and hyphens.")]
Pairs = Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE...", help="Settings; `show` lists them all.")]
Facilities = Annotated[list[str] | None, typer.Option("--facility", metavar="ID=NAME", help="A facility; repeatable.")]


@tenants.command()
def add(
    tenant: TenantId,
    country: Annotated[str, typer.Option(help="ISO 3166 country code, such as AF.")],
    currency: Annotated[str, typer.Option(help="ISO 4217 currency code, such as AFN; it stays.")],
    timezone: Annotated[str, typer.Option(help="Such as Asia/Kabul: it decides which day it is.")],
    name: Annotated[str, typer.Option(help="The name for people. [default: the id]")] = "",
    facility: Facilities = None,
    settings: Pairs = None,
    data_dir: DataDir = None,
) -> None:
    """Register a tenant."""
    from billing.tenants import add_tenant
    from fhir_server.database import migrated_database, run_as
    from ledger.tenant import Tenant
    from storage.roles import Role

    new = Tenant(
        tenant,
        name or tenant,
        country,
        currency,
        timezone,
        settings=_pairs(settings),
        facilities=_pairs(facility),
    )

    async def work(database: Database) -> None:
        await add_tenant(database, new)

    with migrated_database(settings_with(data_dir=data_dir)) as reachable:
        run_as(Role.APP, reachable, work)
    typer.echo(f"added {tenant}")


@tenants.command("list")
def list_tenants(data_dir: DataDir = None) -> None:
    """List all tenants."""
    from fhir_server.database import migrated_database, run_as
    from storage.roles import Role
    from storage.tenants import ids, read

    with migrated_database(settings_with(data_dir=data_dir)) as reachable:
        all_ids = run_as(Role.AUDIT, reachable, ids)

        async def work(database: Database) -> list[Tenant]:
            found = [await read(database, tenant_id) for tenant_id in all_ids]
            return [tenant for tenant in found if tenant is not None]

        registered = run_as(Role.APP, reachable, work)
    for tenant in registered:
        state = "active" if tenant.active else "inactive"
        typer.echo(f"{tenant.id}  {tenant.currency}  {tenant.country}  {tenant.timezone}  {state}  {tenant.name}")


@tenants.command()
def show(tenant: TenantId, data_dir: DataDir = None) -> None:
    """Show a tenant with its facilities and all its settings."""
    from fhir_server.database import migrated_database, run_as
    from ledger.errors import not_found
    from storage.posting_periods import recognition_changes
    from storage.roles import Role
    from storage.tenants import read

    async def work(database: Database) -> tuple[Tenant | None, list[RecognitionChange]]:
        return await read(database, tenant), await recognition_changes(database, tenant)

    with migrated_database(settings_with(data_dir=data_dir)) as reachable:
        found, recognition = run_as(Role.APP, reachable, work)
    if found is None:
        raise not_found("tenant-unknown", f"There is no tenant {tenant}.")
    _print(found, recognition)


@tenants.command("set")
def set_values(
    tenant: TenantId,
    settings: Pairs = None,
    name: Annotated[str | None, typer.Option(help="Another name.")] = None,
    timezone: Annotated[str | None, typer.Option(help="Another time zone.")] = None,
    active: Annotated[
        bool | None, typer.Option("--active/--inactive", help="An inactive tenant's requests are refused.")
    ] = None,
    facility: Facilities = None,
    data_dir: DataDir = None,
) -> None:
    """Change a tenant's settings, name, time zone or facilities, or switch it off and on."""
    from billing.tenants import change_tenant
    from fhir_server.database import migrated_database, run_as
    from storage.posting_periods import recognition_changes
    from storage.roles import Role

    async def work(database: Database) -> tuple[Tenant, list[RecognitionChange]]:
        changed = await change_tenant(
            database,
            tenant,
            settings=_pairs(settings),
            facilities=_pairs(facility),
            name=name,
            timezone=timezone,
            active=active,
        )
        return changed, await recognition_changes(database, tenant)

    with migrated_database(settings_with(data_dir=data_dir)) as reachable:
        _print(*run_as(Role.APP, reachable, work))


def _print(tenant: Tenant, recognition: Sequence[RecognitionChange]) -> None:
    for label, value in {
        "id": tenant.id,
        "name": tenant.name,
        "country": tenant.country,
        "currency": tenant.currency,
        "timezone": tenant.timezone,
        "active": "yes" if tenant.active else "no",
    }.items():
        typer.echo(f"{label}: {value}")
    for facility_id, name in sorted(tenant.facilities.items()):
        typer.echo(f"facility {facility_id}={name}")
    for key, value in sorted(tenant.all_settings().items()):
        typer.echo(f"{key}={value}{'' if key in tenant.settings else '  (default)'}")
    for first_day, point in recognition:
        typer.echo(f"revenue of charges from {first_day} on is recognised at {point}")


def _pairs(texts: Sequence[str] | None) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts or ()]
    for key, equals, value in pairs:
        if not key or not equals:
            raise typer.BadParameter(f"{key}{equals}{value} is not KEY=VALUE")
    return {key: value for key, _, value in pairs}
