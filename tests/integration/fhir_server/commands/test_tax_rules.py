"""`./run tax-rules` as an operator uses it."""

from __future__ import annotations

import os
import subprocess
from datetime import date, timedelta

from tests.checkout import CHECKOUT
from tests.database_server import DatabaseAccess


def test_rules_are_added_once_listed_and_ended(fresh_database: DatabaseAccess) -> None:
    environment = os.environ | {
        "DATABASE_URL": fresh_database.app,
        "BILLING_MIGRATE_DATABASE_URL": fresh_database.migrate,
        "BILLING_AUDIT_DATABASE_URL": fresh_database.audit,
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(CHECKOUT / "run"), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def rules(*arguments: str) -> subprocess.CompletedProcess[str]:
        return run("tax-rules", *arguments)

    added = run(*("tenants", "add", "dubai", "--country", "AE", "--currency", "AED", "--timezone", "Asia/Dubai"))
    assert added.returncode == 0, added.stderr
    vat = ("--category", "standard", "--code", "VAT", "--from", "2026-01-01")
    national = ("add", "ae-vat", "--tenant", "national", "--country", "AE", *vat, "--percent", "5.00")
    done = rules(*national)
    assert (done.returncode, done.stdout) == (0, "ae-vat is in force from 2026-01-01 on\n"), done.stderr
    assert rules(*national).stdout == "ae-vat is there already\n"
    own = (
        "add",
        "north",
        "--tenant",
        "dubai",
        "--facility",
        "north",
        *vat,
        "--treatment",
        "exempt",
        "--name",
        "Clinic",
    )
    assert rules(*own).returncode == 0
    listed = {
        "national/ae-vat  standard  VAT 5%  AE  2026-01-01 until it is ended",
        "north  standard  VAT exempt  north  2026-01-01 until it is ended  Clinic",
    }
    assert set(rules("list", "--tenant", "dubai").stdout.splitlines()) == listed

    last = str(date.today() + timedelta(days=30))  # noqa: DTZ011 - far enough from midnight anywhere
    assert rules("end", "north", "--tenant", "dubai", "--to", last).stdout == f"north ends on {last}\n"
    assert f"2026-01-01 until {last}" in rules("list", "--tenant", "dubai").stdout

    past = rules("end", "ae-vat", "--tenant", "national", "--to", "2026-01-31")
    assert (past.returncode, "tax-rule-invalid" in past.stderr) == (1, True)
    other = rules(*national[:-1], "7")
    assert (other.returncode, "tax-rule-exists" in other.stderr) == (1, True)
    wrong = rules(*national[:-1], "five")
    assert (wrong.returncode, "five is not a number" in wrong.stderr) == (2, True)
    nobody = rules("list", "--tenant", "nobody")
    assert (nobody.returncode, nobody.stderr.splitlines()[-1]) == (
        1,
        "run: tenant-unknown: There is no tenant nobody.",
    )
