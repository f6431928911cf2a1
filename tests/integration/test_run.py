"""`./run` makes its environment once, from anywhere, and says plainly what it lacks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.checkout import CHECKOUT

OLD_PYTHON = """#!/bin/sh
case "$*" in
    *print*) echo 3.9 ;;
    *) exit 1 ;;
esac
"""
PYTHON_WITHOUT_VENV = """#!/bin/sh
case "$*" in
    *print*) echo 3.11 ;;
    *venv*) exit 1 ;;
    *) exit 0 ;;
esac
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A checkout without an environment, with nothing in it that takes long to install."""
    directory = tmp_path / "a clone with spaces"
    (directory / "fhir_server").mkdir(parents=True)
    shutil.copy(CHECKOUT / "run", directory)
    (directory / "requirements.lock").write_text("")
    (directory / "requirements-dev.lock").write_text("")
    (directory / "fhir_server" / "__init__.py").touch()
    (directory / "fhir_server" / "__main__.py").write_text(
        "import os, sys\nprint(os.getcwd(), *sys.argv[1:], sep='|')\nprint(sys.prefix)\n"
    )
    return directory


def run(
    clone: Path, *arguments: str, path: str | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [clone / "run", *arguments],
        cwd=cwd or clone,
        env=os.environ | {"PATH": path or f"{Path(sys.executable).resolve().parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )


def path_with(directory: Path, python: str) -> str:
    """A search path on which there is no Python but this one."""
    tools = directory / "tools"
    tools.mkdir()
    for name in ("sh", "dirname", "cmp", "cp"):
        found = shutil.which(name)
        assert found is not None
        (tools / name).symlink_to(found)
    if python:
        (tools / "python3").write_text(python)
        (tools / "python3").chmod(0o755)
    return str(tools)


def test_it_makes_the_environment_once_and_keeps_the_caller_s_directory(clone: Path, tmp_path: Path) -> None:
    first = run(clone, "serve", "--data-dir", "a b", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert first.stdout.splitlines() == [f"{tmp_path}|serve|--data-dir|a b", str(clone / ".venv")]
    assert "making .venv" in first.stderr
    second = run(clone, "serve", cwd=tmp_path)
    assert (second.returncode, second.stderr) == (0, "")


def test_packages_of_the_caller_s_directory_do_not_get_in_the_way(clone: Path, tmp_path: Path) -> None:
    (tmp_path / "fhir_server").mkdir()
    (tmp_path / "fhir_server" / "__main__.py").write_text("raise SystemExit('the wrong one')")
    assert run(clone, cwd=tmp_path).returncode == 0


def test_a_changed_lock_is_installed_again(clone: Path) -> None:
    run(clone)
    (clone / "requirements.lock").write_text("# changed\n")
    assert "installing what requirements.lock names" in run(clone).stderr
    assert run(clone).stderr == ""


def test_only_tests_and_benchmarks_need_the_development_lock(clone: Path) -> None:
    (clone / "requirements-dev.lock").write_text("# more\n")
    assert "requirements.lock" in run(clone, "serve").stderr
    assert "requirements-dev.lock" in run(clone, "test").stderr
    assert run(clone, "bench").stderr == ""
    assert run(clone, "serve").stderr == ""


def test_a_lock_without_hashes_is_refused(clone: Path) -> None:
    (clone / "requirements.lock").write_text("a-package==1\n")
    done = run(clone)
    assert done.returncode == 1
    assert "could not install requirements.lock" in done.stderr


def test_two_at_once_install_once(clone: Path) -> None:
    both = [
        subprocess.Popen([clone / "run"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    said = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert "".join(said).count("making .venv") == 1


def test_an_environment_that_broke_is_made_anew(clone: Path) -> None:
    run(clone)
    (clone / ".venv" / "bin" / "python").unlink()
    done = run(clone)
    assert done.returncode == 0, done.stderr
    assert "making .venv" in done.stderr


@pytest.mark.parametrize(
    ("python", "told"),
    [
        ("", "none was found"),
        (OLD_PYTHON, "the one found here is 3.9"),
        (PYTHON_WITHOUT_VENV, "apt-get install python3.11-venv"),
    ],
)
def test_it_says_which_python_it_lacks(clone: Path, tmp_path: Path, python: str, told: str) -> None:
    done = run(clone, path=path_with(tmp_path, python))
    assert done.returncode == 1
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
