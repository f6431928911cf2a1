"""Questions that travel together: what is asked while others are on their way goes with the next round trip.

Nobody waits for company - who comes alone is asked for at once - so it costs no time, and the busier it is the more
questions share a statement.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class Gathering(Generic[Question, Answer]):
    """`ask_all` gives the answers in the order of the questions; it is called with at most `size_max`, one at a time.

    What it raises is raised to everybody whose question it had.
    """

    def __init__(self, ask_all: Callable[[Sequence[Question]], Awaitable[Sequence[Answer]]], *, size_max: int) -> None:
        self._ask_all = ask_all
        self._size_max = size_max
        self._waiting: deque[tuple[Question, asyncio.Future[Answer]]] = deque()
        self._asking: asyncio.Task[None] | None = None

    async def ask(self, question: Question) -> Answer:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask_those_who_wait())
        return await answer

    async def _ask_those_who_wait(self) -> None:
        try:
            while self._waiting:
                some = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._size_max))]
                try:
                    answers = await self._ask_all([question for question, _ in some])
                except Exception as failure:
                    for _, future in some:
                        if not future.done():  # who was cancelled does not ask any more
                            future.set_exception(failure)
                else:
                    for (_, future), answer in zip(some, answers, strict=True):
                        if not future.done():
                            future.set_result(answer)
        finally:
            self._asking = None
