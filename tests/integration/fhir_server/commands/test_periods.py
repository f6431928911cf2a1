"""`./run periods` as an operator uses it."""

from __future__ import annotations

import os
import subprocess

from tests.checkout import CHECKOUT
from tests.database_server import DatabaseAccess


def test_periods_are_listed_closed_and_reopened(fresh_database: DatabaseAccess) -> None:
    environment = os.environ | {
        "DATABASE_URL": fresh_database.app,
        "BILLING_MIGRATE_DATABASE_URL": fresh_database.migrate,
        "BILLING_AUDIT_DATABASE_URL": fresh_database.audit,
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(CHECKOUT / "run"), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    made = run("tenants", "add", "t1", "--country", "AF", "--currency", "AFN", "--timezone", "Asia/Kabul")
    assert made.returncode == 0, made.stderr
    done = run("periods", "soft-close", "2026-01-01", "--tenant", "t1", "--to", "2026-01-20")
    assert done.stdout.startswith("2026-01-01 until 2026-01-20  soft-closed  by operator at "), done.stderr
    done = run("periods", "reopen", "2026-01-01", "--tenant", "t1", "--reason", "too early")
    assert done.stdout.startswith("2026-01-01 until 2026-01-20  open  by operator at "), done.stderr
    run("periods", "soft-close", "2026-01-01", "--tenant", "t1")
    done = run("periods", "close", "2026-01-01", "--tenant", "t1")
    assert done.stdout.startswith("2026-01-01 until 2026-01-31  closed  by operator at "), done.stderr
    first, second, *_ = run("periods", "list", "--tenant", "t1").stdout.splitlines()
    assert first == done.stdout.strip()
    assert second == "2026-02-01 until 2026-02-28  open"
    set_ = run("tenants", "set", "t1", "recognition_point=issue")
    assert set_.stdout.splitlines()[-1] == "revenue of charges from 2026-02-01 on is recognised at issue", set_.stderr
    assert run("tenants", "show", "t1").stdout == set_.stdout
    _, second, *_ = run("periods", "list", "--tenant", "t1").stdout.splitlines()
    assert second == "2026-02-01 until 2026-02-28  open  revenue at issue"
    done = run("periods", "reopen", "2026-01-01", "--tenant", "t1", "--reason", "too early")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("run: invalid-state: A closed period is never opened again")
    assert run("periods", "list", "--tenant", "nobody").returncode == 1
