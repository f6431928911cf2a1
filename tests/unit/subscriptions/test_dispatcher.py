"""The dispatcher's waits end when they are cancelled, whatever comes at the same moment."""

from __future__ import annotations

import asyncio

from subscriptions.dispatcher import _wait


async def test_a_cancellation_that_comes_with_the_event_is_not_lost() -> None:
    event = asyncio.Event()

    async def loop() -> None:
        while True:
            await _wait(event, 60)
            event.clear()

    looping = asyncio.create_task(loop())
    await asyncio.sleep(0)
    event.set()
    await asyncio.sleep(0)
    looping.cancel()

    done, _ = await asyncio.wait([looping], timeout=10)
    assert done == {looping}
    assert looping.cancelled()
