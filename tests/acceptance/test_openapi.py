"""The OpenAPI document against the running server: schemathesis makes requests of it and looks at the answers.

No answer is a fault; each has a status, a media type and a content that the document names, so that every refusal is a
valid OperationOutcome (or, of the internal API, a problem); and what the document excludes is refused. The suite makes
few requests of each kind, always the same; BILLING_TEST_OPENAPI_EXAMPLES makes more, and other ones.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.acceptance.demo_server import DemoServer
from tests.checkout import CHECKOUT

EXAMPLES = os.environ.get("BILLING_TEST_OPENAPI_EXAMPLES", "")

# A request that a schema allows may break a rule of billing, or be about what is not there.
NOT_CHECKED = "positive_data_acceptance,ignored_auth"


def run_schemathesis(server: DemoServer, directory: Path, *options: str) -> None:
    """`directory` is where it keeps what it remembers."""
    done = subprocess.run(
        [
            *(sys.executable, "-P", "-m", "schemathesis.cli", "run"),
            server.base_url.removesuffix("/fhir") + "/openapi.json",
            *("--header", f"Authorization: Bearer {server.token}"),
            *("--exclude-checks", NOT_CHECKED),
            *("--suppress-health-check", "all", "--warnings", "off", "--no-color", "--continue-on-failure"),
            *("--request-timeout", "60"),
            *([] if EXAMPLES else ["--generation-deterministic"]),
            *options,
        ],
        env={
            **os.environ,
            "PYTHONPATH": str(CHECKOUT),
            "SCHEMATHESIS_HOOKS": "tests.acceptance.openapi_hooks",
        },
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr


def test_whatever_is_asked_by_get_at_the_edges_of_the_document_is_answered_as_it_says(
    demo_server: DemoServer, tmp_path: Path
) -> None:
    # Other types are described as these are.
    types = [] if EXAMPLES else [*("--include-tag", "Invoice"), *("--include-tag", "System")]
    # Methods are excluded, for what is included by tag would be whatever its method is.
    others = [option for method in ("POST", "PUT", "PATCH", "DELETE") for option in ("--exclude-method", method)]
    run_schemathesis(demo_server, tmp_path, "--phases", "coverage", *others, *types)


def test_whatever_is_sent_is_answered_as_the_document_says(demo_server: DemoServer, tmp_path: Path) -> None:
    run_schemathesis(demo_server, tmp_path, "--phases", "fuzzing", "--max-examples", EXAMPLES or "2")
