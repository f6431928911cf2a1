"""Batches of prepared statements on one connection."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, cast

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import errors

from storage.pipeline import PREPARED_MAX, Pipeline, Statement, parameters, prepare_connection
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


@pytest.mark.parametrize(
    ("sort", "values"),
    [
        ("text", ["a", "", "NULL", "{}", ",", " space ", "پښتو", "a'b", "line\nbreak"]),
        ("text", ['a"b', "c"]),
        ("text", ['","', "x"]),
        ("text", ['"', '"', "", '""']),
        ("text", ["back\\slash", '\\"', "x"]),
        ("text", ["a", None, 'b"']),
        ("text", [None, None]),
        ("text", []),
        ("text", ['"']),
        ("bigint", [1, -2, 10**15]),
        ("bigint", [1, None, 3]),
        ("boolean", [True, False, None]),
        ("numeric", [Decimal("1.50"), Decimal(0), None]),
        ("date", [date(2026, 1, 1), date.min, None]),
    ],
)
async def test_arrays_come_back_as_they_were_sent(database: DatabaseAccess, sort: str, values: list[Any]) -> None:
    async with await psycopg.AsyncConnection.connect(database.app, autocommit=True) as connection:
        [[(found,)]] = await Pipeline(connection).run([(Statement(cast(Any, f"SELECT $1::{sort}[]")), (values,))])
        assert found == values


@given(st.lists(st.none() | st.text(st.sampled_from("ab\",\\{}' ")), max_size=5))
def test_arrays_of_text_are_written_as_their_elements_are_one_by_one(values: list[str | None]) -> None:
    def element(value: str | None) -> str:
        return "NULL" if value is None else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

    (written,) = parameters([values])
    assert written == ("{" + ",".join(map(element, values)) + "}").encode()
