"""Sealed blocks: each follows the one before it, says what is there, and is signed; and the last one made is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from billing.check.corruption import Corruption
from billing.check.finding import Findings, Rule
from billing.check.progress import Progress
from billing.seal_journal import RESOURCE_TYPE
from ledger.journal_block import JournalBlock
from storage import check_seals, journal_blocks
from storage.check_snapshot import Snapshot
from storage.journal_blocks import StoredBlock


class Head(NamedTuple):
    """The last block of a tenant, as somebody outside of the database remembers it."""

    number: int
    hash: str


def _not_verified(_block: JournalBlock, _signature: str) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class SealProof:
    """What is known of blocks outside of the database.

    `verify` says what is wrong with a signature: nothing (empty), `unknown-key`, or anything else. `heads`: tenant ->
    the last block that was made.
    """

    verify: Callable[[JournalBlock, str], str] = _not_verified
    heads: Mapping[str, Head] = field(default_factory=dict)


RULES = (
    Rule(
        Corruption.BLOCK_NOT_ANNOUNCED,
        check_seals.NOT_ANNOUNCED,
        "JournalBlock/{0}",
        "the outbox does not tell of it",
        (RESOURCE_TYPE,),
    ),
    Rule(
        Corruption.BLOCK_MISSING,
        check_seals.ANNOUNCED_AND_GONE,
        "JournalBlock/{0}",
        "the outbox tells of it, and it is not there",
        (RESOURCE_TYPE,),
    ),
)


async def check_chain(snapshot: Snapshot, findings: Findings, proof: SealProof) -> None:
    """Each block follows the one before it and is signed, and the last one that was made is there."""
    stored = await journal_blocks.blocks(snapshot, findings.tenant_id)
    previous: JournalBlock | None = None
    _check_signatures(findings, stored, proof)
    for each in stored:
        if each.hash != each.block.hash or not each.block.follows(previous):
            message = "it does not follow the block before it: one of the two was changed, or one between them is gone"
            findings.add(Corruption.BLOCK_CHAIN_BROKEN, _place(each.block), message)
        previous = each.block
    _check_head(findings, stored, proof.heads.get(findings.tenant_id))


async def check_sealed(snapshot: Snapshot, findings: Findings, first: int, end: int, progress: Progress) -> None:
    """What was sealed is there as it was, of the blocks from the place `first` up to `end` and without it."""
    for each in await journal_blocks.blocks(snapshot, findings.tenant_id, first, end - first):
        block = each.block
        found = await journal_blocks.digest_of(snapshot, block)
        if found.content_hash != block.content_hash:
            findings.add(
                Corruption.SEALED_CONTENT_CHANGED,
                _place(block),
                f"what was recorded until {block.sealed_through:%Y-%m-%d %H:%M:%S} UTC is not what was sealed:"
                f" {block.entries} entries and {block.versions} versions then,"
                f" {found.entries} and {found.versions} now",
            )
        progress.advance(block.entries + block.versions)


def _check_signatures(findings: Findings, stored: list[StoredBlock], proof: SealProof) -> None:
    said = {each.block.number: proof.verify(each.block, each.signature) for each in stored}
    for number, problem in said.items():
        if problem not in ("", "unknown-key"):
            findings.add(
                Corruption.BLOCK_SIGNATURE_WRONG, f"JournalBlock/{number}", "its signature is not of this block"
            )
    unknown = [number for number, problem in said.items() if problem == "unknown-key"]
    if unknown:
        message = f"{len(unknown)} blocks from this one on are signed with keys that are not here"
        findings.add(Corruption.BLOCK_KEY_UNKNOWN, f"JournalBlock/{unknown[0]}", message)


def _check_head(findings: Findings, stored: list[StoredBlock], head: Head | None) -> None:
    if head is not None and all((each.block.number, each.block.hash) != head for each in stored):
        findings.add(
            Corruption.BLOCK_MISSING,
            f"JournalBlock/{head.number}",
            f"it was made, with the hash {head.hash[:16]}..., and is not there: the tail is cut, or a dump restored",
        )


def _place(block: JournalBlock) -> str:
    return f"JournalBlock/{block.number}"
