"""`./run price-lists`: import, export, list, activate and end price lists, also while the server serves.

The tenant `national` has the national lists. What is imported is a new version; with `--draft` it prices nothing yet.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fhir_server.commands.options import DataDir, settings_with

if TYPE_CHECKING:
    from billing.context import Context
    from billing.settle_waiting_charges import Settled
    from fhir_server.settings import Settings
    from ledger.price_list import PriceListVersion
    from storage.transaction import Database, Transaction

price_lists = typer.Typer(no_args_is_help=True, help="Price lists: import, export, list, activate, end.")

TenantId = Annotated[str, typer.Option("--tenant", help="Whose it is; `national` for the lists of a country.")]
ListId = Annotated[str, typer.Argument(metavar="LIST", help="The list's id.")]
VersionNumber = Annotated[int, typer.Argument(metavar="VERSION", help="Its number, as `list` shows it.")]
_OPERATOR = "operator"


@price_lists.command("import")
def import_list(
    file: Annotated[Path, typer.Argument(help="A CSV file; - reads what is piped in.")],
    list_id: Annotated[str, typer.Option("--list", help="The list's id; it is made where it is not there.")],
    tenant: TenantId,
    valid_from: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day in force.")],
    valid_to: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="The last one. [default: until superseded]")
    ] = None,
    name: Annotated[str, typer.Option(help="The name for people. [default: the id]")] = "",
    facility: Annotated[str | None, typer.Option(help="The id of the facility that it is for.")] = None,
    country: Annotated[
        str | None, typer.Option(help="The country that it is for, such as AF; `national` only.")
    ] = None,
    program: Annotated[str | None, typer.Option(metavar="SYSTEM|CODE", help="The program that it is for.")] = None,
    draft: Annotated[bool, typer.Option("--draft", help="Do not bring it into force yet.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Write a new version of a list, and bring it into force; charges that waited for it are priced."""
    from billing.keep_price_list import keep_price_list
    from billing.write_price_list import write_price_list
    from fhir_server.price_list_report import reading_bar
    from ledger.price_list import PriceList
    from mappers.price_list_csv import read_csv
    from storage import price_lists as stored

    text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    with reading_bar(text.count("\n") + 1) as advance:
        prices, rules = read_csv(text, advance)
    wanted = PriceList(
        tenant_id=tenant,
        id=list_id,
        name=name or list_id,
        level="facility" if facility else "national" if country else "tenant",
        facility=facility,
        country=country,
        program=_program(program),
    )
    days = (valid_from.date(), valid_to.date() if valid_to else None)

    async def write(tx: Transaction) -> PriceListVersion:
        existing = await stored.read(tx, tx.tenant_id, list_id)
        # Without a name the list keeps the one that it has.
        await keep_price_list(tx, wanted if name or existing is None else replace(wanted, name=existing.name))
        return await write_price_list(tx, list_id, valid_from=days[0], valid_to=days[1], prices=prices, rules=rules)

    async def work(database: Database, settings: Settings) -> None:
        context = await _context(database, settings, tenant)
        version = await database.run(tenant, _OPERATOR, write)
        typer.echo(f"wrote version {version.version} of {list_id}: {len(prices)} prices, {len(rules)} rules")
        if not draft:
            await _activate(database, context, list_id, version.version)

    _run(data_dir, work)


@price_lists.command("export")
def export_list(
    list_id: ListId,
    tenant: TenantId,
    version: Annotated[int | None, typer.Option(help="Which version. [default: the newest]")] = None,
    output: Annotated[Path | None, typer.Option("--output", help="A file. [default: what is printed]")] = None,
    data_dir: DataDir = None,
) -> None:
    """Write a version as CSV, as `import` reads it."""
    from billing.keep_price_list import list_unknown
    from mappers.price_list_csv import write_csv
    from storage import price_lists as stored

    async def work(database: Database, settings: Settings) -> None:
        await _context(database, settings, tenant)
        numbers = [each.version for each in await stored.versions(database, tenant, [list_id])]
        wanted = version if version is not None else max(numbers, default=0)
        if wanted not in numbers:
            raise list_unknown(list_id)
        text = write_csv(*await stored.content(database, tenant, list_id, wanted))
        if output is None:
            typer.echo(text, nl=False)
        else:
            output.write_text(text, encoding="utf-8", newline="")

    _run(data_dir, work)


@price_lists.command("list")
def list_lists(tenant: TenantId, data_dir: DataDir = None) -> None:
    """List the price lists of a tenant with their versions."""
    from storage import price_lists as stored

    async def work(database: Database, settings: Settings) -> None:
        await _context(database, settings, tenant)
        lists = await stored.page(database, tenant)
        versions = await stored.versions(database, tenant, [each.id for each in lists])
        for each in lists:
            program = f"  program {'|'.join(each.program)}" if each.program else ""
            typer.echo(f"{each.id}  {each.level} {each.facility or each.country or ''}{program}  {each.name}")
            for version in versions:
                if version.list_id == each.id:
                    last = version.valid_to or "superseded"
                    typer.echo(f"  version {version.version}  {version.status}  {version.valid_from} until {last}")

    _run(data_dir, work)


@price_lists.command("activate")
def activate_list(list_id: ListId, version: VersionNumber, tenant: TenantId, data_dir: DataDir = None) -> None:
    """Bring a draft into force; charges that waited for it are priced."""

    async def work(database: Database, settings: Settings) -> None:
        await _activate(database, await _context(database, settings, tenant), list_id, version)

    _run(data_dir, work)


@price_lists.command("end")
def end_list(
    list_id: ListId,
    version: VersionNumber,
    tenant: TenantId,
    last_day: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="The last day in force.")],
    data_dir: DataDir = None,
) -> None:
    """Have a version end sooner. What it priced keeps its price."""
    from billing.activate_price_list import end_price_list

    async def work(database: Database, settings: Settings) -> None:
        await _context(database, settings, tenant)
        await database.run(tenant, _OPERATOR, lambda tx: end_price_list(tx, list_id, version, last_day.date()))
        typer.echo(f"version {version} of {list_id} ends on {last_day.date()}")

    _run(data_dir, work)


@price_lists.command("settle")
def settle_waiting(tenant: TenantId, data_dir: DataDir = None) -> None:
    """Price the charges that wait for a price, and place those that wait for an account, where there is one now."""

    async def work(database: Database, settings: Settings) -> None:
        await _settle(database, await _context(database, settings, tenant), both=True)

    _run(data_dir, work)


async def _activate(database: Database, context: Context, list_id: str, version: int) -> None:
    from billing.activate_price_list import activate_price_list
    from ledger.tenant import NATIONAL

    tenant_id = context.tenant.id
    found = await database.run(tenant_id, _OPERATOR, lambda tx: activate_price_list(tx, list_id, version))
    typer.echo(f"version {version} of {list_id} is in force from {found.valid_from} on")
    if tenant_id == NATIONAL:
        typer.echo("charges that waited for it are priced by: ./run price-lists settle --tenant TENANT", err=True)
    else:
        await _settle(database, context, both=False)


async def _settle(database: Database, context: Context, *, both: bool) -> None:
    from billing.settle_waiting_charges import settle_all, settle_charges_without_account, settle_unpriced_charges
    from fhir_server.price_list_report import settling_bar

    sorts = (settle_unpriced_charges, settle_charges_without_account) if both else (settle_unpriced_charges,)
    for settle in sorts:
        with settling_bar() as advance:
            done: Settled = await settle_all(database, context, settle, advance=advance)
        waited = "for a price" if settle is settle_unpriced_charges else "for an account"
        if done.looked_at:
            typer.echo(f"{done.settled} of {done.looked_at} charges that waited {waited} are settled")


async def _context(database: Database, settings: Settings, tenant_id: str) -> Context:
    from billing.context import Context
    from ledger.errors import not_found
    from storage.tenants import read

    tenant = await read(database, tenant_id)
    if tenant is None:
        raise not_found("tenant-unknown", f"There is no tenant {tenant_id}.")
    return Context(tenant, _OPERATOR, _OPERATOR, settings.base_url)


def _run(data_dir: Path | None, work: Callable[[Database, Settings], Awaitable[None]]) -> None:
    from fhir_server.database import migrated_database, run_as
    from storage.roles import Role

    with migrated_database(settings_with(data_dir=data_dir)) as settings:
        run_as(Role.APP, settings, lambda database: work(database, settings))


def _program(text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    system, bar, code = text.rpartition("|")
    if not bar:
        raise typer.BadParameter(f"{text} is not SYSTEM|CODE")
    return system, code
