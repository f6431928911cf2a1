"""The result of a run as a table for people and as JSON for machines."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.load import Round


@dataclass(frozen=True, slots=True)
class Measured:
    """A round of one server, and what it cost: CPU seconds of the server's processes and of PostgreSQL's."""

    work: str
    server: str
    clients: int
    round: Round
    server_cpu: float
    postgres_cpu: float


@dataclass(frozen=True, slots=True)
class Line:
    """The medians over the rounds of one server at one work with so many clients."""

    work: str
    server: str
    clients: int
    rate: float
    p50_ms: float
    p99_ms: float
    server_cpu_us: float
    postgres_cpu_us: float
    refused: int
    ratio: float | None = None
    """Of the product: its rate through that of the bare reference."""


def lines_of(measured: list[Measured]) -> list[Line]:
    keys = dict.fromkeys((each.work, each.clients) for each in measured)
    lines = []
    for work, clients in keys:
        by_server = {
            server: _line([m for m in measured if (m.work, m.clients, m.server) == (work, clients, server)])
            for server in ("reference", "product")
        }
        reference, product = by_server["reference"], by_server["product"]
        if reference is not None:
            lines.append(reference)
        if product is not None:
            ratio = product.rate / reference.rate if reference is not None else None
            lines.append(Line(**(asdict(product) | {"ratio": ratio})))
    return lines


def _line(rounds: list[Measured]) -> Line | None:
    if not rounds:
        return None
    first = rounds[0]
    return Line(
        first.work,
        first.server,
        first.clients,
        rate=median(each.round.rate for each in rounds),
        p50_ms=median(each.round.p50_ms for each in rounds),
        p99_ms=median(each.round.p99_ms for each in rounds),
        server_cpu_us=median(1e6 * each.server_cpu / each.round.requests for each in rounds),
        postgres_cpu_us=median(1e6 * each.postgres_cpu / each.round.requests for each in rounds),
        refused=sum(each.round.refused for each in rounds),
    )


def show(lines: list[Line], conditions: dict[str, Any]) -> None:
    console = Console(width=120)
    for name, value in conditions.items():
        console.print(f"{name}: {value}", highlight=False)
    table = Table()
    for name in ("work", "server", "clients"):
        table.add_column(name, justify="right" if name == "clients" else "left")
    for name in ("req/s", "p50 ms", "p99 ms", "server us CPU", "PostgreSQL us CPU", "refused", "ratio"):
        table.add_column(name, justify="right")
    for line in lines:
        table.add_row(
            line.work,
            line.server,
            str(line.clients),
            f"{line.rate:,.0f}",
            f"{line.p50_ms:.2f}",
            f"{line.p99_ms:.2f}",
            f"{line.server_cpu_us:,.0f}",
            f"{line.postgres_cpu_us:,.0f}",
            str(line.refused),
            "" if line.ratio is None else f"{line.ratio:.2f}",
        )
    console.print(table)


def as_json(lines: list[Line], conditions: dict[str, Any]) -> dict[str, Any]:
    return {"conditions": conditions, "lines": [asdict(line) for line in lines]}
