"""Faults of ours: logged with what helps to find them and nothing of what was sent, which may be about a patient."""

from __future__ import annotations

import traceback
from contextvars import ContextVar

import structlog

log = structlog.stdlib.get_logger(__name__)

request_id: ContextVar[str] = ContextVar("request_id", default="-")
trace_id: ContextVar[str] = ContextVar("trace_id", default="")
"""Of the trace that the client says the request is a part of, if any."""


def log_fault(error: BaseException, what: str = "request failed") -> None:
    """The classes and the lines of code. Messages are left out: those of the database hold values of rows."""
    kinds: list[str] = []
    current: BaseException | None = error
    while current is not None and len(kinds) < 10:
        sqlstate = getattr(current, "sqlstate", None)
        kinds.append(f"{type(current).__qualname__}{f' {sqlstate}' if sqlstate else ''}")
        current = current.__cause__ or current.__context__
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    traced = {"trace_id": trace_id.get()} if trace_id.get() else {}
    log.error(what, request_id=request_id.get(), kinds=kinds, frames=frames, **traced)
