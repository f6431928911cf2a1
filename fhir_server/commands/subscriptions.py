"""`./run subscriptions`: how far subscriptions are, and what the operator does with one: pause, resume, replay."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fhir_server.commands.options import DataDir, settings_with

if TYPE_CHECKING:
    from storage.subscription_overview import SubscriptionState
    from storage.transaction import Database, Transaction

subscriptions = typer.Typer(no_args_is_help=True, help="Subscriptions: list, pause, resume, replay.")

ACTOR = "operator"

TenantId = Annotated[str, typer.Option("--tenant", help="The tenant's id.")]
SubscriptionId = Annotated[str, typer.Argument(metavar="ID", help="The id of the Subscription.")]


@subscriptions.command("list")
def list_subscriptions(tenant: TenantId, data_dir: DataDir = None) -> None:
    """List the subscriptions of a tenant: status, events sent and numbered, the last failure."""
    from storage import subscription_overview

    async def work(database: Database) -> list[SubscriptionState]:
        found: list[SubscriptionState] = []
        while page := await subscription_overview.states(database, tenant, after=found[-1].id if found else ""):
            found += page
        return found

    for state in _with_database(data_dir, work):
        paused = " (paused)" if state.paused else ""
        failed = f"  {state.last_error}" if state.failures or state.status == "error" else ""
        typer.echo(
            f"{state.id}  {state.status}{paused}  {state.sent_number}/{state.last_number}  {state.criteria}{failed}"
        )


@subscriptions.command()
def pause(subscription: SubscriptionId, tenant: TenantId, data_dir: DataDir = None) -> None:
    """Send nothing until it is resumed. Events go on being numbered."""
    from billing.operate_subscription import pause_subscription

    async def pausing(tx: Transaction) -> None:
        await pause_subscription(tx, subscription)

    _with_database(data_dir, lambda database: database.run(tenant, ACTOR, pausing))
    typer.echo(f"paused {subscription}")


@subscriptions.command()
def resume(subscription: SubscriptionId, tenant: TenantId, data_dir: DataDir = None) -> None:
    """Go on with what was not sent; one in error is started again."""
    from billing.context import Context
    from billing.operate_subscription import resume_subscription
    from ledger.tenant import Tenant

    settings = settings_with(data_dir=data_dir)
    context = Context(Tenant(tenant, "", "", "", "UTC"), ACTOR, ACTOR, settings.base_url)

    async def resuming(tx: Transaction) -> None:
        await resume_subscription(tx, context, subscription)

    _with_database(data_dir, lambda database: database.run(tenant, ACTOR, resuming))
    typer.echo(f"resumed {subscription}")


@subscriptions.command()
def replay(
    subscription: SubscriptionId,
    tenant: TenantId,
    first: Annotated[int, typer.Option("--from", help="The number of the first event to send.")],
    data_dir: DataDir = None,
) -> None:
    """Send again from an event, or leave out those before it: they stay readable by $events."""
    from billing.operate_subscription import replay_subscription

    async def replaying(tx: Transaction) -> int:
        return await replay_subscription(tx, subscription, first)

    count = _with_database(data_dir, lambda database: database.run(tenant, ACTOR, replaying))
    typer.echo(f"{count} events of {subscription} are to be sent")


def _with_database(data_dir: Any, work: Callable[[Database], Awaitable[Any]]) -> Any:
    from fhir_server.database import reachable_database, run_as
    from storage.roles import Role

    with reachable_database(settings_with(data_dir=data_dir)) as reachable:
        return run_as(Role.APP, reachable, work)
