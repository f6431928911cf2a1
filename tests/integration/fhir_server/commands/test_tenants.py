"""`./run tenants` as an operator uses it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

import pytest

from tests.checkout import CHECKOUT
from tests.database_server import DatabaseAccess

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def tenants(fresh_database: DatabaseAccess) -> Run:
    """Run a sub-command on a database of its own."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [CHECKOUT / "run", "tenants", *arguments],
            env=os.environ
            | {
                "DATABASE_URL": fresh_database.app,
                "BILLING_MIGRATE_DATABASE_URL": fresh_database.migrate,
                "BILLING_AUDIT_DATABASE_URL": fresh_database.audit,
            },
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def add(tenants: Run, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return tenants("add", name, "--country", "AF", "--currency", "AFN", "--timezone", "Asia/Kabul", *arguments)


def test_a_tenant_is_added_listed_changed_and_shown(tenants: Run) -> None:
    done = add(tenants, "kabul", "--name", "Kabul Hospital", "--facility", "main=Main House", "payment_terms_days=10")
    assert done.returncode == 0, done.stderr
    assert tenants("list").stdout == "kabul  AFN  AF  Asia/Kabul  active  Kabul Hospital\n"
    done = tenants(
        "set",
        "kabul",
        "unpriced_charge=refuse",
        "refund_approval_above.AFN=1000.50",
        "--inactive",
        "--facility",
        "west=West House",
    )
    assert done.returncode == 0, done.stderr
    shown = tenants("show", "kabul").stdout.splitlines()
    for line in (
        "name: Kabul Hospital",
        "active: no",
        "facility main=Main House",
        "facility west=West House",
        "payment_terms_days=10",
        "unpriced_charge=refuse",
        "refund_approval_above.AFN=1000.50",
        "adjustment_approval_above.AFN=0  (default)",
        "business_keys.Invoice=  (default)",
    ):
        assert line in shown


def test_what_is_wrong_is_said_in_a_sentence(tenants: Run) -> None:
    add(tenants, "kabul")
    for done, told in (
        (add(tenants, "kabul"), "There is a tenant kabul already"),
        (tenants("show", "herat"), "There is no tenant herat"),
        (tenants("set", "kabul", "colour=blue"), "There is no setting colour"),
        (tenants("set", "kabul", "colour"), "is not KEY=VALUE"),
        (tenants("set", "kabul", "refund_approval_above.AFN=much"), "is an amount in AFN"),
        (tenants("set", "kabul", "refund_approval_above.AFX=1"), "AFX"),
        (tenants("set", "kabul", "refund_approval_above=1"), "ISO 4217"),
        (tenants("add", "x", "--country", "AF", "--currency", "AFX", "--timezone", "Asia/Kabul"), "AFX"),
        (tenants("add", "x", "--country", "AF", "--currency", "AFN", "--timezone", "Kabul"), "time zone"),
    ):
        assert done.returncode != 0
        assert told in done.stderr
        assert "Traceback" not in done.stderr
