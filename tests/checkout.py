"""The files of this checkout, for tests that are about the checkout itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
MADE_HERE = {
    ".git",
    ".hypothesis",
    ".import_linter_cache",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".venv",
    ".venv.lock",
    "__pycache__",
    "node_modules",
    "var",
}


def files(*suffixes: str) -> Iterator[Path]:
    """Every file of the project, but for what tools and servers make; only those that end so if suffixes are given."""
    for entry in sorted(CHECKOUT.iterdir()):
        if entry.name not in MADE_HERE:
            yield from (file for file in _below(entry) if not suffixes or file.suffix in suffixes)


def packages() -> list[str]:
    """The top-level packages, tests excepted."""
    return sorted(file.parent.name for file in CHECKOUT.glob("*/__init__.py") if file.parent.name != "tests")


def _below(entry: Path) -> Iterator[Path]:
    if entry.is_file():
        yield entry
    elif entry.is_dir() and entry.name not in MADE_HERE:
        for child in sorted(entry.iterdir()):
            yield from _below(child)
