"""Which subscriptions a change is for. Looked up by tenant, topic, type and one equality of the filters; no scan.

What a tenant's subscriptions ask is compiled once and kept; the tenant's registry says with one number whether any has
changed since.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from ledger.errors import Refusal
from ledger.resource import Resource
from ledger.subscription import Subscription
from mappers import mapper_for
from mappers.criterion_evaluation import Condition, LookupKey, RecordRow, condition_of, lookup_key, lookup_values
from mappers.r4.json_text import decode_own
from mappers.subscription_terms import Terms, terms_of
from storage import subscription_matching
from storage.search_criteria import EVERYTHING
from storage.subscription_delivery import DueSubscription
from storage.subscription_matching import Content, KnownSubscription, QueuedChange
from storage.transaction import Database, Transaction

BATCH = 500
ACTOR = "dispatcher"
DELETION = "delete"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A subscription as a change of one type meets it. `condition` is None where every change is for it."""

    id: str
    since: datetime
    takes_deletions: bool
    condition: Condition | None


@dataclass(slots=True)
class _Bucket:
    """The candidates of one trigger and one type: those that one equality leads to, and the rest."""

    by_key: dict[tuple[str, str], dict[str, list[Candidate]]] = field(default_factory=dict)
    others: list[Candidate] = field(default_factory=list)
    needs_content: bool = False

    def add(self, candidate: Candidate, key: LookupKey | None) -> None:
        self.needs_content |= candidate.condition is not None
        if key is None:
            self.others.append(candidate)
        else:
            by_value = self.by_key.setdefault((key.parameter, key.column), {})
            by_value.setdefault(key.value, []).append(candidate)

    def candidates(self, record: Resource | None) -> Iterator[Candidate]:
        yield from self.others
        if record is not None:
            for (parameter, column), by_value in self.by_key.items():
                for value in lookup_values(record, parameter, column):
                    yield from by_value.get(value, ())


class TenantIndex:
    """The subscriptions of one tenant, compiled."""

    def __init__(self, base_url: str) -> None:
        self.revision = -1
        self._base_url = base_url
        self._known: dict[str, KnownSubscription] = {}
        self._terms: dict[str, Terms] = {}
        self._buckets: dict[tuple[str, str], _Bucket] = {}

    async def refresh(self, tx: Transaction, revision: int) -> None:
        """Read what has changed since the revision that is known."""
        if revision == self.revision:
            return
        states = {each.id: each for each in await subscription_matching.known(tx)}
        changed = [id_ for id_, state in states.items() if self._known.get(id_) != state and state.status != "off"]
        records = await subscription_matching.load_subscriptions(tx, changed)
        now = await tx.read_clock()
        for id_ in [each for each in self._terms if each not in states or states[each].status == "off"]:
            del self._terms[id_]
        for id_, record in records.items():
            self._compile(id_, record, now)
        self._known, self.revision = states, revision
        self._arrange()

    def _compile(self, subscription_id: str, record: Subscription, now: datetime) -> None:
        try:
            self._terms[subscription_id] = terms_of(record, base_url=self._base_url, now=now)
        except Refusal:
            # Accepted by an earlier release and not understood by this one: it gets nothing, and says so when changed.
            self._terms.pop(subscription_id, None)

    def _arrange(self) -> None:
        buckets: defaultdict[tuple[str, str], _Bucket] = defaultdict(_Bucket)
        for id_, terms in self._terms.items():
            for resource_type, criterion in terms.criteria.items():
                condition = None if criterion == EVERYTHING else condition_of(criterion)
                candidate = Candidate(id_, self._known[id_].since, terms.topic is not None, condition)
                key = None if condition is None else lookup_key(criterion)
                buckets[terms.event, resource_type].add(candidate, key)
        self._buckets = dict(buckets)

    def buckets_of(self, change: QueuedChange) -> list[_Bucket]:
        triggers = ("", *change.events)
        found = (self._buckets.get((trigger, change.resource_type)) for trigger in triggers)
        return [bucket for bucket in found if bucket is not None]


class Matcher:
    """Takes changes off the queue and numbers the events that come of them."""

    def __init__(self, database: Database, base_url: str) -> None:
        self._database = database
        self._base_url = base_url
        self._indexes: dict[str, TenantIndex] = {}

    async def run(self, tenant_id: str, wake: Callable[[DueSubscription], None]) -> bool:
        """Match some of what a tenant has queued; `wake` is called with each subscription that is to be sent to.

        Whether there may be more: between two batches of one tenant the others have theirs.
        """
        found = await self._database.run(tenant_id, ACTOR, self._match)
        if found is None:
            return False
        due, was_full = found
        for each in due:
            wake(each)
        return was_full

    async def _match(self, tx: Transaction) -> tuple[list[DueSubscription], bool] | None:
        claimed = await subscription_matching.claim(tx, BATCH)
        if claimed is None or not claimed[0]:
            return None
        changes, revision = claimed
        index = self._indexes.setdefault(tx.tenant_id, TenantIndex(self._base_url))
        await index.refresh(tx, revision)
        contents = await self._contents(tx, index, changes)
        matches: defaultdict[str, list[QueuedChange]] = defaultdict(list)
        for change in changes:
            for subscription_id in _matching(index, change, contents, self._base_url):
                matches[subscription_id].append(change)
        events, told = await subscription_matching.number_events(tx, matches)
        subscription_matching.insert_events(tx, events, told.sockets)
        subscription_matching.take_away(tx, changes)
        return told.due, len(changes) == BATCH

    async def _contents(
        self, tx: Transaction, index: TenantIndex, changes: list[QueuedChange]
    ) -> dict[tuple[str, str, int], Content]:
        """The versions that somebody has to look into, each with the one before, which is what was deleted."""
        wanted = [
            (change.resource_type, change.id, version)
            for change in changes
            if any(bucket.needs_content for bucket in index.buckets_of(change))
            for version in (change.version, change.version - 1)
        ]
        found = await subscription_matching.contents(tx, wanted)
        return {(each.resource_type, each.id, each.version): each for each in found}


def _matching(
    index: TenantIndex, change: QueuedChange, contents: dict[tuple[str, str, int], Content], base_url: str
) -> list[str]:
    buckets = index.buckets_of(change)
    if not buckets:
        return []
    key = (change.resource_type, change.id, change.version)
    version = contents.get(key)
    is_deletion = version is not None and version.content is None
    if is_deletion:
        version = contents.get((change.resource_type, change.id, change.version - 1))
    record = None if version is None or version.content is None else _record(version, base_url)
    row = None if record is None else RecordRow(record)
    found = {
        candidate.id
        for bucket in buckets
        for candidate in bucket.candidates(record)
        if change.recorded_at >= candidate.since
        and (candidate.takes_deletions or not is_deletion)
        and (candidate.condition is None or (row is not None and candidate.condition(row)))
    }
    return sorted(found)


def _record(version: Content, base_url: str) -> Resource:
    assert version.content is not None
    document = decode_own(version.content.encode())
    record: Resource = mapper_for(version.resource_type).parse(document, id=version.id, base_url=base_url)
    record.version, record.last_updated = version.version, version.last_updated
    return record
