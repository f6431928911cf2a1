"""How much is done at once for one endpoint and for one tenant, so that who is slow delays nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager


class Slots:
    """`size` slots for each key; a key that nobody uses is forgotten."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._used: dict[Hashable, tuple[asyncio.Semaphore, int]] = {}

    @asynccontextmanager
    async def hold(self, key: Hashable) -> AsyncIterator[None]:
        semaphore, users = self._used.get(key, (asyncio.Semaphore(self._size), 0))
        self._used[key] = (semaphore, users + 1)
        try:
            async with semaphore:
                yield
        finally:
            semaphore, users = self._used.pop(key)
            if users > 1:
                self._used[key] = (semaphore, users - 1)
