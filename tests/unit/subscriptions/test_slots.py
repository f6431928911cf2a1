"""Slots: so many at once for each key, those who wait in the order in which they came."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from subscriptions.slots import Slots


async def holding(slots: Slots, key: str, done: asyncio.Event, began: list[str], name: str, later: str = "") -> None:
    async with slots.hold(key, later=later or None, after_seconds=0.01 if later else None):
        began.append(name)
        await done.wait()


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_no_more_than_the_size_hold_a_key_at_once_and_the_others_follow_in_order() -> None:
    slots, began = Slots(2), list[str]()
    releases = {name: asyncio.Event() for name in "abcd"}
    tasks = [asyncio.create_task(holding(slots, "k", releases[name], began, name)) for name in "abcd"]
    await settled()
    assert began == ["a", "b"]
    releases["b"].set()
    await settled()
    assert began == ["a", "b", "c"]
    for each in releases.values():
        each.set()
    await asyncio.gather(*tasks)
    assert began == ["a", "b", "c", "d"]


async def test_a_key_takes_nothing_from_another() -> None:
    slots, done = Slots(1), asyncio.Event()
    first = asyncio.create_task(holding(slots, "a", done, [], "a"))
    await settled()
    async with slots.hold("b"):
        done.set()
    await first


async def test_who_gives_up_waiting_leaves_its_turn_to_the_next() -> None:
    slots, done, began = Slots(1), asyncio.Event(), list[str]()
    first = asyncio.create_task(holding(slots, "k", done, began, "first"))
    await settled()
    second = asyncio.create_task(holding(slots, "k", done, began, "second"))
    third = asyncio.create_task(holding(slots, "k", done, began, "third"))
    await settled()
    second.cancel()
    done.set()
    await asyncio.gather(first, third)
    assert began == ["first", "third"]
    async with slots.hold("k"):
        pass


async def test_who_is_cancelled_at_its_turn_hands_it_on() -> None:
    slots, done, began = Slots(1), asyncio.Event(), list[str]()
    second: asyncio.Task[None]
    async with slots.hold("k"):
        second = asyncio.create_task(holding(slots, "k", done, began, "second"))
        third = asyncio.create_task(holding(slots, "k", done, began, "third"))
        await settled()
    second.cancel()  # it has the slot and has not run since
    done.set()
    with pytest.raises(asyncio.CancelledError):
        await second
    await third
    assert began == ["third"]


async def test_who_is_slow_makes_room_as_long_as_there_is_a_slot_for_the_slow() -> None:
    slots, done, began = Slots(2), asyncio.Event(), list[str]()
    async with asyncio.TaskGroup() as group:
        for name in "abc":
            group.create_task(holding(slots, "quick", done, began, name, later="slow"))
        await settled()
        async with slots.hold("quick", later="slow", after_seconds=0.01):  # the first two have moved
            assert began == ["a", "b", "c"]
        group.create_task(holding(slots, "quick", done, began, "d", later="slow"))
        await settled()
        assert began == ["a", "b", "c", "d"]
        late = group.create_task(holding(slots, "quick", done, began, "e"))
        await asyncio.sleep(0.05)
        assert "e" not in began  # there is no slot left for the slow
        done.set()
        await late


async def test_when_all_are_done_all_slots_are_free_again() -> None:
    slots, done = Slots(2), asyncio.Event()
    tasks = [asyncio.create_task(holding(slots, "quick", done, [], "x", later="slow")) for _ in range(4)]
    await asyncio.sleep(0.05)
    done.set()
    await asyncio.gather(*tasks)
    async with asyncio.timeout(5), AsyncExitStack() as stack:
        for key in ("quick", "quick", "slow", "slow"):
            await stack.enter_async_context(slots.hold(key))
