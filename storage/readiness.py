"""Whether a connection is one to serve with: no way round row-level security, and the schema of this release."""

from __future__ import annotations

from storage.migrations.schema_version import VERSION_SCHEMA, VERSION_TABLE
from storage.pipeline import Statement
from storage.transaction import Reader

_ROLE = Statement(
    "SELECT role.rolsuper, role.rolbypassrls,"
    " EXISTS (SELECT FROM pg_catalog.pg_class AS owned JOIN pg_catalog.pg_namespace AS schema"
    " ON schema.oid = owned.relnamespace"
    " WHERE schema.nspname = 'billing' AND pg_catalog.pg_has_role(role.oid, owned.relowner, 'MEMBER')),"
    " EXISTS (SELECT FROM pg_catalog.pg_class AS version JOIN pg_catalog.pg_namespace AS schema"
    f" ON schema.oid = version.relnamespace WHERE schema.nspname = '{VERSION_SCHEMA}'"
    f" AND version.relname = '{VERSION_TABLE}')"
    " FROM pg_catalog.pg_roles AS role WHERE role.rolname = current_user"
)
_REVISION = Statement(f"SELECT version_num FROM {VERSION_SCHEMA}.{VERSION_TABLE}")


async def reasons_not_to_serve(reader: Reader, revision: str) -> list[str]:
    """Sentences for people; none where all is as it should be. `revision` is the schema that this release needs."""
    is_superuser, bypasses_row_security, owns_tables, is_migrated = (await reader.read("", _ROLE))[0]
    reasons = []
    if is_superuser:
        reasons.append("The database role is a superuser; connect as billing_app.")
    if bypasses_row_security:
        reasons.append("The database role bypasses row-level security; connect as billing_app.")
    if owns_tables:
        reasons.append("The database role owns the tables or is a member of who does; connect as billing_app.")
    if not is_migrated:
        return [*reasons, "The database has no schema yet; run the migrations."]
    found = {row[0] for row in await reader.read("", _REVISION)}
    if found != {revision}:
        reasons.append(f"The schema is at {', '.join(sorted(found)) or 'no revision'}; this release needs {revision}.")
    return reasons
