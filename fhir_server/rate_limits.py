"""How many requests a client, a tenant and a stranger may send a second: token buckets that all worker processes share.

The buckets are records in a file that every worker maps, each changed under a lock of its own bytes: two system calls
and no round trip. Where many are allowed a worker takes the next fiftieth of a second's from the bucket as well, so
that it need not lock for each. A client that is silent gathers at most two seconds' worth. Several machines count each
for itself.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import struct
import time
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from pathlib import Path

from ledger.errors import Category, refuse
from ledger.tenant import Tenant

Peer = tuple[str, int] | None
"""Who is at the other end of a connection, as ASGI has it: address and port."""

FILE = "rate-limits"
BURST_SECONDS = 2.0
AHEAD_SECONDS = 0.02
"""How much a worker takes at once."""
_AHEAD_KEPT_SECONDS = 1.0
_AHEAD_MAX = 4096
_SLOTS = 1 << 16
_PROBES = 4
_FORGOTTEN_SECONDS = 60.0
_RECORD = struct.Struct("<Qdd")  # whose bucket, how full it was, and when
_BYTES = (_SLOTS + _PROBES) * _RECORD.size


class RateLimits:
    """`client` and `tenant` are requests a second, 0 for any number; a tenant's own setting goes before the latter.

    `failures` are those of one address in proving who it is.
    """

    def __init__(
        self,
        directory: str | None,
        *,
        client: int,
        tenant: int,
        failures: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._tenant, self._failures, self._clock = client, tenant, failures, clock
        self._file = -1
        if directory:
            self._file = os.open(Path(directory) / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.ftruncate(self._file, _BYTES)
        self._map = mmap.mmap(self._file, _BYTES)
        self._ahead: dict[str, tuple[int, float]] = {}
        """What this worker has taken from buckets and not used yet, and until when it may."""

    def check_client(self, tenant_id: str, client: str) -> None:
        """Count a request of a client; refused where there were too many."""
        if self._client and not self._take(f"{tenant_id}\n{client}", self._client):
            raise _too_many("client", self._client)

    def check_tenant(self, tenant: Tenant) -> None:
        """Count it for all clients of the tenant; refused where there were too many."""
        own = tenant.settings.get("requests_per_second")
        per_second = int(own) if own else self._tenant
        if per_second and not self._take(tenant.id, per_second):
            raise _too_many("tenant", per_second)

    def count_failure(self, peer: Peer) -> None:
        """Count a request without a valid token; refused as one too many, rather than as that, where it is."""
        if self._failures and not self._take(f"address {address_of(peer)}", self._failures):
            raise _too_many_failures(self._failures)

    def check_failures(self, peer: Peer) -> None:
        """Refuse who has failed too often a moment ago, before anything is looked at; counts nothing."""
        if self._failures and not self._take(f"address {address_of(peer)}", self._failures, cost=0):
            raise _too_many_failures(self._failures)

    def _take(self, name: str, per_second: int, cost: int = 1) -> bool:
        ahead, until = self._ahead.get(name, (0, 0.0))
        if cost and ahead and self._clock() < until:
            self._ahead[name] = ahead - 1, until
            return True
        key = _key(name)
        first = key % _SLOTS
        wanted = cost * (1 + int(per_second * AHEAD_SECONDS))
        if self._file >= 0:
            fcntl.lockf(self._file, fcntl.LOCK_EX, _PROBES * _RECORD.size, first * _RECORD.size)
        try:
            found = self._take_locked(key, first, float(per_second), wanted)
        finally:
            if self._file >= 0:
                fcntl.lockf(self._file, fcntl.LOCK_UN, _PROBES * _RECORD.size, first * _RECORD.size)
        if found > 1:
            self._keep(name, found - 1)
        return found > 0

    def _keep(self, name: str, ahead: int) -> None:
        if len(self._ahead) >= _AHEAD_MAX:
            self._ahead.clear()
        self._ahead[name] = ahead, self._clock() + _AHEAD_KEPT_SECONDS

    def _take_locked(self, key: int, first: int, per_second: float, wanted: int) -> int:
        """How many of those that are wanted there were; where none are, 1 says that there is one."""
        now = self._clock()
        place, most = first * _RECORD.size, per_second * BURST_SECONDS
        full = most
        for slot in range(first, first + _PROBES):
            found, level, at = _RECORD.unpack_from(self._map, slot * _RECORD.size)
            if found == key:
                place, full = slot * _RECORD.size, min(most, level + max(0.0, now - at) * per_second)
                break
            if found == 0 or now - at > _FORGOTTEN_SECONDS:
                place = slot * _RECORD.size
        taken = min(wanted, int(full))
        _RECORD.pack_into(self._map, place, key, full - taken, now)
        return taken if wanted else int(full >= 1.0)


@lru_cache(maxsize=4096)
def _key(name: str) -> int:
    # The same in every process; 0 is a bucket that nobody has.
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little") or 1


def address_of(peer: Peer) -> str:
    """Whose the failures are. One host has a whole /64 of IPv6, and would else have as many tries as addresses."""
    host = "" if peer is None else peer[0]
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{IPv6Address(int(address) >> 64 << 64)}/64"


def _too_many_failures(per_second: int) -> Exception:
    message = f"More than {per_second} requests a second from this address have no valid token; send them more slowly."
    return refuse(Category.THROTTLED, "too-many-failures", message)


def _too_many(whose: str, per_second: int) -> Exception:
    message = f"The {whose} sends more than {per_second} requests a second; send them more slowly."
    return refuse(Category.THROTTLED, "too-many-requests", message)
