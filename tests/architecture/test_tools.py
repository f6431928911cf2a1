"""What the tools say about the whole checkout: layers, lint, format and types."""

from __future__ import annotations

import subprocess
import sys
import tomllib

from tests.checkout import CHECKOUT, packages


def run(*command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", *command], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"


def test_imports_point_downwards() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from importlinter.cli import lint_imports_command as lint; sys.exit(lint())",
        ],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_package_is_under_the_layers_contract() -> None:
    settings = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert sorted(settings["root_packages"]) == packages()


def test_the_code_is_clean() -> None:
    run("ruff", "check", ".")


def test_the_code_is_formatted() -> None:
    run("ruff", "format", "--check", ".")


def test_the_types_are_right() -> None:
    run("mypy", ".")
