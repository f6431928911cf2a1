"""`python -m subscriptions`: a dispatcher as a process of its own. Several may run, beside a server or without one.

`./run serve` starts one and hands it the settings over a pipe; started by hand it takes them from the environment. This
is a composition root, so it alone reaches up to the settings and the logging of the server.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import suppress

import uvloop

from fhir_server import log
from fhir_server.database import migrated_database
from fhir_server.settings import Settings
from storage.postgres_launcher import die_with_parent
from subscriptions.dispatcher import Dispatcher


def main() -> None:
    if len(sys.argv) > 1:
        die_with_parent(int(sys.argv[1]), signal.SIGTERM)
        text = sys.stdin.read()
        if not text:
            return  # the parent gave up before there was anything to do
        _dispatch(Settings.model_validate_json(text))
    else:
        with migrated_database(Settings()) as settings:
            _dispatch(settings)


def _dispatch(settings: Settings) -> None:
    log.configure(settings)
    with suppress(KeyboardInterrupt, asyncio.CancelledError):
        uvloop.run(_until_stopped(Dispatcher(settings.dispatcher_settings)))


async def _until_stopped(dispatcher: Dispatcher) -> None:
    working = asyncio.ensure_future(dispatcher.run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, working.cancel)
    await working


if __name__ == "__main__":
    main()
