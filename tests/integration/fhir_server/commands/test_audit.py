"""`./run audit` against a service of advisories on this machine."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from fhir_server.commands.audit import NOT_ASKED
from fhir_server.commands.sbom import LOCK
from tests.checkout import CHECKOUT

PINNED = LOCK.read_text(encoding="utf-8")


@contextmanager
def advising(answer: Any, status: int = 200) -> Iterator[tuple[str, list[Any]]]:
    """The URL of a service, and what it is asked. `answer` may be made of the queries."""
    asked: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            queries = json.loads(self.rfile.read(int(self.headers["content-length"])))["queries"]
            asked.extend([self.path, queries])
            content = answer(queries) if callable(answer) else answer
            self.send_response(status)
            self.end_headers()
            self.wfile.write(content if isinstance(content, bytes) else json.dumps(content).encode())

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def audit(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([CHECKOUT / "run", "audit", *arguments], capture_output=True, text=True, check=False)


def about(name: str, *ids: str) -> Any:
    def answer(queries: list[Any]) -> Any:
        hit: Any = {"vulns": [{"id": id_} for id_ in ids]}
        return {"results": [hit if query["package"]["name"] == name else {} for query in queries]}

    return answer


def test_every_pin_is_asked_for_and_what_is_known_of_one_fails() -> None:
    with advising(about("starlette", "GHSA-1", "PYSEC-2")) as (url, asked):
        told = audit("--service", url)
        accepted = audit("--service", url, "--ignore", "GHSA-1", "--ignore", "PYSEC-2")
    assert told.returncode == 1
    assert [line.split()[2] for line in told.stdout.splitlines()[:2]] == ["GHSA-1", "PYSEC-2"]
    assert told.stdout.startswith("starlette ")
    assert accepted.returncode == 0, accepted.stdout
    path, queries = asked[:2]
    assert path == "/v1/querybatch"
    assert len(queries) == sum("==" in line and not line.startswith(" ") for line in PINNED.splitlines())
    assert all(f"{query['package']['name']}=={query['version']}" in PINNED for query in queries)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"results": []}, 200),
        ({"results": [{}]}, 200),
        (b"<html>", 200),
        ([], 200),
        ({"results": None}, 200),
        ({"error": 1}, 500),
    ],
)
def test_a_service_that_does_not_say_is_no_audit_and_not_a_clean_one(answer: Any, status: int) -> None:
    with advising(answer, status) as (url, _):
        told, skipped = audit("--service", url), audit("--service", url, "--if-reachable")
    assert (told.returncode, skipped.returncode) == (NOT_ASKED, 0)
    for done in (told, skipped):
        assert f"not audited: {url} cannot be asked" in done.stderr
        assert done.stdout == ""


def test_without_a_network_it_says_so() -> None:
    told, skipped = audit("--service", "http://127.0.0.1:1"), audit("--service", "http://127.0.0.1:1", "--if-reachable")
    assert (told.returncode, skipped.returncode) == (NOT_ASKED, 0)
    assert "ConnectError" in skipped.stderr
