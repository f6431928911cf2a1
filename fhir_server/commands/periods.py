"""`./run periods`: list, soft-close, close and reopen posting periods, also while the server serves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fhir_server.commands.options import DataDir, settings_with

if TYPE_CHECKING:
    from billing.context import Context
    from ledger.posting_period import PostingPeriod
    from storage.transaction import Database

periods = typer.Typer(no_args_is_help=True, help="Posting periods: list, soft-close, close, reopen.")

TenantId = Annotated[str, typer.Option("--tenant", help="Whose books.")]
PeriodId = Annotated[str, typer.Argument(metavar="PERIOD", help="The day on which it begins, such as 2026-10-01.")]
_OPERATOR = "operator"


@periods.command("list")
def list_all(tenant: TenantId, data_dir: DataDir = None) -> None:
    """List the periods up to today's, the first one first."""
    from billing.posting_periods import list_periods

    async def work(database: Database, context: Context) -> None:
        for period in await list_periods(database, context):
            typer.echo(_line(period))

    _run(data_dir, tenant, work)


@periods.command("soft-close")
def soft_close(
    period_id: PeriodId,
    tenant: TenantId,
    last_day: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Its last day. [default: of its month]")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Soft-close the next period: from now on only who may close periods posts into it."""
    from billing.soft_close_period import soft_close_period

    async def work(database: Database, context: Context) -> None:
        end = last_day.date() if last_day else None
        command = lambda tx: soft_close_period(tx, context, period_id, last_day=end)  # noqa: E731
        typer.echo(_line(await database.run(tenant, _OPERATOR, command)))

    _run(data_dir, tenant, work)


@periods.command("close")
def close(period_id: PeriodId, tenant: TenantId, data_dir: DataDir = None) -> None:
    """Close the first soft-closed period for ever, and keep its trial balance."""
    from billing.close_period import close_period

    async def work(database: Database, _context: Context) -> None:
        typer.echo(_line(await database.run(tenant, _OPERATOR, lambda tx: close_period(tx, period_id))))

    _run(data_dir, tenant, work)


@periods.command("reopen")
def reopen(
    period_id: PeriodId,
    tenant: TenantId,
    reason: Annotated[str, typer.Option(help="Why, in a sentence.")],
    data_dir: DataDir = None,
) -> None:
    """Open the last soft-closed period again."""
    from billing.reopen_period import reopen_period

    async def work(database: Database, _context: Context) -> None:
        command = lambda tx: reopen_period(tx, period_id, reason=reason)  # noqa: E731
        typer.echo(_line(await database.run(tenant, _OPERATOR, command)))

    _run(data_dir, tenant, work)


def _line(period: PostingPeriod) -> str:
    by = f"  by {period.changed_by} at {period.changed_at:%Y-%m-%d %H:%M} UTC" if period.changed_at else ""
    point = "  revenue at issue" if period.recognition_point == "issue" else ""
    return f"{period.first_day} until {period.last_day}  {period.status}{by}{point}"


def _run(data_dir: Path | None, tenant_id: str, work: Callable[[Database, Context], Awaitable[None]]) -> None:
    from billing.context import Context
    from fhir_server.database import migrated_database, run_as
    from ledger.errors import not_found
    from storage.roles import Role
    from storage.tenants import read

    with migrated_database(settings_with(data_dir=data_dir)) as settings:

        async def for_tenant(database: Database) -> None:
            tenant = await read(database, tenant_id)
            if tenant is None:
                raise not_found("tenant-unknown", f"There is no tenant {tenant_id}.")
            await work(database, Context(tenant, _OPERATOR, _OPERATOR, settings.base_url))

        run_as(Role.APP, settings, for_tenant)
