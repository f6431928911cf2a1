"""`./run codes`: import, export and list the code table that charges are validated by, also while the server serves.

The tenant `national` has the codes of countries, which every tenant there has where it has none of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fhir_server.commands.options import DataDir, settings_with

if TYPE_CHECKING:
    from storage.transaction import Database

codes = typer.Typer(no_args_is_help=True, help="The code table of charges: import, export, list.")

TenantId = Annotated[str, typer.Option("--tenant", help="Whose it is; `national` for the codes of a country.")]
Country = Annotated[
    str | None, typer.Option(metavar="COUNTRY", help="The country that they are for, such as AF; `national` only.")
]
_OPERATOR = "operator"


@codes.command("import")
def import_codes(
    file: Annotated[Path, typer.Argument(help="A CSV file; - reads what is piped in.")],
    tenant: TenantId,
    country: Country = None,
    data_dir: DataDir = None,
) -> None:
    """Add codes, or have them say what the file says. What the file leaves out stays as it is."""
    from billing.keep_charge_codes import keep_charge_codes
    from mappers.charge_code_csv import read_csv

    text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    found = read_csv(text, country)

    async def work(database: Database) -> None:
        changed = await database.run(tenant, _OPERATOR, lambda tx: keep_charge_codes(tx, found))
        typer.echo(f"{changed} of {len(found)} codes are new or changed")

    _run(data_dir, tenant, work)


@codes.command("export")
def export_codes(
    tenant: TenantId,
    country: Country = None,
    output: Annotated[Path | None, typer.Option("--output", help="A file. [default: what is printed]")] = None,
    data_dir: DataDir = None,
) -> None:
    """Write the codes as CSV, as `import` reads it."""
    from mappers.charge_code_csv import write_csv
    from storage import charge_codes

    async def work(database: Database) -> None:
        text = write_csv(each for each in await charge_codes.all_of(database, tenant) if each.country == country)
        if output is None:
            typer.echo(text, nl=False)
        else:
            output.write_text(text, encoding="utf-8", newline="")

    _run(data_dir, tenant, work)


@codes.command("list")
def list_codes(
    tenant: TenantId,
    system: Annotated[str | None, typer.Option(help="Those of this code system only.")] = None,
    data_dir: DataDir = None,
) -> None:
    """List the codes of a tenant."""
    from storage import charge_codes

    async def work(database: Database) -> None:
        for each in await charge_codes.all_of(database, tenant):
            if system in (None, each.system):
                days = f"{each.valid_from or ''}..{each.valid_to or ''}"
                about = "  ".join(filter(None, (each.country, each.system, each.code, days, each.display)))
                typer.echo(about)

    _run(data_dir, tenant, work)


def _run(data_dir: Path | None, tenant_id: str, work: Callable[[Database], Awaitable[None]]) -> None:
    from fhir_server.database import migrated_database, run_as
    from ledger.errors import not_found
    from storage.roles import Role
    from storage.tenants import read

    async def for_tenant(database: Database) -> None:
        if await read(database, tenant_id) is None:
            raise not_found("tenant-unknown", f"There is no tenant {tenant_id}.")
        await work(database)

    with migrated_database(settings_with(data_dir=data_dir)) as settings:
        run_as(Role.APP, settings, for_tenant)
