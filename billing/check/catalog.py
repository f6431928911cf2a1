"""The guards in the database: can anyone change the books, or see those of another tenant?"""

from __future__ import annotations

from billing.check.corruption import Corruption
from billing.check.finding import Findings
from ledger.errors import Category, refuse
from storage import check_catalog
from storage.check_snapshot import Snapshot

# Sort of guard -> its class, the place and the sentence, filled with the columns that the catalog gives.
_SAID = {
    "constraint": (Corruption.CONSTRAINT_MISSING, "{0}", "the constraint {1} is gone or was never validated"),
    "row security": (Corruption.ROW_SECURITY_OFF, "{0}", "row-level security is not both on and forced"),
    "policy missing": (Corruption.POLICY_MISSING, "{0}", "the policy {1} is gone"),
    "policy too wide": (Corruption.POLICY_TOO_WIDE, "{0}", "the policy {1} lets in more than one tenant's rows"),
    "trigger missing": (Corruption.TRIGGER_MISSING, "{0}", "the trigger {1} is gone, or is not what it was"),
    "trigger disabled": (Corruption.TRIGGER_DISABLED, "{0}", "the trigger {1} does not fire"),
    "setting": (Corruption.SETTING_DANGEROUS, "{0}", "the database gives its connections {1}"),
    "grant": (Corruption.GRANT_TOO_WIDE, "{2}", "{0} may {1}"),
    "role": (Corruption.ROLE_TOO_POWERFUL, "{0}", "it {1}"),
    "owner": (Corruption.OWNER_WRONG, "{0}", "it belongs to {1}, not to billing_owner"),
}


async def check_tables(snapshot: Snapshot, findings: Findings) -> bool:
    """Whether all tables are there, without which nothing else can be asked."""
    missing, has_any = await check_catalog.tables_missing(snapshot)
    if not has_any:
        raise refuse(Category.UNAVAILABLE, "not-migrated", "The database has no schema yet; run the migrations.")
    for name in missing:
        findings.add(Corruption.TABLE_MISSING, name, "the table is not there")
    return not missing


async def check_guards(snapshot: Snapshot, findings: Findings) -> None:
    for guard, rows in (await check_catalog.guards(snapshot)).items():
        code, place, message = _SAID[guard]
        for row in rows:
            findings.add(code, place.format(*row), message.format(*row))
    for name in await check_catalog.functions_changed(snapshot):
        findings.add(Corruption.FUNCTION_CHANGED, name, "the function is gone, or is not what the migrations made")
