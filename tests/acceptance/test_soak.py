"""A server under valid and hostile requests at random: it never fails, does not grow, and its books are sound.

The suite soaks for seconds; for longer: BILLING_TEST_SOAK_SECONDS=600 ./run test tests/acceptance/test_soak.py
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from fhir_server.rest.route import BASE_PATH
from fhir_server.rest.routes import ROUTES
from tests.acceptance.server_process import ServerProcess, run

SECONDS = float(os.environ.get("BILLING_TEST_SOAK_SECONDS", "6"))
CLIENTS = 6
TENANT = "soak"
TYPES = ("Account", "ChargeItem", "Invoice", "PaymentNotice", "PaymentReconciliation", "AuditEvent", "Nothing", "")
# Whoever serves may be busy, and says so; nothing else above 500 is an answer.
BUSY = {503}

HOSTILE_TEXTS = (
    "' OR 1=1 --",
    "$(id)",
    "../../etc/passwd",
    "\x00",
    "\ud7ff\ufffe",
    "4111 1111 1111 1111",
    "\u0664\u0661\u0661\u0661",
    "x" * 70_000,
    "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]>",
    "%00%ff",
    "{{7*7}}",
    "-9223372036854775809",
    "1e400",
    "NaN",
)
HEADERS = ("if-match", "if-none-match", "if-none-exist", "if-modified-since", "prefer", "accept", "idempotency-key")
QUERIES = (
    "_sort",
    "_count",
    "_include",
    "_has:Invoice:account:status",
    "identifier",
    "date",
    "_cursor",
    "_lastUpdated",
)


@pytest.fixture
def server(data_dir: Path) -> Iterator[ServerProcess]:
    where = ("--data-dir", str(data_dir))
    added = run(*("tenants", "add", TENANT, "--country", "AF", "--currency", "AFN", "--timezone", "Asia/Kabul"), *where)
    assert added.returncode == 0, added.stderr
    started = ServerProcess(data_dir)
    started.start()
    yield started
    started.stop()
    print(started.log.read_text())  # pytest shows it where the test fails


async def test_hostile_and_valid_requests_leave_it_standing_small_and_sound(
    server: ServerProcess, data_dir: Path
) -> None:
    where = ("--data-dir", str(data_dir))
    token = run("token", "--tenant", TENANT, "--scope", "system/*.cruds billing:*", *where).stdout.strip()
    statuses: Counter[int] = Counter()
    until = time.monotonic() + SECONDS
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as http:
        at_work = [asyncio.create_task(_client(http, token, seed, until, statuses)) for seed in range(CLIENTS)]
        await asyncio.sleep(SECONDS / 3)
        warm = _resident_kilobytes(server)
        await asyncio.gather(*at_work)
    grown = _resident_kilobytes(server)
    print(f"{sum(statuses.values())} requests in {SECONDS:g} s: {sorted(statuses.items())}")
    print(f"memory of the workers: {warm} kB after a third of the time, {grown} kB at the end")
    assert {status for status in statuses if status >= 500} <= BUSY, statuses
    assert statuses[201] > 0
    assert statuses[400] > 0
    assert grown < warm * 1.5 + 60_000
    checked = run("check", *where)
    assert checked.returncode == 0, checked.stdout


async def _client(http: httpx.AsyncClient, token: str, seed: int, until: float, statuses: Counter[int]) -> None:
    draw = random.Random(seed)
    known = ["none"]
    while time.monotonic() < until:
        method, url, headers, content = _request(draw, known)
        headers["authorization"] = draw.choice([f"Bearer {token}"] * 20 + ["Bearer x.y.z", "Basic YTpi"])
        try:
            # As a path of the server, where httpx would put it below the FHIR base.
            where = http.base_url.join(url) if url.startswith(BASE_PATH) else url
            answer = await http.request(method, where, headers=headers, content=content)
        except (httpx.InvalidURL, httpx.LocalProtocolError, UnicodeEncodeError):
            continue  # such a thing cannot even be sent
        statuses[answer.status_code] += 1
        if answer.status_code >= 500 and answer.status_code not in BUSY:
            print(answer.status_code, method, url[:500], content, answer.text)
        if answer.status_code == 201 and "location" in answer.headers:
            known.append(answer.headers["location"].split("/")[-3])
            known[1:] = known[-50:]


def _request(draw: random.Random, known: list[str]) -> tuple[str, str, dict[str, str], bytes | None]:
    if draw.random() < 0.15:
        return _rest_request(draw, known)
    if draw.random() < 0.3:
        return "POST", draw.choice(["Account", "ChargeItem"]), {"content-type": "application/json"}, _valid(draw, known)
    path = "/".join(
        part for part in (draw.choice(TYPES), draw.choice([*known, "$issue", "_history", "_search", ""])) if part
    )
    if draw.random() < 0.4:
        path += f"/{draw.choice(['$issue', '$balance', '$cancel', '$post-payment', '_history', '_history/1', 'x'])}"
    if draw.random() < 0.5:
        path += "?" + str(httpx.QueryParams({draw.choice(QUERIES): _text(draw)}))
    headers = {"content-type": draw.choice(["application/json", "application/fhir+xml", "text/plain", "x"])}
    if draw.random() < 0.3:
        headers[draw.choice(HEADERS)] = _text(draw).encode("ascii", "ignore").decode().replace("\x00", "")[:500]
    content = draw.choice([None, _hostile(draw), _valid(draw, known)])
    if content is not None and draw.random() < 0.1:
        headers["content-encoding"] = "gzip"
        content = gzip.compress(content * draw.choice([1, 300])) if draw.random() < 0.7 else content
    method = draw.choice(["GET", "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
    return method, path, headers, content


def _rest_request(draw: random.Random, known: list[str]) -> tuple[str, str, dict[str, str], bytes | None]:
    """Any route of the REST API: its example, or what is nothing of the kind, about what is there and what is not."""
    route = draw.choice(ROUTES)
    path = re.sub(
        r"\{\w+\}", lambda _: quote(draw.choice([*known, _text(draw)[:100] or "x"]), safe=""), route.full_path
    )
    if draw.random() < 0.3:
        path += "?" + str(httpx.QueryParams({draw.choice(["limit", "cursor", "account", "status", "x"]): _text(draw)}))
    headers = {
        "content-type": "application/json",
        "idempotency-key": draw.choice(["k", str(draw.randrange(10**6)), " "]),
    }
    content: bytes | None = None
    if route.takes is not None:
        example = dict(route.takes.model_json_schema()["examples"][0])
        if draw.random() < 0.7:
            example[draw.choice([*example, "x"])] = draw.choice(
                [_text(draw), None, -1, [], {}, 10**20, f"Account/{known[-1]}"]
            )
        content = draw.choice([json.dumps(example).encode(), _hostile(draw)])
    return route.method, path, headers, content


def _text(draw: random.Random) -> str:
    return draw.choice([*HOSTILE_TEXTS, "active", "Account/1", "2026-01-01", "ge2026", "1", ""])


def _valid(draw: random.Random, known: list[str]) -> bytes:
    account: dict[str, Any] = {"resourceType": "Account", "status": "active", "subject": [{"reference": "Patient/1"}]}
    charge = {
        "resourceType": "ChargeItem",
        "status": "billable",
        "code": {"text": "consultation"},
        "subject": {"reference": "Patient/1"},
        "account": [{"reference": f"Account/{draw.choice(known)}"}],
        "occurrenceDateTime": "2026-03-01",
        "priceOverride": {"value": draw.randrange(1, 10**6), "currency": "AFN"},
        "overrideReason": "agreed",
    }
    return json.dumps(draw.choice([account, charge])).encode()


def _hostile(draw: random.Random) -> bytes:
    deep = draw.choice([10, 100, 5000])
    return draw.choice(
        [
            b"[" * deep + b"]" * deep,
            b'{"a":' * deep + b"1" + b"}" * deep,
            b"{" + b",".join(b'"k%d":1' % n for n in range(2000)) + b"}",
            b'{"resourceType":"Account","status":"active","name":"%b"}' % _text(draw).encode("utf-8", "ignore"),
            b'{"resourceType":"Account","status":1e999999999}',
            b'{"resourceType":"Bundle","type":"transaction","entry":[{}]}',
            b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "y">]><Account xmlns="http://hl7.org/fhir"/>',
            bytes(draw.randrange(256) for _ in range(200)),
            b"",
        ]
    )


def _resident_kilobytes(server: ServerProcess) -> int:
    pages = (Path(f"/proc/{pid}/statm").read_text().split()[1] for pid in server.workers())
    return sum(int(each) * 4 for each in pages)
