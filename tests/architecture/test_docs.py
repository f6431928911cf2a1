"""The docs are true: what the code has is described, what the docs name is there, and their links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from fhir_server.__main__ import cli
from fhir_server.interactions.audit_events import AuditEvents
from fhir_server.interactions.history import History
from fhir_server.interactions.search import Search
from fhir_server.interactions.search_cursor import Cursors
from fhir_server.outcomes import MEANINGS
from fhir_server.rest.routes import ROUTES
from fhir_server.route import Route
from fhir_server.routes import TYPES, route_table
from fhir_server.settings import Settings, variable_of
from ledger.tenant import DEFAULT_SETTINGS
from mappers.search_query import SearchLimits
from tests.architecture.error_codes import PACKAGES, error_codes
from tests.checkout import CHECKOUT, files

PAGES = sorted(file for file in files(".md") if file.parts[len(CHECKOUT.parts)] in {"docs", "examples", file.name})
NAMES = [page.relative_to(CHECKOUT).as_posix() for page in PAGES]
COMMANDS = get_command(cli).commands.keys()  # type: ignore[attr-defined]  # it is a group, for it has several
NAMED_ROOTS = (*PACKAGES, "bench", "docs", "examples", "tests")

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"```.*?```|``.*?``|`[^`\n]*`", re.DOTALL)
_FENCE = re.compile(r"```.*?```", re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_ROW = re.compile(r"^\| `([A-Za-z_-]+)` \| ([\d, ]+) \|", re.MULTILINE)
_RUN = re.compile(r"\./run ([a-z][a-z-]*)")
# Paths of URLs are not paths of files.
_PATH = re.compile(
    rf"(?<!/v1/)(?:{'|'.join(NAMED_ROOTS)})/[\w./-]*|[A-Za-z_.-]+\.(?:toml|lock|yaml)|\.ci/run|Dockerfile"
)
# How-to's say which files to make.
_TO_BE_MADE = re.compile(r"remind|write_off|write-off|NAME|0002_")


def text_of(name: str) -> str:
    return (CHECKOUT / name).read_text(encoding="utf-8")


def anchors_of(page: Path) -> set[str]:
    """The anchors that headings get, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page: Path) -> None:
    dead = []
    for link in _LINK.findall(_CODE.sub("", page.read_text(encoding="utf-8"))):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            dead.append(link)
    assert dead == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_the_files_that_are_named_are_there(page: Path) -> None:
    named = {match for code in _INLINE.findall(page.read_text(encoding="utf-8")) for match in _PATH.findall(code)}
    wanted = {name for name in named if not _TO_BE_MADE.search(name)}
    assert [name for name in sorted(wanted) if not (CHECKOUT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_the_commands_that_are_named_are_there(page: Path) -> None:
    assert set(_RUN.findall(page.read_text(encoding="utf-8"))) <= COMMANDS


def test_every_command_of_run_is_in_the_readme() -> None:
    assert set(COMMANDS) <= set(_RUN.findall(text_of("README.md")))


def test_the_readme_begins_with_the_two_commands() -> None:
    section = text_of("README.md").split("## Two commands")[1].split("\n## ")[0]
    blocks = [block.strip() for block in re.findall(r"```\n(.*?)```", section, re.DOTALL)]
    assert [block for block in blocks if block.startswith("./run")] == ["./run serve --demo", "./run test"]


def test_every_setting_is_documented() -> None:
    configuration, operations = text_of("docs/configuration.md"), text_of("docs/operations.md")
    assert {name for name in map(variable_of, Settings.model_fields) if f"`{name}`" not in configuration} == set()
    assert {name for name in DEFAULT_SETTINGS if f"`{name}`" not in operations} == set()


def _routes() -> tuple[Route, ...]:
    cursors = Cursors(b"a key for no link at all")
    return route_table(Search(SearchLimits(), cursors), History(cursors), AuditEvents(cursors, 1, 1)).routes


def test_every_operation_has_its_page() -> None:
    operations = {route.operation for route in _routes() if route.operation is not None}
    wanted = {f"{operation.resource_type.lower()}-{operation.code}.md" for operation in operations}
    assert wanted == {page.name for page in (CHECKOUT / "docs" / "operations").glob("*.md")}


def test_every_interaction_is_on_its_page() -> None:
    page = text_of("docs/fhir/rest.md")
    interactions = {route.interaction.split("-")[0] for route in _routes()} - {"operation"}
    assert {name for name in interactions if f"| {name} |" not in page and f", {name} |" not in page} == set()
    assert {name for name in TYPES if name not in page} == set()


def test_every_category_of_error_is_documented_with_its_status() -> None:
    page = text_of("docs/fhir/errors.md")
    for category, meaning in MEANINGS.items():
        assert f"| {category} | {meaning.status} | {meaning.issue} |" in page


def test_every_error_code_of_the_source_is_documented_with_its_status() -> None:
    documented = dict(_ROW.findall(text_of("docs/fhir/errors.md")))
    codes = error_codes()
    assert {code: sorted(statuses) for code, statuses in codes.items() if code not in documented} == {}
    said = {code: {int(status) for status in statuses.split(",")} for code, statuses in documented.items()}
    wrong = {code: sorted(statuses) for code, statuses in codes.items() if not statuses <= said[code]}
    assert wrong == {}, "the source has these statuses"


def test_every_documented_error_code_is_in_the_source() -> None:
    source = "".join(file.read_text(encoding="utf-8") for name in PACKAGES for file in (CHECKOUT / name).rglob("*.py"))
    documented = {code for code, _ in _ROW.findall(text_of("docs/fhir/errors.md"))}
    assert {code for code in documented if f'"{code}"' not in source} == set()


def test_every_domain_event_is_documented() -> None:
    source = "".join(file.read_text(encoding="utf-8") for file in (CHECKOUT / "billing").rglob("*.py"))
    events = set(re.findall(r'"(billing\.[a-z]+\.[a-z]+\.v\d+)"', source))
    assert events
    assert events == set(re.findall(r"`(billing\.[a-z]+\.[a-z]+\.v\d+)` \|", text_of("docs/architecture.md")))


def test_every_decision_is_in_the_index_and_names_what_holds_it() -> None:
    folder = CHECKOUT / "docs" / "decisions"
    decisions = sorted(file for file in folder.glob("[0-9]*.md"))
    assert [file.name for file in decisions] == re.findall(
        r"\]\((\d{4}-[a-z0-9-]+\.md)\)", text_of("docs/decisions/README.md")
    )
    assert [file.name for file in decisions if "**Held by.**" not in file.read_text(encoding="utf-8")] == []


def test_every_route_of_the_rest_api_is_on_its_page() -> None:
    page = text_of("docs/rest.md")
    documented = set(re.findall(r"^\| `([A-Z]+ /[^`]*)` \|", page, re.MULTILINE))
    assert documented == {f"{route.method} {route.path}" for route in ROUTES}
