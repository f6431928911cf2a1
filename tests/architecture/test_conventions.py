"""House rules that no tool knows."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.checkout import CHECKOUT, files, packages

MODULES = list(files(".py"))
LOCKS = sorted(CHECKOUT.glob("requirements*.lock"))

# Written in pieces, or this file would break its own rule.
PATHS_OF_ONE_MACHINE = re.compile("|".join(["/" + "work/(main|shared)", "/" + "root/", "/" + r"home/\w"]))
REGISTRY_HOSTS = re.compile("|".join([r"pypi\." + "org", r"python" + "hosted", r"registry\.npm" + "js"]))
OFFICIAL_TEXTS = ("tests/conformance/", "mappers/r4/definitions")


def named(file: Path) -> str:
    return file.relative_to(CHECKOUT).as_posix()


def test_every_module_says_what_it_is_for() -> None:
    silent = [named(file) for file in MODULES if not ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))]
    assert silent == []


def test_transactions_are_committed_in_one_file() -> None:
    committing = {
        named(file)
        for file in MODULES
        if not named(file).startswith("tests/")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
    }
    assert committing <= {"storage/transaction.py"}


def test_versions_and_outbox_rows_are_written_in_one_file() -> None:
    writing = {
        named(file)
        for file in MODULES
        if not named(file).startswith("tests/")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "resource_versions.append"
    }
    assert writing == {"billing/record_change.py"}


def test_no_file_names_a_path_of_one_machine_or_a_package_registry() -> None:
    found = []
    for file in files():
        if named(file).startswith(OFFICIAL_TEXTS):
            continue
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [
            f"{named(file)}: {match.group()}"
            for pattern in (PATHS_OF_ONE_MACHINE, REGISTRY_HOSTS)
            for match in pattern.finditer(text)
        ]
    assert found == []


def test_the_locks_pin_everything_by_hash_and_name_no_host() -> None:
    assert [lock.name for lock in LOCKS] == ["requirements-dev.lock", "requirements.lock"]
    for lock in LOCKS:
        text = lock.read_text()
        assert "://" not in text
        assert "--index-url" not in text
        assert "--find-links" not in text
        requirements = text.replace("\\\n", " ").strip().splitlines()
        assert [line for line in requirements if "==" not in line or "--hash=sha256:" not in line] == []


def test_the_dev_lock_holds_all_of_the_other_in_the_same_versions() -> None:
    runtime, dev = (
        {line.split(" ")[0] for line in (CHECKOUT / name).read_text().splitlines() if "==" in line}
        for name in ("requirements.lock", "requirements-dev.lock")
    )
    assert runtime <= dev


def test_the_image_holds_every_package_that_serves() -> None:
    lines = (CHECKOUT / ".dockerignore").read_text().splitlines()
    assert set(packages()) - {"bench"} <= {line.removeprefix("!") for line in lines if line.startswith("!")}
