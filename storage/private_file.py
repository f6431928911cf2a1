"""Small files that only their owner may read: passwords of the embedded database, the signing key."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def make_data_directory(path: Path) -> None:
    """Make the data directory if need be, closed to others; under root PostgreSQL's own account must pass through."""
    path.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)


def create_private(path: Path, content: str) -> str:
    """Create `path` with `content` and mode 0600, all or nothing; return what is in it now.

    When two processes do this at once the first wins and both return the winner's content.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        give_to_owner_of(path.parent, Path(temporary))
        os.link(temporary, path)
    except FileExistsError:
        return path.read_text(encoding="utf-8")
    finally:
        Path(temporary).unlink()
    return content


def give_to_owner_of(directory: Path, file: Path) -> None:
    """What root writes into somebody's data directory stays readable for that somebody."""
    owner = directory.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.chown(file, owner.st_uid, owner.st_gid)
