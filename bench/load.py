"""The load: wrk where it is installed, else a generator of ours in a process of its own. Both keep connections open.

A round sends prepared requests one after another on each of N connections for some seconds.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.works import Request

_SEPARATOR = "\x1e"
_LUA = """
local requests, at = {}, 0
function init(args)
  local file = io.open(args[1], "rb")
  for request in file:read("*a"):gmatch("([^\\30]+)") do requests[#requests + 1] = request end
  file:close()
end
function request()
  at = at + 1
  return requests[(at - 1) % #requests + 1]
end
function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '\\nresult {"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "refused": %d, "broken": %d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
"""


@dataclass(frozen=True, slots=True)
class Round:
    """What a round measured. `refused`: answers with a status of 400 or more."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    refused: int

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


def generator_name() -> str:
    return "wrk" if shutil.which("wrk") else "bench.load (Python, asyncio, a process of its own)"


def run(requests: Sequence[Request], *, port: int, token: str, clients: int, seconds: int) -> Round:
    """Send the requests in order, from the start again where they end. A broken connection ends the run."""
    with tempfile.NamedTemporaryFile("wb", suffix=".requests") as file:
        file.write(_SEPARATOR.encode().join(_wire(request, port, token) for request in requests))
        file.flush()
        result = (_with_wrk if shutil.which("wrk") else _with_own)(file.name, port, clients, seconds)
    if result["broken"]:
        raise RuntimeError(f"{result['broken']} connections broke under load")
    return Round(
        result["requests"],
        result["microseconds"] / 1e6,
        result["p50"] / 1e3,
        result["p99"] / 1e3,
        result["refused"],
    )


def _wire(request: Request, port: int, token: str) -> bytes:
    headers = {
        "Host": f"127.0.0.1:{port}",
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/fhir+json",
        "Content-Length": str(len(request.body)),
        **dict(request.headers),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{request.method} {request.path} HTTP/1.1\r\n{head}\r\n".encode() + request.body


def _with_wrk(file: str, port: int, clients: int, seconds: int) -> dict[str, int]:
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(_LUA)
        script.flush()
        command = ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout=30s", "-s", script.name]
        output = subprocess.run(
            [*command, f"http://127.0.0.1:{port}", "--", file], check=True, capture_output=True, text=True
        ).stdout
    return _result_in(output)


def _with_own(file: str, port: int, clients: int, seconds: int) -> dict[str, int]:
    command = [sys.executable, "-m", "bench.load", file, str(port), str(clients), str(seconds)]
    return _result_in(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _result_in(output: str) -> dict[str, int]:
    found = re.search(r"^result (.*)$", output, re.MULTILINE)
    assert found is not None, output
    result: dict[str, int] = json.loads(found[1])
    return result


async def _client(port: int, requests: Iterator[bytes], until: float, times: list[int], refused: list[int]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.monotonic() < until:
        started = time.perf_counter_ns()
        writer.write(next(requests))
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        if length is not None and int(length[1]):
            await reader.readexactly(int(length[1]))
        times.append((time.perf_counter_ns() - started) // 1000)
        if head[9:10] in b"45":
            refused.append(1)
    writer.close()


async def _generate(file: str, port: int, clients: int, seconds: int) -> None:
    requests = Path(file).read_bytes().split(_SEPARATOR.encode())  # noqa: ASYNC240 - before anything is measured

    def endless() -> Iterator[bytes]:
        while True:
            yield from requests

    source, times, refused = endless(), list[int](), list[int]()
    started = time.monotonic()
    await asyncio.gather(*(_client(port, source, started + seconds, times, refused) for _ in range(clients)))
    taken = time.monotonic() - started
    times.sort()
    result = {
        "requests": len(times),
        "microseconds": int(taken * 1e6),
        "p50": times[len(times) // 2],
        "p99": times[len(times) * 99 // 100],
        "refused": len(refused),
        "broken": 0,
    }
    print("result", json.dumps(result))


if __name__ == "__main__":
    import uvloop

    uvloop.run(_generate(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
