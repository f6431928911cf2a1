"""Statements that travel together: everything that is queued goes to PostgreSQL in one round trip.

libpq's pipeline mode through psycopg's own wrapper (https://www.psycopg.org/psycopg3/docs/api/pq.html): a cursor per
statement costs more than PostgreSQL needs to answer it. Every statement is prepared once a connection.
"""

from __future__ import annotations

import asyncio
import hashlib
import socket
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, LiteralString, NoReturn
from uuid import UUID

import psycopg
from psycopg import errors, pq
from psycopg.adapt import Loader, Transformer
from psycopg.waiting import Ready, Wait

Row = tuple[Any, ...]
Results = list[pq.abc.PGresult]

PREPARED_MAX = 300
"""Searches have many shapes: a connection that has prepared more statements forgets them all and begins anew."""

_CANCEL_SECONDS = 2.0

_OK = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK)


class Statement:
    """One SQL statement with `$1`, `$2` ... for its parameters; it is compared and remembered by identity."""

    __slots__ = ("name", "sql")

    def __init__(self, sql: LiteralString) -> None:
        self.sql = sql.encode()
        self.name = hashlib.sha256(self.sql).hexdigest()[:24].encode()

    def __repr__(self) -> str:
        return f"Statement({self.sql.decode()})"


class _RawText(Loader):
    """The bytes as they came: JSON that is to be spliced or read with exact decimals is not parsed by the driver."""

    def load(self, data: Any) -> bytes:
        return bytes(data)


def prepare_connection(context: psycopg.AsyncConnection[Any]) -> None:
    """Read json columns as bytes. Called once for each new connection."""
    context.adapters.register_loader("json", _RawText)


def parameters(values: Sequence[Any]) -> list[bytes | None]:
    """The text forms that PostgreSQL reads of values; the types are those that the statement gives its parameters."""
    # Most are text or nothing: those are spared a call.
    return [
        None if value is None else value.encode() if type(value) is str else _TEXT_OF[type(value)](value)
        for value in values
    ]


_ALL_TEXT, _ALL_NOTHING, _ALL_INTEGERS = {str}, {type(None)}, {int}
_ALL_DAYS, _ALL_MOMENTS = {date}, {datetime}


def _array(values: Sequence[Any]) -> bytes:
    """Most arrays are a column of one sort: those are written whole, not an element after the other."""
    match {type(value) for value in values}:
        case sorts if sorts == _ALL_TEXT:
            joined = '","'.join(values)
            if "\\" not in joined and joined.count('"') == 2 * (len(values) - 1):
                return f'{{"{joined}"}}'.encode()
        case sorts if sorts == _ALL_NOTHING:
            return b"{" + b",".join([b"NULL"] * len(values)) + b"}"
        case sorts if sorts == _ALL_INTEGERS:
            return f"{{{','.join(map(str, values))}}}".encode()
        case sorts if sorts in (_ALL_DAYS, _ALL_MOMENTS):
            return b"{" + b",".join(map(_in_iso, values)) + b"}"
    return b"{" + b",".join(map(_element, values)) + b"}"


def _element(value: Any) -> bytes:
    if value is None:
        return b"NULL"
    text = _TEXT_OF[type(value)](value)
    if type(value) is int:
        return text
    if b"\\" in text or b'"' in text:
        text = text.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return b'"' + text + b'"'


@lru_cache(maxsize=4096)
def _in_iso(value: date) -> bytes:
    """A day or moment as PostgreSQL reads it, within an array too. One goes to several tables, and is slow to write."""
    return value.isoformat().encode()


_TEXT_OF: dict[type, Callable[[Any], bytes]] = {
    str: str.encode,
    bytes: bytes,
    int: lambda value: b"%d" % value,
    bool: lambda value: b"t" if value else b"f",
    Decimal: lambda value: str(value).encode(),
    date: _in_iso,
    datetime: _in_iso,
    UUID: lambda value: str(value).encode(),
    list: _array,
    tuple: _array,
}


class Pipeline:
    """A connection that runs batches of statements, each batch in one round trip."""

    __slots__ = ("_answered", "_loop", "_pgconn", "_prepared", "_socket", "_transformer", "connection", "taken_at")

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self.connection = connection
        self.taken_at = 0.0
        """When it was taken from the pool, by the monotonic clock."""
        self._pgconn = connection.pgconn
        self._prepared: set[bytes] = set()
        self._transformer = Transformer(connection)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._socket = -1
        self._answered: asyncio.Future[None] | None = None

    @property
    def is_closed(self) -> bool:
        return self._pgconn.status != pq.ConnStatus.OK

    def watch(self) -> None:
        """Have the event loop look at the socket all the time, rather than anew for each batch, until `unwatch`.

        Nobody else may use the connection meanwhile.
        """
        self._loop, self._socket = asyncio.get_running_loop(), self._pgconn.socket
        self._loop.add_reader(self._socket, self._readable)

    def unwatch(self) -> None:
        if self._loop is not None:
            self._loop.remove_reader(self._socket)
            self._loop = None

    def close(self) -> None:
        # In this order: a socket of another connection may get the same number.
        self.unwatch()
        self._pgconn.finish()

    async def run(self, statements: Sequence[tuple[Statement, Sequence[Any]]]) -> list[list[Row]]:
        """Run the statements in order and give the rows of each.

        Outside BEGIN and COMMIT the batch is one implicit transaction. The first error is raised as psycopg's error of
        its SQLSTATE, and nothing after it has run.
        """
        talk = self._communicate(statements)
        try:
            results = await (self.connection.wait(talk) if self._loop is None else self._wait(talk, self._loop))
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError) and self._loop is not None:
                # PostgreSQL would go on with what nobody waits for.
                with suppress(psycopg.Error):
                    await self.connection.cancel_safe(timeout=_CANCEL_SECONDS)
            # Half an answer is still on its way: nobody may use this connection again.
            self.close()
            raise
        failed = next((result for result in results if result.status not in _OK), None)
        if failed is not None:
            raise errors.error_from_result(failed, encoding="utf-8")
        return [self._rows(result) for result in results]

    def lose(self) -> NoReturn:
        """Lose the connection as it is lost when this process dies: without a word to PostgreSQL."""
        with socket.fromfd(self._pgconn.socket, socket.AF_UNIX, socket.SOCK_STREAM) as same:
            same.shutdown(socket.SHUT_RDWR)
        self.close()
        raise psycopg.OperationalError("the connection is lost at a failpoint")

    async def _wait(self, talk: Generator[Wait, Ready | int, Results], loop: asyncio.AbstractEventLoop) -> Results:
        """What the generator ends with, once PostgreSQL has read and answered all."""
        try:
            wanted = next(talk)
            while True:
                self._answered = loop.create_future()
                if wanted & Wait.W:
                    loop.add_writer(self._socket, self._ready)
                try:
                    await self._answered
                finally:
                    self._answered = None
                    if wanted & Wait.W:
                        loop.remove_writer(self._socket)
                wanted = talk.send(Ready.RW)
        except StopIteration as end:
            results: Results = end.value
            return results

    def _ready(self) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(None)

    def _readable(self) -> None:
        if self._answered is not None:
            self._ready()
            return
        # Nobody has asked: PostgreSQL says something by itself, or goes away.
        try:
            self._pgconn.consume_input()
        except psycopg.Error:
            self.close()

    def _rows(self, result: pq.abc.PGresult) -> list[Row]:
        if not result.ntuples:
            return []
        self._transformer.set_pgresult(result)
        return self._transformer.load_rows(0, result.ntuples, tuple)

    def _communicate(
        self, statements: Sequence[tuple[Statement, Sequence[Any]]]
    ) -> Generator[Wait, Ready | int, Results]:
        pgconn = self._pgconn
        pgconn.enter_pipeline_mode()
        prepared: list[bytes | None] = []
        if len(self._prepared) > PREPARED_MAX and pgconn.transaction_status == pq.TransactionStatus.IDLE:
            pgconn.send_query_params(b"DEALLOCATE ALL", None)
            self._prepared.clear()
            prepared.append(b"")
        for statement, values in statements:
            if statement.name not in self._prepared and statement.name not in prepared:
                pgconn.send_prepare(statement.name, statement.sql)
                prepared.append(statement.name)
            pgconn.send_query_prepared(statement.name, parameters(values))
            prepared.append(None)
        pgconn.pipeline_sync()
        while pgconn.flush():
            if (yield Wait.RW) & Ready.R:
                pgconn.consume_input()
        answers = yield from self._answers()
        results = []
        for name, answer in zip(prepared, answers, strict=True):
            if name is None:
                results.append(answer)
            elif answer.status == pq.ExecStatus.COMMAND_OK:
                if name:
                    self._prepared.add(name)
            elif answer.status == pq.ExecStatus.FATAL_ERROR:
                results.append(answer)
        pgconn.exit_pipeline_mode()
        return results

    def _answers(self) -> Generator[Wait, Ready | int, Results]:
        """All results up to the sync; libpq puts a None after each."""
        pgconn = self._pgconn
        answers: Results = []
        while True:
            while pgconn.is_busy():
                yield Wait.R
                pgconn.consume_input()
            result = pgconn.get_result()
            if result is None:
                continue
            if result.status == pq.ExecStatus.PIPELINE_SYNC:
                return answers
            answers.append(result)
