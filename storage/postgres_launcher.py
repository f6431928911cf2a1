"""Become a program of PostgreSQL: a script of its own that drops root, binds its life to its parent's, and execs.

    python postgres_launcher.py PARENT_PID UID GID PROGRAM [ARGUMENT ...]

It is a process of its own because these steps must happen between fork and exec, where a process with threads may not
run Python. The order matters: changing the user id clears the parent-death signal.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int, with_signal: signal.Signals) -> None:
    """Have the kernel send `with_signal` to this process when its parent dies, however it dies (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(with_signal), 0, 0, 0)
    if os.getppid() != parent:  # it died before the kernel was asked
        os._exit(1)


def main() -> None:
    parent, uid, gid, *command = sys.argv[1:]
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    os.umask(0o077)
    os.chdir("/")
    # SIGINT is PostgreSQL's fast shutdown: open transactions are rolled back and the files are left clean.
    die_with_parent(int(parent), signal.SIGINT)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
