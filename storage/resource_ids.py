"""Ids that the server gives: UUIDs of version 7, so that what is made together lies together in the indexes.

https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-7
"""

from __future__ import annotations

import secrets
import time
from uuid import UUID


def new_id() -> str:
    # The clock only orders the ids roughly; nothing reads a time out of them.
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | secrets.randbits(80)
    value = (value & ~(0xF << 76)) | (7 << 76)
    value = (value & ~(0x3 << 62)) | (2 << 62)
    return str(UUID(int=value))
