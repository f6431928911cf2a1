"""One worker process: reads its settings from standard input, then serves on the socket that its parent opened.

It is started by `fhir_server/worker_processes.py` before the database is there, and imports the application meanwhile.
The settings hold passwords, which is why they come neither as arguments nor as environment variables.
"""

from __future__ import annotations

import signal
import socket
import sys
from functools import partial

import uvicorn

from fhir_server import log
from fhir_server.app import create_app
from fhir_server.settings import Settings
from storage.postgres_launcher import die_with_parent


def main() -> None:
    parent, listening = (int(argument) for argument in sys.argv[1:])
    die_with_parent(parent, signal.SIGTERM)
    text = sys.stdin.read()
    if not text:
        return  # the parent gave up before there was anything to serve
    settings = Settings.model_validate_json(text)
    log.configure(settings)
    config = uvicorn.Config(
        partial(create_app, settings),
        factory=True,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        ssl_certfile=settings.tls_cert or None,
        ssl_keyfile=settings.tls_key or None,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=settings.graceful_stop_seconds,
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=listening)])


if __name__ == "__main__":
    main()
