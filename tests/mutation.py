"""Mutation testing of `ledger/`: what of it could be otherwise without a unit test that fails.

    python -m tests.mutation            all of it, on one core, at the lowest priority
    python -m tests.mutation 3          on three

Run it from the checkout with a Python that has mutmut, pytest and hypothesis: docs/mutation-testing.md has the command.
It works in a directory of its own, which it names; `mutmut browse` and `mutmut show MUTANT` there show what survived.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
TESTS = "tests/unit/ledger"

PROJECT = f"""
[tool.mutmut]
source_paths = ["ledger"]
pytest_add_cli_args_test_selection = ["{TESTS}"]
pytest_add_cli_args = ["--import-mode=importlib"]
"""
# The same few examples each time: a mutant must not live or die by chance.
CONFTEST = """
from hypothesis import HealthCheck, settings

checks = list(HealthCheck)
settings.register_profile("mutation", max_examples=20, derandomize=True, deadline=None, suppress_health_check=checks)
settings.load_profile("mutation")
"""
MEANS = {0: "survived", 33: "untested", None: "not run"}
"""The exit codes of pytest that do not say that a mutant was found: anything else does, a timeout too."""


def main() -> None:
    processes = sys.argv[1] if len(sys.argv) > 1 else "1"
    where = Path(tempfile.mkdtemp(prefix="billing-mutants-"))
    shutil.copytree(CHECKOUT / "ledger", where / "ledger")
    shutil.copytree(CHECKOUT / TESTS, where / TESTS)
    (where / "tests" / "__init__.py").touch()
    (where / "tests" / "conftest.py").write_text(CONFTEST)
    (where / "pyproject.toml").write_text(PROJECT)
    print(f"mutating in {where}", flush=True)
    os.nice(19)
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", processes]
    subprocess.run(command, cwd=where, check=True, stdout=subprocess.DEVNULL)
    report(where / "mutants" / "ledger")


def report(mutants: Path) -> None:
    """A table: of each module how many mutants there are, and how many of them were found."""
    whole: Counter[str] = Counter()
    print(f"{'module':<24}{'mutants':>9}{'killed':>9}{'survived':>10}{'untested':>10}")
    for path in sorted(mutants.glob("*.meta")):
        codes = json.loads(path.read_text())["exit_code_by_key"].values()
        counts = Counter(MEANS.get(code, "killed") for code in codes)
        whole += counts
        if counts:
            print(_line(path.name.removesuffix(".py.meta"), counts))
    print(_line("all", whole))
    print(f"{100 * whole['killed'] / whole.total():.1f} % killed")


def _line(name: str, counts: Counter[str]) -> str:
    figures = (counts.total(), counts["killed"], counts["survived"], counts["untested"] + counts["not run"])
    return f"{name:<24}{figures[0]:>9}{figures[1]:>9}{figures[2]:>10}{figures[3]:>10}"


if __name__ == "__main__":
    main()
