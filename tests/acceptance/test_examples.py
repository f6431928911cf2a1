"""The examples and the README's commands, run as a newcomer runs them against `./run serve --demo`.

What the programs print is compared with what is checked in beside them, ids and times replaced. After a change that is
meant, BILLING_WRITE_EXAMPLES=1 ./run test tests/acceptance/test_examples.py writes it anew.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest

from tests.acceptance.demo_server import DemoServer
from tests.checkout import CHECKOUT

EXAMPLES = CHECKOUT / "examples"
NODE = EXAMPLES / "node"
IS_CI = os.environ.get("BILLING_CI") == "1"

_ID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_REPLACED = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)"), "<time>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d\b"), "<date>"),
    (re.compile(r"\bINV-\d{4}-\d{6}\b"), "<number>"),
    # What ./run check has counted: other examples may have written by then.
    (re.compile(r"\b[\d,]+(?= (?:entries|postings|resources|versions)\b)"), "<count>"),
)


def without_ids(text: str) -> str:
    """The text with what differs each time replaced: ids in the order in which they come."""
    seen: dict[str, str] = {}
    text = _ID.sub(lambda match: seen.setdefault(match[0], f"<id-{len(seen) + 1}>"), text)
    for pattern, replacement in _REPLACED:
        text = pattern.sub(replacement, text)
    return text


def compare(file: Path, printed: str) -> None:
    if os.environ.get("BILLING_WRITE_EXAMPLES") == "1":
        file.write_text(printed, encoding="utf-8")
    assert printed.splitlines() == file.read_text(encoding="utf-8").splitlines()


def run(server: DemoServer, *command: str | Path, cwd: Path) -> str:
    done = subprocess.run(command, env=server.environment, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_walk_through_in_curl_leads_from_a_charge_to_a_balanced_invoice(
    demo_server: DemoServer, tmp_path: Path
) -> None:
    printed = run(demo_server, "bash", EXAMPLES / "walk-through.sh", cwd=tmp_path)
    compare(EXAMPLES / "walk-through.out", without_ids(printed))


@pytest.mark.parametrize("name", ["fhirpy_walk_through", "fhirclient_walk_through", "typed_models"])
def test_the_python_examples_print_what_is_checked_in(demo_server: DemoServer, tmp_path: Path, name: str) -> None:
    printed = run(demo_server, sys.executable, EXAMPLES / f"{name}.py", cwd=tmp_path)
    compare(EXAMPLES / f"{name}.out", without_ids(printed))


def test_the_claims_system_learns_of_an_issued_invoice(demo_server: DemoServer, tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "claims_receiver.py"), demo_server.base_url, demo_server.token]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=demo_server.environment) as receiver:
        try:
            assert receiver.stdout is not None
            assert receiver.stdout.readline().startswith("subscribed as Subscription/")
            run(demo_server, "bash", EXAMPLES / "walk-through.sh", cwd=tmp_path)
            told = receiver.stdout.readline()
        finally:
            receiver.terminate()
    assert re.fullmatch(r"event 1: Invoice/[0-9a-f-]+ [0-9.]+ AFN\n", told), told


@pytest.mark.parametrize("name", ["fhir_kit_walk_through", "medplum_walk_through"])
def test_the_examples_for_node_print_what_is_checked_in(demo_server: DemoServer, tmp_path: Path, name: str) -> None:
    node, packages = shutil.which("node"), Path(os.environ.get("BILLING_CI_NODE_MODULES") or NODE / "node_modules")
    missing = "node" if node is None else str(packages)
    if node is None or not packages.is_dir():
        assert not IS_CI, f"{missing} is missing, and .ci/run is to install it"
        pytest.skip(f"there is no {missing}: npm ci in examples/node, or set BILLING_CI_NODE_MODULES")
    # Node looks for packages beside the script, and they may be kept outside of the checkout.
    (tmp_path / "node_modules").symlink_to(packages.resolve())
    for file in (NODE / "package.json", NODE / f"{name}.js"):
        shutil.copy(file, tmp_path)
    printed = run(demo_server, node, tmp_path / f"{name}.js", cwd=tmp_path)
    compare(NODE / f"{name}.out", without_ids(printed))


def test_the_commands_of_the_readme_lead_to_a_balanced_invoice(demo_server: DemoServer, tmp_path: Path) -> None:
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    section = readme.split("## Drive it with curl")[1].split("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    assert sum(block.count("curl ") for block in blocks) >= 5
    script = "\n".join(blocks).replace("http://127.0.0.1:8080/fhir", demo_server.base_url)
    script = script.replace("./run", str(CHECKOUT / "run"))
    (tmp_path / "var").mkdir()
    printed = run(demo_server, "bash", "-euc", script, cwd=tmp_path)
    shown = re.findall(r"```json\n(.*?)```", section, re.DOTALL)
    assert shown, "the README shows what is answered"
    for answer in shown:
        assert without_ids(answer) in without_ids(printed)


def test_the_commands_of_the_cashiers_day_and_the_month_end_answer_what_the_page_shows(
    demo_server: DemoServer, tmp_path: Path
) -> None:
    page = (CHECKOUT / "docs" / "month-end.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```(?:\n\n```(?:json)?\n(.*?)```)?", page, re.DOTALL)
    assert sum(commands.count("curl ") for commands, _ in blocks) >= 10
    script = "".join(f"{commands}printf '\\f'\n" for commands, _ in blocks)
    origin = demo_server.base_url.removesuffix("/fhir")
    script = script.replace("http://127.0.0.1:8080", origin).replace("./run", str(CHECKOUT / "run"))
    (tmp_path / "var").mkdir()
    printed = run(demo_server, "bash", "-euc", script, cwd=tmp_path).split("\f")
    for (commands, shown), answered in zip(blocks, printed, strict=False):
        if shown:
            # The page breaks its lines where it likes.
            assert "".join(without_ids(answered).split()) == "".join(without_ids(shown).split()), commands


class Receiver(BaseHTTPRequestHandler):
    """Takes every notification, and remembers of what kind it was."""

    kinds: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        notification = json.loads(self.rfile.read(int(self.headers["content-length"])))
        status = notification["entry"][0]["resource"]["parameter"]
        self.kinds.append(next(each["valueCode"] for each in status if each["name"] == "type"))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing of each request."""


@contextmanager
def listening() -> Iterator[str]:
    """Where a receiver listens, over the loopback."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as receiver:
        Thread(target=receiver.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{receiver.server_port}/notify"
        receiver.shutdown()


def test_the_postman_collection_passes(demo_server: DemoServer) -> None:
    newman = os.environ.get("BILLING_NEWMAN") or shutil.which("newman")
    if newman is None:
        assert not IS_CI, "newman is missing, and .ci/run is to install it"
        pytest.skip("newman is not installed: npm install --prefix DIRECTORY newman, then set BILLING_NEWMAN or PATH")
    scope = ("--tenant", "demo", "--scope", "system/*.cruds billing:*", "--subject", "second-person")
    approver = run(demo_server, CHECKOUT / "run", "token", *scope, cwd=CHECKOUT).strip()
    with listening() as receiver:
        variables = {
            "baseUrl": demo_server.base_url,
            "restUrl": demo_server.base_url.removesuffix("/fhir") + "/api/v1/billing",
            "token": demo_server.token,
            "approverToken": approver,
            "receiver": receiver,
        }
        done = subprocess.run(
            [
                newman,
                "run",
                EXAMPLES / "postman" / "billing.postman_collection.json",
                *("--environment", EXAMPLES / "postman" / "local.postman_environment.json"),
                *(option for name, value in variables.items() for option in ("--env-var", f"{name}={value}")),
                *("--color", "off"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert Receiver.kinds[:1] == ["handshake"]
