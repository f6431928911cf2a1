"""The bars of `./run price-lists`, for somebody at a terminal: lines read, and waiting charges settled."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from billing.settle_waiting_charges import Settled


@contextmanager
def reading_bar(lines: int) -> Iterator[Callable[[int], None]]:
    """Is told the number of the line that was read last."""
    with _bar("{task.completed:,} of {task.total:,} lines", TimeRemainingColumn()) as bar:
        task = bar.add_task("reading", total=lines)
        yield lambda line: bar.update(task, completed=line)


@contextmanager
def settling_bar() -> Iterator[Callable[[Settled], None]]:
    """Is told of each batch. How many charges wait nobody counts before."""
    with _bar("{task.completed:,} charges looked at") as bar:
        task = bar.add_task("settling", total=None)
        yield lambda batch: bar.advance(task, batch.looked_at)


def _bar(text: str, *more: TimeRemainingColumn) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn(text),
        *more,
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,
        disable=not sys.stderr.isatty(),
    )
