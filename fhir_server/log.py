"""Logging: structured, to stderr, as JSON lines or as text for people. Standard output is for what commands print."""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import Processor

from fhir_server.settings import Settings

LIBRARIES_TOO_CHATTY_AT_INFO = ("alembic", "httpx", "uvicorn.error")


def configure(settings: Settings) -> None:
    """Send structlog's and the standard library's records the same way."""
    as_text = settings.log_format == "text" or (settings.log_format == "auto" and sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if as_text else structlog.processors.JSONRenderer()
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    for name in LIBRARIES_TOO_CHATTY_AT_INFO:
        logging.getLogger(name).setLevel(logging.WARNING)
