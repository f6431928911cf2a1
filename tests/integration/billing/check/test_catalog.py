"""The guards in the database: whatever lets somebody change the books, or see another tenant's, is found."""

from __future__ import annotations

from typing import LiteralString

import pytest

from tests.integration.billing.check.books import Books

NO_GUARD: LiteralString = (
    "CREATE OR REPLACE FUNCTION billing.append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$"
)
GUARDS: list[tuple[LiteralString, str]] = [
    ("ALTER TABLE billing.posting DISABLE ROW LEVEL SECURITY", "row-security-off"),
    ("ALTER TABLE billing.posting NO FORCE ROW LEVEL SECURITY", "row-security-off"),
    ("DROP POLICY tenant_isolation ON billing.invoice", "policy-missing"),
    ("DROP POLICY audit_reads ON billing.invoice", "policy-missing"),
    ("ALTER POLICY tenant_isolation ON billing.invoice USING (true)", "policy-too-wide"),
    ("CREATE POLICY easy ON billing.invoice FOR SELECT TO billing_app USING (true)", "policy-too-wide"),
    ("ALTER POLICY audit_reads ON billing.invoice TO PUBLIC", "policy-too-wide"),
    ("DROP TRIGGER append_only ON billing.journal_entry", "trigger-missing"),
    ("DROP TRIGGER append_only_truncate ON billing.outbox", "trigger-missing"),
    ("DROP TRIGGER posting_is_sound ON billing.posting", "trigger-missing"),
    ("ALTER TABLE billing.resource_versions DISABLE TRIGGER append_only", "trigger-disabled"),
    ("ALTER TABLE billing.invoice_line DISABLE TRIGGER ALL", "trigger-disabled"),
    (NO_GUARD, "function-changed"),
    ("ALTER TABLE billing.invoice DROP CONSTRAINT invoice_not_over_settled_check", "constraint-missing"),
    ("ALTER TABLE billing.charge_item DROP CONSTRAINT charge_item_tenant_id_account_id_fk", "constraint-missing"),
    ("GRANT UPDATE ON billing.posting TO billing_app", "grant-too-wide"),
    ("GRANT DELETE ON billing.outbox TO billing_app", "grant-too-wide"),
    ("GRANT TRUNCATE ON billing.account TO billing_app", "grant-too-wide"),
    ("GRANT UPDATE (content) ON billing.resource_versions TO billing_app", "grant-too-wide"),
    ("GRANT DELETE ON billing.idempotency_key TO PUBLIC", "grant-too-wide"),
    ("GRANT INSERT ON billing.tenant TO billing_audit", "grant-too-wide"),
    ("ALTER ROLE billing_app BYPASSRLS", "role-too-powerful"),
    ("ALTER ROLE billing_worker SUPERUSER", "role-too-powerful"),
    ("ALTER ROLE billing_owner LOGIN", "role-too-powerful"),
    ("GRANT pg_write_server_files TO billing_app", "role-too-powerful"),
    ("GRANT billing_audit TO billing_app", "role-too-powerful"),
    ("ALTER ROLE billing_app SET row_security = off", "setting-dangerous"),
    ("ALTER ROLE billing_app SET session_replication_role = replica", "setting-dangerous"),
    ("ALTER TABLE billing.tenant_setting OWNER TO CURRENT_USER", "owner-wrong"),
    ("DROP TABLE billing.invoice_payer_share", "table-missing"),
]


@pytest.mark.parametrize(("statement", "code"), GUARDS, ids=lambda value: value)
async def test_a_guard_that_is_lifted_is_found(sound_books: Books, statement: LiteralString, code: str) -> None:
    assert code in await sound_books.codes_after(statement)


async def test_a_serving_role_that_is_a_member_of_the_owner_is_found_with_all_that_it_may(sound_books: Books) -> None:
    assert await sound_books.codes_after("GRANT billing_owner TO billing_app") == {
        "grant-too-wide",
        "role-too-powerful",
    }
