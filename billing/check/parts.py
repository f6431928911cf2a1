"""The check of a tenant in parts. Each proves something by itself, so that several processes share them.

What a part finds does not depend on any other; that all of them were checked is for `check_ledger` to see to.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from billing.check import (
    approvals,
    balances,
    cash,
    charges,
    control_totals,
    credit_notes,
    gateway_payments,
    invoices,
    journal,
    payment_plans,
    payments,
    periods,
    prices,
    recognition,
    seals,
    subscriptions,
    taxes,
    versions,
)
from billing.check.finding import Findings, Rule, apply
from billing.check.progress import Progress
from billing.check.resources import STEPS_OF_VERSION, check_resources
from billing.check.seals import SealProof
from storage import check_rows, check_versions, journal_blocks
from storage.check_journal import Counts
from storage.check_rows import Stretch
from storage.check_snapshot import Snapshot
from storage.check_tenants import RegisteredTenant

_RULES = (
    *journal.RULES,
    *balances.RULES,
    *charges.RULES,
    *invoices.RULES,
    *credit_notes.RULES,
    *payments.RULES,
    *cash.RULES,
    *gateway_payments.RULES,
    *prices.RULES,
    *approvals.RULES,
    *payment_plans.RULES,
    *taxes.RULES,
    *versions.RULES,
    *subscriptions.RULES,
    *seals.RULES,
    *control_totals.RULES,
    *periods.RULES,
    *recognition.RULES,
)

POSTINGS_OF_STEP = 75
"""A rule that PostgreSQL tries on so many postings takes about as long as an entry or version that is sealed."""

RESOURCES_OF_PART = 3_000
BLOCKS_OF_PART = 20


class RulePart(msgspec.Struct, frozen=True, tag="rule"):
    """One rule, which PostgreSQL tries on all that the tenant has. `steps`: how much work that is."""

    number: int
    steps: int


class PriceListsPart(msgspec.Struct, frozen=True, tag="price-lists"):
    """What stands in the price lists."""


class ChainPart(msgspec.Struct, frozen=True, tag="chain"):
    """The sealed blocks, one after the other, without what they seal."""


class SealedPart(msgspec.Struct, frozen=True, tag="sealed"):
    """What some of the blocks seal, by their place among those that are there."""

    first: int
    end: int


class ResourcesPart(msgspec.Struct, frozen=True, tag="resources"):
    """The resources of a type in a stretch of ids, with all their versions and bookings."""

    resource_type: str
    stretch: Stretch


Part = RulePart | PriceListsPart | ChainPart | SealedPart | ResourcesPart


def rules_of(tenant_id: str) -> list[Rule]:
    return [*_RULES, *invoices.number_rules(tenant_id)]


async def parts_of(snapshot: Snapshot, tenant: RegisteredTenant, counts: Counts) -> list[Part]:
    """All that is to be checked of a tenant; what takes longest comes first, what finds places comes in their order."""
    steps = 1 + counts.postings // POSTINGS_OF_STEP
    parts: list[Part] = [RulePart(number, steps) for number in range(len(rules_of(tenant.id)))]
    parts += [PriceListsPart(), ChainPart()]
    blocks = await journal_blocks.count(snapshot, tenant.id)
    parts += [SealedPart(first, first + BLOCKS_OF_PART) for first in range(0, blocks, BLOCKS_OF_PART)]
    for resource_type in await check_versions.types(snapshot, tenant.id):
        stretches = await check_rows.stretches(snapshot, tenant.id, resource_type, RESOURCES_OF_PART)
        parts += [ResourcesPart(resource_type, stretch) for stretch in stretches]
    return parts


def steps_of(parts: Iterable[Part], counts: Counts) -> int:
    """How many steps `check_part` will tell of in all, if nothing is amiss."""
    of_rules = sum(part.steps for part in parts if isinstance(part, RulePart))
    return of_rules + counts.sealed + STEPS_OF_VERSION * (counts.versions + counts.resources)


async def check_part(
    snapshot: Snapshot, tenant: RegisteredTenant, part: Part, findings: Findings, proof: SealProof, progress: Progress
) -> None:
    """Check a part of a tenant, and say so as it goes on."""
    match part:
        case RulePart():
            rule = rules_of(tenant.id)[part.number]
            progress.look_at(rule.code)
            await apply([rule], snapshot, findings)
            progress.advance(part.steps)
        case PriceListsPart():
            progress.look_at("price lists")
            await prices.check_lists(snapshot, findings, tenant.id)
        case ChainPart():
            progress.look_at("sealed blocks")
            await seals.check_chain(snapshot, findings, proof)
        case SealedPart():
            progress.look_at("sealed blocks")
            await seals.check_sealed(snapshot, findings, part.first, part.end, progress)
        case ResourcesPart():
            progress.look_at(part.resource_type)
            await check_resources(snapshot, findings, tenant, part.resource_type, part.stretch, progress)
