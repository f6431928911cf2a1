"""Questions that come while one is being asked travel together, and each gets its own answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from storage.gathering import Gathering


class Oracle:
    """Doubles numbers once it is let; knows in which company each question came."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.may_answer = asyncio.Event()

    async def ask_all(self, questions: Sequence[int]) -> list[int]:
        self.asked.append(list(questions))
        await self.may_answer.wait()
        if -1 in questions:
            raise ValueError("no")
        return [2 * each for each in questions]


async def test_who_comes_alone_is_asked_for_at_once_and_those_who_come_meanwhile_go_together() -> None:
    oracle = Oracle()
    gathering = Gathering(oracle.ask_all, size_max=3)
    first = asyncio.create_task(gathering.ask(1))
    await asyncio.sleep(0)
    others = [asyncio.create_task(gathering.ask(number)) for number in range(2, 7)]
    await asyncio.sleep(0)
    oracle.may_answer.set()
    assert [await each for each in (first, *others)] == [2, 4, 6, 8, 10, 12]
    assert oracle.asked == [[1], [2, 3, 4], [5, 6]]
    assert await gathering.ask(7) == 14


async def test_a_failure_is_told_to_those_whose_questions_were_asked_and_to_nobody_else() -> None:
    oracle = Oracle()
    gathering = Gathering(oracle.ask_all, size_max=2)
    oracle.may_answer.set()
    answers = await asyncio.gather(*(gathering.ask(each) for each in (5, -1, 6)), return_exceptions=True)
    assert [type(each) for each in answers] == [ValueError, ValueError, int]


async def test_who_was_cancelled_takes_nobody_with_him() -> None:
    oracle = Oracle()
    gathering = Gathering(oracle.ask_all, size_max=9)
    gone, stays = asyncio.create_task(gathering.ask(1)), asyncio.create_task(gathering.ask(2))
    await asyncio.sleep(0)
    gone.cancel()
    oracle.may_answer.set()
    assert await stays == 4
    with pytest.raises(asyncio.CancelledError):
        await gone
