"""Database transactions of one tenant: the only place that begins and commits one.

What a transaction sends is queued and travels with the next question that needs an answer, or with the commit: a
command costs one round trip to lock and read, and one to write. Rows that are added are gathered and written as
arrays, one statement a table, whether it is one charge or five hundred.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import psycopg
from psycopg import errors

from ledger.account import AccountBalance
from ledger.errors import Category, Refusal, refuse
from ledger.posting_period import PostingDays
from ledger.recognition import Point, RecognitionChange, point_on
from storage.array_insert import JOURNAL_ORDER, ArrayInsert
from storage.check_snapshot import Snapshot, sql
from storage.connections import Connections
from storage.pipeline import Pipeline, Row, Statement
from storage.refusals import refusal_of

if TYPE_CHECKING:
    from ledger.charge_code import ChargeCode, Verdicts
    from ledger.price_list import Coding
    from storage.prices import KnownPrices

Result = TypeVar("Result")

_BEGIN = Statement("BEGIN ISOLATION LEVEL READ COMMITTED")
_BEGIN_SNAPSHOT = Statement("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
_COMMIT = Statement("COMMIT")
_ROLLBACK = Statement("ROLLBACK")
_SET_TENANT = Statement("SELECT set_config('billing.tenant', $1::text, true)")
CLOCK = (
    "greatest(clock_timestamp(), (SELECT sealed_through FROM billing.journal_block WHERE tenant_id = $1"
    " ORDER BY number DESC LIMIT 1) + interval '1 microsecond')"
)
"""The moment at which something is recorded, in SQL: never in what is sealed already, even if a clock was set back."""

_CLOCK = Statement(f"SELECT {CLOCK}")

# Only what PostgreSQL itself says may succeed when it is tried again.
_TRANSIENT = (errors.SerializationFailure, errors.DeadlockDetected)
_ATTEMPTS = 8

_SNAPSHOT = re.compile("[0-9A-F-]+")
_MICROSECOND = timedelta(microseconds=1)
_NO_MOMENT = datetime.min.replace(tzinfo=UTC)

# Is told what a transaction is about to send, and says how many of these statements still reach PostgreSQL before the
# connection is lost, as it is when this process is killed there; None: nothing happens. Only tests set one.
Failpoint = Callable[[Sequence[tuple[Statement, Sequence[Any]]]], Awaitable[int | None]]


class Reader(Protocol):
    """What statements that only read can be asked of: the database, or a transaction that is open already."""

    async def read(self, tenant_id: str, statement: Statement, *parameters: Any) -> list[Row]: ...

    async def read_all(
        self, tenant_id: str, statements: Sequence[tuple[Statement, Sequence[Any]]]
    ) -> list[list[Row]]: ...


class AccountsNotLocked(Exception):  # noqa: N818 - no error: the transaction begins again with more locks
    """Accounts are needed that were not locked before everything else."""

    def __init__(self, accounts: frozenset[str]) -> None:
        super().__init__(f"all of these are to be locked at first: {', '.join(sorted(accounts))}")
        self.accounts = accounts


class CodesNotLookedUp(Exception):  # noqa: N818 - no error: the transaction begins again and knows more
    """Codes are needed of which a terminology server is to be asked, which nobody does in a transaction."""

    def __init__(self, codes: frozenset[Coding], look_up: Callable[[], Awaitable[Verdicts]]) -> None:
        super().__init__(f"these are to be looked up at first: {sorted(codes)}")
        self.codes = codes
        self.look_up = look_up


class Transaction:
    """One open transaction of a tenant. Commands get it from the entry point that opened it."""

    def __init__(
        self,
        pipeline: Pipeline,
        tenant_id: str,
        actor: str,
        *,
        accounts_first: Iterable[str] = (),
        code_verdicts: Verdicts | None = None,
        failpoint: Failpoint | None = None,
    ) -> None:
        self.tenant_id = tenant_id
        self.actor = actor
        self.accounts_first = frozenset(accounts_first)
        """To be locked by the first lock, whatever it asks for."""
        self.accounts_locked: frozenset[str] = frozenset()
        """What was locked, or was not there to be locked."""
        self.holds_locks = False
        self.tells_subscribers = False
        """Something was queued for the subscriptions."""
        self.holds_periods = False
        self.posting_days: PostingDays | None = None
        """Up to which day the books are closed; known once `storage.posting_periods` holds the periods."""
        self.recognition_changes: tuple[RecognitionChange, ...] = ()
        """From which day on revenue is recognised by which point; known with the posting days."""
        self.posts_into_soft_closed = False
        """Who acts may close periods, and so may correct those that are soft-closed."""
        self.balances: dict[str, AccountBalance] = {}
        self.changed_balances: set[str] = set()
        self.cash_sessions: dict[tuple[str, str], str] = {}
        """(drawer, currency) -> the open session that answers for cash that this transaction moves."""
        self.known_prices: KnownPrices | None = None
        """What `storage.prices` has read of price lists."""
        self.known_codes: dict[Coding, list[ChargeCode]] = {}
        """What `storage.charge_codes` has read of the code table."""
        self.code_verdicts: dict[Coding, bool | None] = dict(code_verdicts or {})
        """What a terminology server said of codes."""
        self.created: set[tuple[str, str]] = set()
        # What it is going to make, of which some is referred to before it is there.
        self.to_create: set[tuple[str, str]] = set()
        self.relied_on: set[tuple[str, str]] = set()
        """(type, id) of the resources that this transaction has made, so that nobody asks whether they exist."""
        self._pipeline = pipeline
        self._queue: list[tuple[Statement, Sequence[Any]]] = [(_BEGIN, ()), (_SET_TENANT, (tenant_id,))]
        self._takers: list[tuple[int, Callable[[list[Row]], None]]] = []
        self._added: dict[ArrayInsert, list[Sequence[Any]]] = {}
        self._now: datetime | None = None
        self._earliest = _NO_MOMENT
        self._failpoint = failpoint
        self._before_end: list[Callable[[], None]] = []

    @property
    def now(self) -> datetime:
        """The database's clock, read once the locks were held: after the first lock of accounts, or `read_clock`."""
        assert self._now is not None, "lock or read the clock first"
        return self._now

    @property
    def first_open_day(self) -> date:
        """The first day on which this transaction may post."""
        assert self.posting_days is not None, "hold the posting periods first"
        return self.posting_days.first_open(into_soft_closed=self.posts_into_soft_closed)

    def accounting_date(self, day: date) -> date:
        """The day on which what is of a day counts in the books: the later of it and the first open day."""
        return max(day, self.first_open_day)

    def recognition_point(self, day: date) -> Point:
        """By which point a charge of a day is captured: that of the day on which it counts."""
        return point_on(self.recognition_changes, self.accounting_date(day))

    def next_instant(self, after: datetime | None = None) -> datetime:
        """A moment that no other change of this transaction has, later than `after` even if a clock was set back."""
        self._now = max(self.now + _MICROSECOND, after + _MICROSECOND if after else self.now)
        return self._now

    async def read_clock(self) -> datetime:
        if self._now is None:
            self.see_clock((await self.fetch(_CLOCK, self.tenant_id))[0][0])
        return self.now

    def record_after(self, moment: datetime) -> None:
        """Have all that is recorded be later than a moment, even if a clock was set back."""
        self._earliest = max(self._earliest, moment.astimezone(UTC) + _MICROSECOND)
        if self._now is not None:
            self.see_clock(self._earliest)

    def see_clock(self, clock: datetime) -> None:
        clock = max(clock.astimezone(UTC), self._earliest)
        self._now = clock if self._now is None else max(self._now, clock)

    def send(self, statement: Statement, *parameters: Any) -> None:
        """Queue a statement whose rows nobody needs."""
        self._queue_added()
        self._queue.append((statement, parameters))

    def change(self, statement: Statement, *parameters: Any) -> None:
        """Queue a change of rows of a resource. It goes after the resources that were added, of which it may be one.

        What was added to the journal and the versions goes after it, so that this is one statement a table, however
        many resources a transaction changes.
        """
        self._queue_added(before=JOURNAL_ORDER)
        self._queue.append((statement, parameters))

    def add(self, insert: ArrayInsert, row: Sequence[Any]) -> None:
        """Queue a row; rows of one table travel in one statement, tables in the order of `ArrayInsert.order`."""
        self._added.setdefault(insert, []).append(row)

    def ask(self, take: Callable[[list[Row]], None], statement: Statement, *parameters: Any) -> None:
        """Queue a question that is answered, to `take`, with the next one that somebody waits for: it costs no trip."""
        self._queue_added()
        self._takers.append((len(self._queue), take))
        self._queue.append((statement, parameters))

    @property
    def has_questions(self) -> bool:
        """Whether something was asked that is not answered yet."""
        return bool(self._takers)

    async def flush(self) -> None:
        """Send all that is queued."""
        self._queue_added()
        await self._run()

    async def fetch(self, statement: Statement, *parameters: Any) -> list[Row]:
        """Send all that is queued and this statement; the rows of this statement."""
        return (await self.fetch_all([(statement, parameters)]))[0]

    async def fetch_all(self, statements: Sequence[tuple[Statement, Sequence[Any]]]) -> list[list[Row]]:
        """The same for several statements: one list of rows for each."""
        self._queue_added()
        self._queue.extend(statements)
        results = await self._run()
        return results[-len(statements) :]

    async def read(self, tenant_id: str, statement: Statement, *parameters: Any) -> list[Row]:
        """As `Database.read`, with what this transaction has written so far."""
        return (await self.read_all(tenant_id, [(statement, parameters)]))[0]

    async def read_all(self, tenant_id: str, statements: Sequence[tuple[Statement, Sequence[Any]]]) -> list[list[Row]]:
        assert tenant_id == self.tenant_id, "a transaction is of one tenant"
        return await self.fetch_all(statements)

    def before_end(self, action: Callable[[], None]) -> None:
        """Have something queued just before the end (what is gathered in memory until then: balances)."""
        if action not in self._before_end:
            self._before_end.append(action)

    async def end(self) -> None:
        """Write what is queued, and commit: one round trip."""
        for action in self._before_end:
            action()
        self._queue_added()
        self._queue.append((_COMMIT, ()))
        await self._run()

    async def abandon(self) -> None:
        """Undo what reached the database, if anything did."""
        begun = not self._queue or self._queue[0][0] is not _BEGIN
        self._queue.clear()
        self._takers.clear()
        self._added.clear()
        if begun:
            self._queue.append((_ROLLBACK, ()))
            await self._run()

    def _queue_added(self, before: int | None = None) -> None:
        """Queue the rows that were added; `before`: only those of tables whose order is below."""
        for insert in sorted(self._added, key=lambda insert: insert.order):
            if before is None or insert.order < before:
                self._queue.append(insert.query(self._added.pop(insert)))

    async def _run(self) -> list[list[Row]]:
        queue, self._queue = self._queue, []
        takers, self._takers = self._takers, []
        if self._failpoint is not None and (reached := await self._failpoint(queue)) is not None:
            await self._pipeline.run(queue[:reached])
            self._pipeline.lose()
        results = await self._pipeline.run(queue)
        for position, take in takers:
            take(results[position])
        return results


class Database:
    """The connections of one process, all of one role."""

    def __init__(
        self,
        conninfo: str,
        *,
        size_min: int = 1,
        size_max: int = 16,
        pool_timeout_seconds: int = 10,
        statement_timeout_seconds: int = 30,
    ) -> None:
        self._connections = Connections(
            conninfo,
            size_min=size_min,
            size_max=size_max,
            pool_timeout_seconds=pool_timeout_seconds,
            statement_timeout_seconds=statement_timeout_seconds,
        )
        self.failpoint: Failpoint | None = None
        self.told: Callable[[], None] | None = None
        """Called after the commit of what subscribers may want to know."""

    async def open(self) -> None:
        await self._connections.open()

    async def close(self) -> None:
        await self._connections.close()

    def pool_statistics(self) -> dict[str, int]:
        """How many connections there are and who waits for one, by psycopg_pool's names."""
        return self._connections.statistics()

    async def read(self, tenant_id: str, statement: Statement, *parameters: Any) -> list[Row]:
        """The rows of one statement, read as the tenant in one round trip."""
        return (await self.read_all(tenant_id, [(statement, parameters)]))[0]

    async def read_all(self, tenant_id: str, statements: Sequence[tuple[Statement, Sequence[Any]]]) -> list[list[Row]]:
        """The rows of several statements, in one round trip. A batch without BEGIN is one implicit transaction."""
        async with self._connections.borrowed() as pipeline:
            try:
                return (await pipeline.run([(_SET_TENANT, (tenant_id,)), *statements]))[1:]
            except psycopg.Error as error:
                raise _translated(error) from error

    @asynccontextmanager
    async def snapshot(self, exported: str | None = None) -> AsyncIterator[Snapshot]:
        """One unchanging view of all tenants for as long as the block lasts, for a role that may see them.

        With what `Snapshot.export` said it is the view of that one, which must be open still.
        """
        begin = [(_BEGIN_SNAPSHOT, ())]
        if exported is not None:
            begin.append((sql(f"SET TRANSACTION SNAPSHOT '{_snapshot_name(exported)}'"), ()))
        async with self._connections.borrowed() as pipeline:
            await pipeline.run(begin)
            try:
                snapshot = Snapshot(pipeline)
                await snapshot.prepare()
                yield snapshot
            finally:
                # A connection that is gone has taken the transaction with it.
                with suppress(psycopg.Error):
                    await pipeline.run([(_ROLLBACK, ())])

    @asynccontextmanager
    async def transaction(
        self,
        tenant_id: str,
        actor: str,
        *,
        accounts_first: Iterable[str] = (),
        code_verdicts: Verdicts | None = None,
    ) -> AsyncIterator[Transaction]:
        """A transaction that is committed at the end of the block and undone when the block raises.

        What PostgreSQL refuses is raised as a Refusal; `run` also tries again what may succeed a second time.
        """
        async with self._connections.borrowed() as pipeline:
            transaction = Transaction(
                pipeline,
                tenant_id,
                actor,
                accounts_first=accounts_first,
                code_verdicts=code_verdicts,
                failpoint=self.failpoint,
            )
            try:
                yield transaction
                await transaction.end()
                if transaction.tells_subscribers and self.told is not None:
                    self.told()
            except psycopg.Error as error:
                await _abandon(transaction)
                raise _translated(error) from error
            except BaseException:
                await _abandon(transaction)
                raise

    async def run(self, tenant_id: str, actor: str, command: Callable[[Transaction], Awaitable[Result]]) -> Result:
        """Run a command in a transaction of its own, again when it lost a race that PostgreSQL says to retry."""
        accounts: frozenset[str] = frozenset()
        verdicts: dict[Coding, bool | None] = {}
        attempt = 1
        while attempt <= _ATTEMPTS:
            try:
                async with self.transaction(
                    tenant_id, actor, accounts_first=accounts, code_verdicts=verdicts
                ) as transaction:
                    return await command(transaction)
            except Refusal as refusal:
                # Two creates with one business key at once: the second try finds what the first made.
                if refusal.code != "business-key-taken" or attempt == _ATTEMPTS:
                    raise
            except AccountsNotLocked as needed:
                accounts |= needed.accounts
            except CodesNotLookedUp as needed:
                # No attempt of its own: it is asked of each code once, whatever becomes of the answer.
                verdicts |= dict.fromkeys(needed.codes) | dict(await needed.look_up())
                continue
            except _TRANSIENT:
                # Jitter spreads the retries of those who met; it has nothing to do with money or secrets.
                await asyncio.sleep(random.uniform(0.005, 0.02) * 2 ** min(attempt, 5))  # noqa: S311
            attempt += 1
        raise refuse(Category.UNAVAILABLE, "busy", "Too many changes of the same things at once; try again.")


def _snapshot_name(exported: str) -> str:
    """PostgreSQL takes it as a literal only."""
    if not _SNAPSHOT.fullmatch(exported):
        raise ValueError(f"{exported} is no name of a snapshot")
    return exported


async def _abandon(transaction: Transaction) -> None:
    try:
        await transaction.abandon()
    except psycopg.Error:
        # The connection is gone, and with it the transaction.
        return


def _translated(error: psycopg.Error) -> Exception:
    if isinstance(error, _TRANSIENT):
        return error
    return refusal_of(error) or error
