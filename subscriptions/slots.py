"""How much is done at once for one endpoint and for one tenant, so that who is slow delays nobody else."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager


class Slots:
    """`size` slots for each key, for those who come first; a key that nobody uses is forgotten."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._used: dict[Hashable, int] = {}
        self._waiting: dict[Hashable, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def hold(
        self, key: Hashable, *, later: Hashable = None, after_seconds: float | None = None
    ) -> AsyncIterator[None]:
        """Hold a slot. Whoever still has it after some seconds gets one of the key `later` for it, if one is free."""
        await self._take(key)
        held = [key]

        def move() -> None:
            if self._take_now(later):
                self._give(key)
                held[0] = later

        timer = None
        if after_seconds is not None and later != key:
            timer = asyncio.get_running_loop().call_later(after_seconds, move)
        try:
            yield
        finally:
            if timer is not None:
                timer.cancel()
            self._give(held[0])

    def _take_now(self, key: Hashable) -> bool:
        used = self._used.get(key, 0)
        if used >= self._size:
            return False
        self._used[key] = used + 1
        return True

    async def _take(self, key: Hashable) -> None:
        if self._take_now(key):
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give(key)  # it was this one's turn at the moment at which it gave up
            raise

    def _give(self, key: Hashable) -> None:
        """Hand a slot to who waits longest, or have it free."""
        waiting = self._waiting.get(key)
        while waiting:
            turn = waiting.popleft()
            if not waiting:
                del self._waiting[key]
            if not turn.done():
                turn.set_result(None)
                return
        self._used[key] -= 1
        if not self._used[key]:
            del self._used[key]
