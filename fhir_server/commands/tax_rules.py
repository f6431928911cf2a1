"""`./run tax-rules`: add, list and end tax rules, also while the server serves.

The tenant `national` has the rules of countries, which every tenant there goes by where it has none of its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fhir_server.commands.options import DataDir, settings_with

if TYPE_CHECKING:
    from ledger.tenant import Tenant
    from storage.transaction import Database

tax_rules = typer.Typer(no_args_is_help=True, help="Tax rules: add, list, end.")

TenantId = Annotated[str, typer.Option("--tenant", help="Whose it is; `national` for the rules of a country.")]
RuleId = Annotated[str, typer.Argument(metavar="RULE", help="The rule's id.")]
_OPERATOR = "operator"
# Somewhere it is tomorrow already.
_AHEAD = timedelta(hours=14)


@tax_rules.command("add")
def add_rule(
    rule_id: RuleId,
    tenant: TenantId,
    category: Annotated[str, typer.Option(help="As prices of lists name it, or the tenant's setting tax_category.")],
    code: Annotated[str, typer.Option(help="The tax, such as VAT.")],
    valid_from: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day in force.")],
    percent: Annotated[str, typer.Option(help="Such as 5; 0 unless it is taxable.")] = "0",
    treatment: Annotated[str, typer.Option(help="taxable, zero-rated or exempt.")] = "taxable",
    valid_to: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="The last one. [default: until it is ended]")
    ] = None,
    system: Annotated[str | None, typer.Option(help="The system of the code, a URL.")] = None,
    facility: Annotated[str | None, typer.Option(help="The id of the facility that it is for.")] = None,
    country: Annotated[str | None, typer.Option(help="The country that it is for; `national` only.")] = None,
    inclusive: Annotated[bool, typer.Option("--inclusive", help="A priceOverride has the tax in it.")] = False,
    name: Annotated[str | None, typer.Option(help="The name for people.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Add a rule; it is never edited. The same once more changes nothing."""
    from billing.keep_tax_rule import add_tax_rule
    from ledger.tax_rule import TaxRule

    rule = TaxRule(
        tenant_id=tenant,
        id=rule_id,
        category=category,
        code=code,
        treatment=treatment,
        percent=_percent(percent),
        valid_from=valid_from.date(),
        valid_to=valid_to.date() if valid_to else None,
        system=system,
        inclusive=inclusive,
        facility=facility,
        country=country,
        name=name,
    )

    async def work(database: Database, _tenant: Tenant) -> None:
        _, is_new = await database.run(tenant, _OPERATOR, lambda tx: add_tax_rule(tx, rule))
        typer.echo(f"{rule_id} is in force from {rule.valid_from} on" if is_new else f"{rule_id} is there already")

    _run(data_dir, tenant, work)


@tax_rules.command("list")
def list_rules(tenant: TenantId, data_dir: DataDir = None) -> None:
    """List the rules that a tenant goes by: its own, and its country's."""
    from storage import tax_rules as stored

    async def work(database: Database, of: Tenant) -> None:
        for rule in await stored.for_tenant(database, of.id, of.country):
            about = " ".join(filter(None, (rule.facility, rule.country)))
            rate = f"{rule.percent.normalize():f}%" if rule.percent else rule.treatment
            days = f"{rule.valid_from} until {rule.valid_to or 'it is ended'}"
            typer.echo(f"{rule.key}  {rule.category}  {rule.code} {rate}  {about}  {days}  {rule.name or ''}".rstrip())

    _run(data_dir, tenant, work)


@tax_rules.command("end")
def end_rule(
    rule_id: RuleId,
    tenant: TenantId,
    last_day: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="The last day in force.")],
    data_dir: DataDir = None,
) -> None:
    """Have a rule end on a day that is not past."""
    from billing.keep_tax_rule import end_tax_rule

    async def work(database: Database, _tenant: Tenant) -> None:
        today = (datetime.now(UTC) + _AHEAD).date()
        await database.run(tenant, _OPERATOR, lambda tx: end_tax_rule(tx, rule_id, last_day.date(), today=today))
        typer.echo(f"{rule_id} ends on {last_day.date()}")

    _run(data_dir, tenant, work)


def _percent(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise typer.BadParameter(f"{text} is not a number") from None


def _run(data_dir: Path | None, tenant_id: str, work: Callable[[Database, Tenant], Awaitable[None]]) -> None:
    from fhir_server.database import migrated_database, run_as
    from ledger.errors import not_found
    from storage.roles import Role
    from storage.tenants import read

    async def for_tenant(database: Database) -> None:
        tenant = await read(database, tenant_id)
        if tenant is None:
            raise not_found("tenant-unknown", f"There is no tenant {tenant_id}.")
        await work(database, tenant)

    with migrated_database(settings_with(data_dir=data_dir)) as settings:
        run_as(Role.APP, settings, for_tenant)
