"""`./run clients` as an operator uses it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from joserfc.jwk import ECKey, KeySet

from tests.checkout import CHECKOUT
from tests.database_server import DatabaseAccess

Run = Callable[..., subprocess.CompletedProcess[str]]
SCOPE = ("--tenant", "kabul", "--scope", "system/*.rs")


@pytest.fixture
def run(fresh_database: DatabaseAccess) -> Run:
    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [CHECKOUT / "run", *arguments],
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

    command("tenants", "add", "kabul", "--country", "AF", "--currency", "AFN", "--timezone", "Asia/Kabul")
    return command


def test_a_client_is_added_by_its_public_keys_listed_and_removed(run: Run, tmp_path: Path) -> None:
    key = ECKey.generate_key("P-384", private=True, auto_kid=True)
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps(KeySet([key]).as_dict(private=True)))
    assert run("clients", "add", "his-1", *SCOPE, "--jwks", str(file)).stdout == "kabul.his-1\n"
    added = run("clients", "add", "his-2", *SCOPE, "--jwks", "https://his.example.org/jwks")
    assert added.stdout == "kabul.his-2\n"
    assert run("clients", "list").stdout.splitlines() == [
        "kabul.his-1  system/*.rs  keys given",
        "kabul.his-2  system/*.rs  https://his.example.org/jwks",
    ]
    assert run("clients", "remove", "kabul.his-1").returncode == 0
    assert run("clients", "list", "--tenant", "kabul").stdout.startswith("kabul.his-2 ")


def test_what_cannot_be_is_refused_in_a_sentence(run: Run, tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text(json.dumps({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}))
    url = ("--jwks", "https://his.example.org/jwks")
    for arguments, why in (
        (("add", "his", *SCOPE, "--jwks", str(secret)), "RSA or EC"),
        (("add", "his", *SCOPE, "--jwks", str(tmp_path / "none")), "No such file"),
        (("add", "his", *SCOPE, "--jwks", "http://his.example.org/jwks"), "https"),
        (("add", "His!", *SCOPE, *url), "client's name"),
        (("add", "his", "--tenant", "none", "--scope", "x", *url), "no tenant none"),
        (("remove", "kabul.none"), "no client"),
        (("remove", "nothing"), "no client"),
    ):
        refused = run("clients", *arguments)
        assert refused.returncode != 0
        assert why in refused.stderr
        assert "Traceback" not in refused.stderr
