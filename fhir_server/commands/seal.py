"""`./run seal`: seal the journal now, and say which block is the last of each tenant, for an auditor to keep."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from fhir_server.commands.options import DataDir, settings_with

if TYPE_CHECKING:
    from fhir_server.settings import Settings
    from ledger.journal_block import JournalBlock
    from storage.transaction import Database

Tenants = Annotated[list[str] | None, typer.Option("--tenant", help="Seal this tenant only; repeatable.")]
NewKey = Annotated[bool, typer.Option("--new-key", help="Sign with a new key from now on; older ones verify still.")]
PublicKeys = Annotated[bool, typer.Option("--public-keys", help="Print the public keys as a JWK set, and do nothing.")]
AcceptHeads = Annotated[
    bool,
    typer.Option("--accept-heads", help="Take the last blocks that the database has as the last ones made."),
]


def seal(
    tenant: Tenants = None,
    data_dir: DataDir = None,
    new_key: NewKey = False,
    public_keys: PublicKeys = False,
    accept_heads_: AcceptHeads = False,
) -> None:
    """Seal what was recorded until a few seconds ago, and print the last block of each tenant."""
    from fhir_server.database import reachable_database
    from fhir_server.seal_keys import SealKeys

    settings = settings_with(data_dir=data_dir)
    keys = SealKeys(settings.seal_files)
    if public_keys:
        typer.echo(json.dumps(keys.public_keys(), indent=2))
        return
    if new_key:
        typer.echo(f"blocks are signed with the key {keys.rotate()} from now on")
    with reachable_database(settings) as reachable:
        if accept_heads_:
            accept_heads(reachable)
        else:
            _seal(reachable, tenant)


def _seal(settings: Settings, tenants: list[str] | None) -> None:
    from billing.seal_journal import tenant_heads
    from fhir_server.database import run_as
    from fhir_server.journal_sealing import seal_all
    from fhir_server.seal_keys import SealKeys
    from ledger.errors import not_found
    from storage.roles import Role
    from storage.transaction import Database

    async def work(sealing: Database) -> None:
        known = await tenant_heads(sealing)
        for each in tenants or []:
            if each not in known:
                raise not_found("tenant-unknown", f"There is no tenant {each}.")
        serving = Database(settings.database_url, size_max=1)
        await serving.open()
        try:
            await seal_all(serving, sealing, SealKeys(settings.seal_files), tenants)
        finally:
            await serving.close()
        for tenant_id, head in (await tenant_heads(sealing)).items():
            if tenants is None or tenant_id in tenants:
                typer.echo(f"tenant {tenant_id}: {_said(head) if head else 'nothing to seal yet'}")

    run_as(Role.WORKER, settings, work)


def accept_heads(settings: Settings) -> None:
    """Remember the last blocks that the database has, and say where that is not what was remembered before."""
    from billing.seal_journal import tenant_heads
    from fhir_server.database import run_as
    from fhir_server.seal_keys import SealKeys
    from storage.roles import Role

    keys = SealKeys(settings.seal_files)
    before = keys.heads()
    after = run_as(Role.WORKER, settings, tenant_heads)
    for tenant_id in sorted(before.keys() | after.keys()):
        known, head = before.get(tenant_id), after.get(tenant_id)
        if known is not None and (head is None or known != (head.number, head.hash)):
            typer.echo(
                f"tenant {tenant_id}: the last block was {known.number} {known.hash}, now it is"
                f" {f'{head.number} {head.hash}' if head else 'none'}"
            )
        if head is None:
            keys.forget(tenant_id)
        else:
            keys.remember(head, backwards=True)


def _said(head: JournalBlock) -> str:
    return f"block {head.number} through {head.sealed_through:%Y-%m-%dT%H:%M:%S}Z, hash {head.hash}"
