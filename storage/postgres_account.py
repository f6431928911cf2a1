"""The system account that the embedded PostgreSQL runs under.

PostgreSQL refuses to run as root, and initdb refuses a user id without a passwd entry. An ordinary user runs it as
himself. Under root it runs as an account that exists already - none is created - and what it needs is put where that
account can reach it.
"""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

UNPRIVILEGED_ACCOUNTS = ("nobody", "daemon", "postgres", "www-data", "bin")

# Where root keeps what the account cannot reach beside the checkout. It must outlive a reboot, so nothing temporary.
SHELTERS = (Path("/var/lib"), Path("/srv"), Path("/opt"))


class NoAccountError(Exception):
    """There is no account or no place under which PostgreSQL could run here. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Account:
    name: str
    uid: int
    gid: int

    @property
    def is_this_process(self) -> bool:
        return self.uid == os.geteuid()

    def can_reach(self, path: Path) -> bool:
        """Whether the account can enter every directory on the way and, if it is a file, read and run it."""
        path = path.resolve()
        if path.is_file() and not self._may(path, stat.S_IROTH | stat.S_IXOTH):
            return False
        directories = path.parents if path.is_file() else (path, *path.parents)
        return all(self._may(directory, stat.S_IXOTH) for directory in directories)

    def _may(self, path: Path, bits_of_others: int) -> bool:
        status = path.stat()
        if status.st_uid == self.uid:
            return status.st_mode & (bits_of_others << 6) == bits_of_others << 6
        if status.st_gid == self.gid:
            return status.st_mode & (bits_of_others << 3) == bits_of_others << 3
        return status.st_mode & bits_of_others == bits_of_others


def account_for(database_directory: Path) -> Account:
    """The owner of an existing database directory, else this user, else - for root - an unprivileged account."""
    if database_directory.exists():
        uid = database_directory.stat().st_uid
        if uid not in (os.geteuid(), 0) and os.geteuid() != 0:
            raise NoAccountError(
                f"{database_directory} belongs to {_name_of(uid)}; run this as {_name_of(uid)} or as root, "
                f"or give another directory with --data-dir"
            )
        if uid != 0:
            return _account(pwd.getpwuid(uid))
    if os.geteuid() != 0:
        return _account_of_this_process()
    for name in UNPRIVILEGED_ACCOUNTS:
        try:
            return _account(pwd.getpwnam(name))
        except KeyError:
            continue
    raise NoAccountError(
        "PostgreSQL does not run as root, and none of the accounts that could run it exists here: "
        f"{', '.join(UNPRIVILEGED_ACCOUNTS)}. Run this as an ordinary user, or set DATABASE_URL"
    )


def shelter() -> Path:
    """A directory of ours that every account can enter, for root only."""
    for base in SHELTERS:
        directory = base / "billing-fhir-server"
        try:
            directory.mkdir(mode=0o711, exist_ok=True)
        except OSError:
            continue
        if directory.stat().st_uid == 0 and os.access(directory, os.W_OK):
            return directory
    raise NoAccountError(
        f"none of {', '.join(map(str, SHELTERS))} can be written to, and PostgreSQL, which does not run as root, "
        "cannot reach the data directory. Give a --data-dir that every account can enter, or do not run this as root"
    )


def _account_of_this_process() -> Account:
    try:
        return _account(pwd.getpwuid(os.geteuid()))
    except KeyError:
        raise NoAccountError(
            f"the user id {os.geteuid()} has no passwd entry, and PostgreSQL's initdb needs one. "
            "Give the user an entry, or set DATABASE_URL"
        ) from None


def _account(entry: pwd.struct_passwd) -> Account:
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user id {uid}"
