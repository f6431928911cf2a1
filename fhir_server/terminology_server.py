"""A FHIR terminology server, asked by `ValueSet/$validate-code`. https://hl7.org/fhir/R4/valueset-operation-validate-code.html

What it said is kept for a while, and it is never asked while a database transaction is open. One that does not answer
is left alone for some seconds, so that charges do not all wait for it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

import httpx

from fhir_server.settings import Settings
from ledger.charge_code import Verdicts
from ledger.price_list import Coding

log = logging.getLogger(__name__)

KEPT_MAX = 20_000
AT_ONCE = 8
REST_SECONDS = 5
REFUSED_KEPT_SECONDS = 60
"""A code that somebody is told to have added is found soon after that."""

_HEADERS = {"accept": "application/fhir+json", "content-type": "application/fhir+json"}

Key = tuple[str, Coding]


class _NoAnswerError(Exception):
    """It did not say whether a code is valid."""


class TerminologyServer:
    """`timeout_seconds`: for all codes that are looked up at once."""

    def __init__(
        self,
        base_url: str,
        *,
        timeout_seconds: float,
        kept_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = f"{base_url.rstrip('/')}/ValueSet/$validate-code"
        self._timeout_seconds = timeout_seconds
        self._kept_seconds = kept_seconds
        self._clock = clock
        self._kept: dict[Key, tuple[float, bool]] = {}
        self._resting_until = float("-inf")
        self._http = httpx.AsyncClient(headers=_HEADERS, timeout=timeout_seconds)
        self._slots = asyncio.Semaphore(AT_ONCE)

    @classmethod
    def of_settings(cls, settings: Settings) -> TerminologyServer | None:
        if not settings.terminology_url:
            return None
        return cls(
            settings.terminology_url,
            timeout_seconds=settings.terminology_timeout_seconds,
            kept_seconds=settings.terminology_cache_seconds,
        )

    async def close(self) -> None:
        await self._http.aclose()

    def known(self, value_set: str, codes: Iterable[Coding]) -> Verdicts:
        now = self._clock()
        kept = ((coding, self._kept.get((value_set, coding))) for coding in codes)
        return {coding: said[1] for coding, said in kept if said is not None and now < said[0]}

    async def look_up(self, value_set: str, codes: Iterable[Coding]) -> Verdicts:
        verdicts: dict[Coding, bool | None] = dict.fromkeys(codes)
        if self._clock() < self._resting_until:
            return verdicts

        async def take(coding: Coding) -> None:
            async with self._slots:
                verdicts[coding] = await self._ask(value_set, coding)
            self._keep((value_set, coding), bool(verdicts[coding]))

        try:
            async with asyncio.timeout(self._timeout_seconds), asyncio.TaskGroup() as group:
                for coding in verdicts:
                    group.create_task(take(coding))
        except* (TimeoutError, httpx.HTTPError, httpx.InvalidURL, _NoAnswerError) as failures:
            self._resting_until = self._clock() + REST_SECONDS
            # Not what it answered: that may hold what nobody should read in a log.
            log.warning("the terminology server does not answer: %r", failures.exceptions[0])
        return verdicts

    async def _ask(self, value_set: str, coding: Coding) -> bool:
        system, code = coding
        whole_system: dict[str, Any] = {
            "resourceType": "ValueSet",
            "status": "active",
            "compose": {"include": [{"system": system}]},
        }
        wanted = {"name": "url", "valueUri": value_set} if value_set else {"name": "valueSet", "resource": whole_system}
        asked = [wanted, {"name": "system", "valueUri": system}, {"name": "code", "valueCode": code}]
        answer = await self._http.post(self._url, json={"resourceType": "Parameters", "parameter": asked})
        if answer.status_code != httpx.codes.OK:
            raise _NoAnswerError(f"HTTP {answer.status_code}")
        return _result_of(answer)

    def _keep(self, key: Key, is_valid: bool) -> None:
        # What was said first goes first: a dict is in the order in which its keys came.
        self._kept.pop(key, None)
        while len(self._kept) >= KEPT_MAX:
            del self._kept[next(iter(self._kept))]
        seconds = self._kept_seconds if is_valid else min(self._kept_seconds, REFUSED_KEPT_SECONDS)
        self._kept[key] = (self._clock() + seconds, is_valid)


def _result_of(answer: httpx.Response) -> bool:
    """`result` of the Parameters that it answered with."""
    try:
        parameters: list[dict[str, Any]] = answer.json()["parameter"]
        result = next(each["valueBoolean"] for each in parameters if each["name"] == "result")
    except (ValueError, LookupError, TypeError, StopIteration):
        raise _NoAnswerError("no Parameters with a result") from None
    if not isinstance(result, bool):
        raise _NoAnswerError("a result that is no boolean")
    return result
