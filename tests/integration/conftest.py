"""Embedded servers of a test's own, for what cannot be tried on the server that all tests share."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.embedded_postgres import EmbeddedPostgres


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data directory that every account can reach (pytest's own are closed to all but its user)."""
    parent = Path(tempfile.mkdtemp(prefix="billing-test-"))
    parent.chmod(0o711)
    yield parent / "data"
    home = EmbeddedPostgres(parent / "data").home
    shutil.rmtree(home, ignore_errors=True)
    shutil.rmtree(parent)
