"""One unchanging view of the whole database for `./run check`: a server that goes on writing makes no false finding."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

from ledger.errors import Category, refuse
from storage.pipeline import Pipeline, Row, Statement

LISTED_MAX = 100
"""So many findings of one sort are listed for a tenant; a damaged table has a million."""

LIMIT = f" LIMIT {LISTED_MAX + 1}"

# A check runs as long as it takes. Its statements run once a tenant, each planned for what that tenant has; a cursor is
# read to its end. Tables are named with their schema, and all else is PostgreSQL's own: whoever may create functions
# and operators in another schema cannot have those called instead.
_SETTINGS = Statement(
    "SELECT set_config('statement_timeout', '0', true), set_config('idle_in_transaction_session_timeout', '0', true),"
    " set_config('plan_cache_mode', 'force_custom_plan', true), set_config('cursor_tuple_fraction', '1', true),"
    " set_config('work_mem', '64MB', true), set_config('jit', 'off', true),"
    " set_config('search_path', 'pg_catalog', true)"
)
_READER = Statement(
    "SELECT rolname, rolsuper OR rolbypassrls OR pg_has_role(oid, 'billing_audit', 'USAGE')"
    " FROM pg_catalog.pg_roles WHERE rolname = current_user"
)
_CLOSE = Statement("CLOSE check_stream")
_EXPORT = Statement("SELECT pg_export_snapshot()")


class Snapshot:
    """A read-only transaction that sees one moment. It is opened by `Database.snapshot`."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    async def prepare(self) -> None:
        """Refused where the role sees one tenant only: what it cannot see it would call sound."""
        _, reader = await self.rows_of_all([(_SETTINGS, ()), (_READER, ())])
        name, sees_all = reader[0]
        if not sees_all:
            raise refuse(
                Category.NOT_ALLOWED,
                "not-an-auditor",
                f"The database role {name} does not see all tenants; check as billing_audit"
                " (BILLING_AUDIT_DATABASE_URL).",
            )

    async def export(self) -> str:
        """The name by which other connections see the same moment, as long as this one does (`Database.snapshot`)."""
        return str((await self.rows(_EXPORT))[0][0])

    async def rows(self, statement: Statement, *parameters: Any) -> list[Row]:
        return (await self.rows_of_all([(statement, parameters)]))[0]

    async def rows_of_all(self, statements: Sequence[tuple[Statement, Sequence[Any]]]) -> list[list[Row]]:
        """The rows of several statements in one round trip."""
        return await self._pipeline.run(statements)

    async def stream(self, statement: Statement, *parameters: Any, count: int) -> AsyncIterator[list[Row]]:
        """The rows in batches, so that a table of any size fits; one stream at a time."""
        declare = sql(f"DECLARE check_stream NO SCROLL CURSOR FOR {statement.sql.decode()}")
        fetch = sql(f"FETCH {count} FROM check_stream")
        _, rows = await self.rows_of_all([(declare, parameters), (fetch, ())])
        while rows:
            yield rows
            rows = await self.rows(fetch) if len(rows) == count else []
        await self.rows(_CLOSE)


def sql(text: str) -> Statement:
    """A statement made of our own constants and table definitions, never of input."""
    return Statement(cast(Any, text))
