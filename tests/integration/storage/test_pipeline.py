"""Batches of prepared statements on one connection."""

from __future__ import annotations

from typing import Any, cast

import psycopg
import pytest
from psycopg import errors

from storage.pipeline import PREPARED_MAX, Pipeline, Statement, prepare_connection
from tests.database_server import DatabaseAccess

_PREPARED = Statement("SELECT count(*) FROM pg_prepared_statements")
_BEGIN, _ROLLBACK = Statement("BEGIN"), Statement("ROLLBACK")
_FAIL = Statement("SELECT 1 / 0")


def numbered(number: int) -> Statement:
    return Statement(cast(Any, f"SELECT {number} + $1::int"))


async def test_a_connection_forgets_its_statements_before_they_are_too_many(database: DatabaseAccess) -> None:
    async with await psycopg.AsyncConnection.connect(database.app, autocommit=True) as connection:
        prepare_connection(connection)
        pipeline = Pipeline(connection)
        most = 0
        for number in range(2 * PREPARED_MAX + 50):
            [[(found,)], [(prepared,)]] = await pipeline.run([(numbered(number), (1,)), (_PREPARED, ())])
            assert found == number + 1
            most = max(most, prepared)
        assert PREPARED_MAX - 10 < most <= PREPARED_MAX + 2


async def test_it_forgets_nothing_within_a_transaction_which_could_not_be_undone_then(database: DatabaseAccess) -> None:
    async with await psycopg.AsyncConnection.connect(database.app, autocommit=True) as connection:
        prepare_connection(connection)
        pipeline = Pipeline(connection)
        await pipeline.run([(_BEGIN, ())])
        for number in range(PREPARED_MAX + 10):
            await pipeline.run([(numbered(number), (1,))])
        with pytest.raises(errors.DivisionByZero):
            await pipeline.run([(_FAIL, ())])
        await pipeline.run([(_ROLLBACK, ())])
        [[(prepared,)]] = await pipeline.run([(_PREPARED, ())])
        assert prepared == 1
