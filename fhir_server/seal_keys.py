"""The keys that sealed blocks are signed with, and the blocks last made: in files that the database cannot reach.

The keys are a JWK set; the last one signs, the others only verify. A signature is a compact JWS
(https://www.rfc-editor.org/rfc/rfc7515) whose payload says tenant, number and hash of the block, so that anybody with
the public keys can verify it. Beside them, a file for each tenant says which block was the last: who cuts the tail of
the books, blocks included, does not reach that.
"""

from __future__ import annotations

import json
import os
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from billing.check.seals import Head, SealProof
from ledger.journal_block import JournalBlock
from storage.private_file import create_private, give_to_owner_of, make_data_directory

ALGORITHM = "ES256"
KEY_FILE = "journal-seal-keys.json"
HEADS = "journal-seal-heads"


class SealKeys:
    """The keys and heads in one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._keys: list[ECKey] = []

    @property
    def key_file(self) -> Path:
        return self._directory / KEY_FILE

    def sign(self, block: JournalBlock) -> str:
        """The signature of a block by the newest key; the first key is made on first use."""
        key = self._loaded(make=True)[-1]
        protected = {"alg": ALGORITHM, "kid": key.kid, "typ": "journal-block"}
        return jws.serialize_compact(protected, _statement(block), key, algorithms=[ALGORITHM])

    def verify(self, block: JournalBlock, signature: str) -> str:
        """What is wrong with a signature; empty where nothing is. `unknown-key` where the key of it is not here."""
        try:
            found = jws.extract_compact(signature.encode())
            key = next((key for key in self._loaded() if key.kid == found.headers().get("kid")), None)
            if key is None:
                return "unknown-key"
            jws.validate_compact(found, key, algorithms=[ALGORITHM])
        except (JoseError, ValueError):
            return "wrong"
        return "" if found.payload == _statement(block) else "wrong"

    def proof(self) -> SealProof:
        """What `./run check` holds the blocks against."""
        return SealProof(self.verify, self.heads())

    def rotate(self) -> str:
        """Make a new key that signs from now on; its id. The others go on verifying."""
        keys = [*self._loaded(), _new_key()]
        self._replace(self.key_file, _as_text(keys))
        self._keys = keys
        return str(keys[-1].kid)

    def public_keys(self) -> dict[str, Any]:
        """The public keys as a JWK set, for auditors."""
        return {"keys": [key.as_dict(private=False) for key in self._loaded()]}

    def heads(self) -> dict[str, Head]:
        """The last block of each tenant that was sealed with these files."""
        folder = self._directory / HEADS
        files = sorted(folder.iterdir()) if folder.is_dir() else []
        return {file.name: _read_head(file) for file in files if not file.name.startswith(".")}

    def remember(self, block: JournalBlock, *, backwards: bool = False) -> None:
        """Keep a block as the last one of its tenant; an earlier one than is kept only where it may go `backwards`."""
        folder = self._directory / HEADS
        make_data_directory(self._directory)
        folder.mkdir(mode=0o700, exist_ok=True)
        give_to_owner_of(self._directory, folder)
        file = folder / block.tenant_id
        if backwards or not file.exists() or _read_head(file).number < block.number:
            self._replace(file, f"{block.number} {block.hash}\n")

    def forget(self, tenant_id: str) -> None:
        (self._directory / HEADS / tenant_id).unlink(missing_ok=True)

    def _loaded(self, *, make: bool = False) -> list[ECKey]:
        if not self._keys and (make or self.key_file.exists()):
            if not self.key_file.exists():
                make_data_directory(self._directory)
                create_private(self.key_file, _as_text([_new_key()]))
            content = json.loads(self.key_file.read_text(encoding="utf-8"))
            self._keys = [ECKey.import_key(each) for each in content["keys"]]
        return self._keys

    def _replace(self, file: Path, content: str) -> None:
        """Replace a file, all or nothing."""
        make_data_directory(self._directory)
        descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        give_to_owner_of(file.parent, Path(temporary))
        Path(temporary).replace(file)


def _new_key() -> ECKey:
    return ECKey.generate_key("P-256", {"use": "sig", "alg": ALGORITHM}, private=True, auto_kid=True)


def _as_text(keys: list[ECKey]) -> str:
    return json.dumps({"keys": [key.as_dict(private=True) for key in keys]})


def _read_head(file: Path) -> Head:
    number, hash_ = file.read_text(encoding="utf-8").split()
    return Head(int(number), hash_)


def _statement(block: JournalBlock) -> bytes:
    """What is signed."""
    said = {
        "tenant": block.tenant_id,
        "number": block.number,
        "hash": block.hash,
        "sealedThrough": _instant(block.sealed_through),
    }
    return json.dumps(said, separators=(",", ":")).encode()


def _instant(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
