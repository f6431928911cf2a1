"""`./run bench`: the benchmarks, a program of their own."""

from __future__ import annotations

import os
import sys

import typer


def bench(context: typer.Context) -> None:
    """Run the benchmarks (--help lists their options)."""
    os.execv(sys.executable, [sys.executable, "-P", "-m", "bench", *context.args])
