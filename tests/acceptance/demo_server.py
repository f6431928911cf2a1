"""`./run serve --demo` as a newcomer starts it, with a data directory of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from storage.embedded_postgres import EmbeddedPostgres
from tests.checkout import CHECKOUT


@dataclass(frozen=True)
class DemoServer:
    base_url: str
    token: str
    data_dir: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "BASE_URL": self.base_url,
            "TOKEN": self.token,
            "BILLING_DATA_DIR": str(self.data_dir),
            "PYTHONWARNINGS": "error",
        }


@contextmanager
def serving_demo() -> Iterator[DemoServer]:
    """`./run serve --demo` with a data directory of its own, which every account can reach."""
    parent = Path(tempfile.mkdtemp(prefix="billing-examples-"))
    parent.chmod(0o711)
    data_dir = parent / "data"
    log = parent / "log"
    command = [str(CHECKOUT / "run"), "serve", "--demo", "--port", "0", "--workers", "1", "--data-dir", str(data_dir)]
    with (
        log.open("w") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            said: list[str] = []
            for line in process.stdout:
                said.append(line.rstrip("\n"))
                if line.startswith("ready "):
                    break
            assert len(said) == 5, log.read_text()
            assert said[0].startswith("tenant demo (AFN)")
            yield DemoServer(said[4].removeprefix("ready "), said[1].removeprefix("token "), data_dir)
        finally:
            process.terminate()
    shutil.rmtree(EmbeddedPostgres(data_dir).home, ignore_errors=True)
    shutil.rmtree(parent)
