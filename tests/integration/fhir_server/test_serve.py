"""`./run serve` as an operator sees it: one line when it answers, and it comes through kills."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from storage.embedded_postgres import EmbeddedPostgres
from storage.postgres_process import PidFile, is_server_of
from tests.checkout import CHECKOUT
from tests.database_server import DatabaseAccess

LONG_ENOUGH = 60.0


@dataclass
class Served:
    process: subprocess.Popen[str]
    url: str

    def status(self, path: str) -> int:
        """The status of an answer, 0 for none."""
        try:
            # Its own certificate is not the test's subject.
            context = ssl._create_unverified_context() if self.url.startswith("https:") else None
            with urllib.request.urlopen(self.url.removesuffix("/fhir") + path, timeout=30, context=context) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as answer:
            return answer.code
        except OSError:
            return 0

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(pid) for pid in children if b"fhir_server.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [CHECKOUT / "run", *arguments], env=os.environ | environment, capture_output=True, text=True, check=False
    )


@contextmanager
def serving(data_dir: Path, *arguments: str, **environment: str) -> Iterator[Served]:
    command = [str(CHECKOUT / "run"), "serve", "--port", "0", "--workers", "2", "--data-dir", str(data_dir), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | environment) as process:
        try:
            assert process.stdout is not None
            ready = re.fullmatch(r"ready (https?://127\.0\.0\.1:\d+/fhir)\n", process.stdout.readline())
            assert ready, "the server did not say that it is ready"
            yield Served(process, ready.group(1))
        finally:
            process.terminate()
            process.wait(LONG_ENOUGH)


def eventually(is_so: Callable[[], bool]) -> None:
    give_up = time.monotonic() + LONG_ENOUGH
    while not is_so():
        assert time.monotonic() < give_up
        time.sleep(0.05)


def server_process(data_dir: Path) -> int:
    pid_file = PidFile.read(EmbeddedPostgres(data_dir).cluster)
    assert pid_file is not None
    return pid_file.pid


def test_it_says_one_line_when_it_answers_and_stops_in_order(data_dir: Path) -> None:
    with serving(data_dir) as served:
        assert served.status("/healthz") == 200
        assert served.status("/readyz") == 200
        # Two workers answered, and whichever is asked has counted for both.
        for _ in range(40):
            assert served.status("/fhir/nothing") == 404
        with urllib.request.urlopen(served.url.removesuffix("/fhir") + "/metrics", timeout=30) as answer:
            counts = re.findall(r'billing_http_requests_total\{.*status="404"\} (\d+)', answer.read().decode())
        assert sum(map(int, counts)) == 40
        served.process.send_signal(signal.SIGINT)
        assert served.process.wait(LONG_ENOUGH) == 0
        assert served.process.stdout is not None
        assert served.process.stdout.read() == ""
    log = (data_dir / "postgres.log").read_text()
    assert log.strip().endswith("database system is shut down")


def test_it_comes_through_the_kill_of_a_worker_and_of_postgresql(data_dir: Path) -> None:
    with serving(data_dir) as served:
        for worker in served.workers():
            os.kill(worker, signal.SIGKILL)
        eventually(lambda: served.status("/readyz") == 200)
        eventually(lambda: len(served.workers()) == 2)
        killed = server_process(data_dir)
        os.kill(killed, signal.SIGKILL)
        eventually(lambda: not is_server_of(killed, EmbeddedPostgres(data_dir).cluster))
        eventually(lambda: served.status("/readyz") == 200)


def test_killed_it_takes_everything_along_and_starts_again(data_dir: Path) -> None:
    with serving(data_dir) as served:
        workers, server = served.workers(), server_process(data_dir)
        served.process.kill()
        served.process.wait()
    eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in [*workers, server]))
    with serving(data_dir) as served:
        assert served.status("/readyz") == 200


def test_a_second_one_on_the_same_data_directory_or_port_is_refused_plainly(data_dir: Path) -> None:
    with serving(data_dir) as served:
        same_directory = run("serve", "--port", "0", "--data-dir", str(data_dir))
        port = served.url.split(":")[2].removesuffix("/fhir")
        same_port = run("serve", "--port", port, "--data-dir", str(data_dir.with_name("other")))
        assert served.status("/readyz") == 200
    for done, told in (
        (same_directory, "is in use by process"),
        (same_port, f"cannot listen on 127.0.0.1 port {port}"),
    ):
        assert done.returncode == 1
        assert done.stdout == ""
        assert told in done.stderr
        assert "Traceback" not in done.stderr


def test_off_loopback_it_starts_only_when_told_about_the_built_in_issuer(data_dir: Path) -> None:
    done = run("serve", "--host", "0.0.0.0", "--port", "0", "--data-dir", str(data_dir))
    assert done.returncode == 1
    assert "BILLING_BUILT_IN_ISSUER=on" in done.stderr


def test_it_serves_from_a_postgresql_of_one_s_own(data_dir: Path, database: DatabaseAccess) -> None:
    urls = {
        "DATABASE_URL": database.app,
        "BILLING_MIGRATE_DATABASE_URL": database.migrate,
        "BILLING_WORKER_DATABASE_URL": database.worker,
        "BILLING_AUDIT_DATABASE_URL": database.audit,
    }
    with serving(data_dir, **urls) as served:
        assert served.status("/readyz") == 200
    assert not (data_dir / "postgres").exists()


def test_it_does_not_start_without_its_database(data_dir: Path) -> None:
    done = run("serve", "--port", "0", "--data-dir", str(data_dir), DATABASE_URL="host=/nowhere dbname=billing")
    assert (done.returncode, done.stdout) == (1, "")
    assert "/nowhere" in done.stderr
    assert "Traceback" not in done.stderr


def test_commands_work_beside_the_running_server_and_without_it(data_dir: Path) -> None:
    dump = data_dir.with_name("dump")
    with serving(data_dir):
        done = run("backup", str(dump), "--data-dir", str(data_dir))
        assert done.returncode == 0, done.stderr
        refused = run("restore", str(dump), "--data-dir", str(data_dir))
        assert refused.returncode == 1
        assert "is in use by process" in refused.stderr
    for command in (("restore", str(dump)), ("backup", str(dump)), ("migrate",), ("upgrade",)):
        done = run(*command, "--data-dir", str(data_dir))
        assert done.returncode == 0, done.stderr


def test_a_token_of_the_data_directory_is_for_its_server(data_dir: Path) -> None:
    done = run("token", "--tenant", "nobody-s", "--scope", "system/*.rs", "--data-dir", str(data_dir))
    assert done.returncode == 0, done.stderr
    with serving(data_dir) as served:
        request = urllib.request.Request(
            f"{served.url}/Invoice", headers={"Authorization": f"Bearer {done.stdout.strip()}"}
        )
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=30)
        outcome = json.load(refused.value)
        refused.value.close()
    assert refused.value.code == 403  # a valid token, for a tenant that is not registered
    assert outcome["resourceType"] == "OperationOutcome"


def test_an_address_that_nobody_has_is_refused_plainly(data_dir: Path) -> None:
    done = run("serve", "--host", "localhost.invalid", "--data-dir", str(data_dir), BILLING_BUILT_IN_ISSUER="on")
    assert done.returncode == 1
    assert "cannot listen on localhost.invalid" in done.stderr


def test_port_0_takes_a_port_that_is_free(data_dir: Path) -> None:
    with serving(data_dir) as served, socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", int(served.url.split(":")[2].removesuffix("/fhir"))))


def certificate(directory: Path) -> tuple[str, str]:
    """A certificate for loopback and its key, signed by itself."""
    files = (str(directory / "cert.pem"), str(directory / "key.pem"))
    now = datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    Path(files[0]).write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    Path(files[1]).write_bytes(key.private_bytes(*private))
    return files


def test_with_a_certificate_it_serves_https_and_keeps_its_limits_over_all_workers(
    data_dir: Path, tmp_path: Path
) -> None:
    cert, key = certificate(tmp_path)
    limit = {"BILLING_CLIENT_REQUESTS_PER_SECOND": "1"}
    run(
        "tenants",
        "add",
        "kabul",
        "--country",
        "AF",
        "--currency",
        "AFN",
        "--timezone",
        "Asia/Kabul",
        "--data-dir",
        str(data_dir),
    )
    token = run("token", "--tenant", "kabul", "--scope", "system/*.rs", "--data-dir", str(data_dir)).stdout.strip()
    with serving(data_dir, "--tls-cert", cert, "--tls-key", key, **limit) as served:
        assert served.url.startswith("https://")
        assert served.status("/healthz") == 200
        context = ssl._create_unverified_context()
        request = urllib.request.Request(f"{served.url}/Account", headers={"authorization": f"Bearer {token}"})
        found: list[int] = []
        waits: list[str] = []
        for _ in range(8):  # each on a connection of its own, so that both workers get some
            try:
                with urllib.request.urlopen(request, timeout=30, context=context) as answer:
                    found.append(answer.status)
                    assert answer.headers["strict-transport-security"]
            except urllib.error.HTTPError as answer:
                found.append(answer.code)
                waits.append(answer.headers["retry-after"])
        assert found[0] == 200
        assert 429 in found
        assert set(waits) == {"1"}


NO_FILE = "/nowhere.pem"


@pytest.mark.parametrize("arguments", [("--tls-cert", NO_FILE), ("--tls-cert", NO_FILE, "--tls-key", NO_FILE)])
def test_a_certificate_that_cannot_be_used_is_refused_in_a_sentence(data_dir: Path, arguments: tuple[str, ...]) -> None:
    done = run("serve", "--port", "0", "--data-dir", str(data_dir), *arguments)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "--tls-cert" in done.stderr or "cannot be used" in done.stderr
