"""`./run payment-plans` as an operator uses it."""

from __future__ import annotations

import os
import subprocess

from tests.checkout import CHECKOUT
from tests.database_server import DatabaseAccess


def test_plans_of_all_tenants_or_of_one_are_looked_at(fresh_database: DatabaseAccess) -> None:
    environment = os.environ | {
        "DATABASE_URL": fresh_database.app,
        "BILLING_MIGRATE_DATABASE_URL": fresh_database.migrate,
        "BILLING_WORKER_DATABASE_URL": fresh_database.worker,
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(CHECKOUT / "run"), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    for name in ("herat", "kabul"):
        run("tenants", "add", name, "--country", "AF", "--currency", "AFN", "--timezone", "Asia/Kabul")
    none = "0 plans looked at, 0 now in default, 0 recovered"
    done = run("payment-plans", "default")
    assert done.stdout.splitlines() == [f"tenant herat: {none}", f"tenant kabul: {none}"], done.stderr
    assert run("payment-plans", "default", "--tenant", "kabul").stdout == f"tenant kabul: {none}\n"
    done = run("payment-plans", "default", "--tenant", "nobody")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "run: tenant-unknown: There is no tenant nobody.")
