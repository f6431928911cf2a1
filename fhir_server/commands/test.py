"""`./run test`: the whole test suite, in parallel."""

from __future__ import annotations

import os
import sys

import typer

PASS_EVERYTHING_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def test(context: typer.Context) -> None:
    """Run the tests (arguments are pytest's)."""
    from fhir_server.settings import CHECKOUT, usable_cores

    processes = max(2, usable_cores())
    os.chdir(CHECKOUT)
    # A process of its own, so that its exit status is pytest's and nothing of the command line is in it.
    os.execv(sys.executable, [sys.executable, "-P", "-m", "pytest", f"--numprocesses={processes}", *context.args])
