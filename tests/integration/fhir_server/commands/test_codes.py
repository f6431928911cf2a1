"""`./run codes` as an operator uses it."""

from __future__ import annotations

import os
import subprocess

from tests.checkout import CHECKOUT
from tests.database_server import DatabaseAccess

TABLE = "system,code,display,valid_from,valid_to\r\nurn:cpt,99213,Visit,2020-01-01,\r\nurn:cpt,99214,,,2026-12-31\r\n"


def test_codes_are_imported_listed_and_exported(fresh_database: DatabaseAccess) -> None:
    environment = os.environ | {
        "DATABASE_URL": fresh_database.app,
        "BILLING_MIGRATE_DATABASE_URL": fresh_database.migrate,
        "BILLING_AUDIT_DATABASE_URL": fresh_database.audit,
    }

    def codes(*arguments: str, piped: str = "") -> subprocess.CompletedProcess[str]:
        command = [str(CHECKOUT / "run"), "codes", *arguments]
        return subprocess.run(command, env=environment, input=piped, capture_output=True, text=True, check=False)

    done = codes("import", "-", "--tenant", "national", "--country", "AF", piped=TABLE)
    assert (done.returncode, done.stdout) == (0, "2 of 2 codes are new or changed\n"), done.stderr
    done = codes("import", "-", "--tenant", "national", "--country", "AF", piped=TABLE)
    assert done.stdout == "0 of 2 codes are new or changed\n"
    done = codes("list", "--tenant", "national", "--system", "urn:cpt")
    assert done.stdout.splitlines() == ["AF  urn:cpt  99213  2020-01-01..  Visit", "AF  urn:cpt  99214  ..2026-12-31"]
    done = codes("export", "--tenant", "national", "--country", "AF")
    assert done.stdout.splitlines() == TABLE.splitlines()
    assert codes("export", "--tenant", "national").stdout.splitlines() == TABLE.splitlines()[:1]
    done = codes("import", "-", "--tenant", "nobody", piped=TABLE)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "run: tenant-unknown: There is no tenant nobody.")
    done = codes("import", "-", "--tenant", "national", piped=TABLE)
    assert done.returncode == 1
    assert "charge-code-invalid" in done.stderr
