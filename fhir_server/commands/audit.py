"""`./run audit`: whether something is known to be wrong with what is installed, by the advisories of OSV.

Each pin of the lock is asked for by name and version, and nothing else is said. https://google.github.io/osv.dev/api/
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fhir_server.commands.sbom import LOCK, bill_of_materials

SERVICE = "https://api.osv.dev"
ECOSYSTEM = "PyPI"
TIMEOUT_SECONDS = 10
NOT_ASKED = 2
"""The exit code where the service did not say."""


class _NotAskedError(Exception):
    """The service of advisories did not say what is known."""


def audit(
    *,
    if_reachable: Annotated[
        bool, typer.Option("--if-reachable", help="Say so and succeed where the service cannot be asked.")
    ] = False,
    ignore: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="An advisory that does not concern us; repeatable.")
    ] = None,
    service: Annotated[str, typer.Option(metavar="URL", help="Another service with OSV's API.")] = SERVICE,
) -> None:
    """Ask for advisories about the locked dependencies; exit 1 where there are any, 2 where nobody answers."""
    pins = _pins(LOCK.read_text(encoding="utf-8"))
    try:
        found = _advisories(service, pins)
    except _NotAskedError as why:
        typer.echo(f"not audited: {service} cannot be asked ({why})", err=True)
        raise typer.Exit(0 if if_reachable else NOT_ASKED) from None
    left = {pin: ids for pin, ids in ((pin, sorted(ids - set(ignore or ()))) for pin, ids in found.items()) if ids}
    for (name, version), ids in left.items():
        for id_ in ids:
            typer.echo(f"{name} {version}: {id_}  https://osv.dev/vulnerability/{id_}")
    typer.echo(f"{len(pins)} dependencies, {sum(map(len, left.values()))} advisories")
    raise typer.Exit(bool(left))


def _pins(lock: str) -> list[tuple[str, str]]:
    return [(each["name"], each["version"]) for each in bill_of_materials(lock)["components"]]


def _advisories(service: str, pins: list[tuple[str, str]]) -> dict[tuple[str, str], set[str]]:
    """The ids of the advisories about each pin."""
    import httpx

    queries = [{"package": {"name": name, "ecosystem": ECOSYSTEM}, "version": version} for name, version in pins]
    try:
        answer = httpx.post(
            f"{service.rstrip('/')}/v1/querybatch", json={"queries": queries}, timeout=TIMEOUT_SECONDS
        ).raise_for_status()
        results: list[dict[str, Any]] = answer.json()["results"]
        if len(results) != len(pins):
            raise _NotAskedError("its answer is not about each of them")
        return {pin: {each["id"] for each in said.get("vulns", ())} for pin, said in zip(pins, results, strict=True)}
    except httpx.HTTPStatusError as failure:
        raise _NotAskedError(f"it answered {failure.response.status_code}") from None
    except (httpx.HTTPError, httpx.InvalidURL) as failure:
        raise _NotAskedError(type(failure).__name__) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _NotAskedError("its answer is none of OSV's") from None
