"""What every resource declares: its `meta`, and the search parameters that all types have."""

from __future__ import annotations

from mappers.extensions import CANONICAL
from mappers.index_rows import Displays, IndexLeaf, Profiles, Texts, Tokens
from mappers.leaves import Inside, Leaf, Plain
from storage.search_parameters import (
    CodeColumn,
    IndexRows,
    InstantColumn,
    SearchParameter,
    SearchType,
    ServedBy,
    TextColumn,
)

LEAVES: tuple[Leaf, ...] = (Inside("meta", Plain("source", "source")),)

INDEX: tuple[IndexLeaf, ...] = (
    Profiles("_profile"),
    Tokens("_security", "meta.security[]", "code"),
    Displays("_security:text", "meta.security[]"),
    Tokens("_tag", "meta.tag[]", "code"),
    Displays("_tag:text", "meta.tag[]"),
)

IDENTIFIERS: tuple[IndexLeaf, ...] = (
    Tokens("identifier", "identifier[]", "value"),
    Texts("identifier:text", "identifier[].type"),
    Tokens("identifier:type", "identifier[].type.coding[]", "code"),
)
"""Of the types that have business identifiers."""


def official(
    resource_type: str,
    code: str,
    search_type: SearchType,
    expression: str,
    served_by: ServedBy,
    targets: str = "",
    *,
    identifiers: str = "",
    texts: str = "",
    identifier_types: str = "",
) -> SearchParameter:
    """A search parameter of the specification; its canonical URL follows from its name. `targets` are set by spaces."""
    return SearchParameter(
        code=code,
        type=search_type,
        expression=f"{resource_type}.{expression}",
        served_by=served_by,
        targets=tuple(targets.split()),
        url=f"http://hl7.org/fhir/SearchParameter/{resource_type}-{code.removeprefix('_')}",
        identifiers=identifiers,
        texts=texts,
        identifier_types=identifier_types,
    )


def identifier_of(resource_type: str) -> SearchParameter:
    """The parameter `identifier`, which finds `IDENTIFIERS`."""
    return official(
        resource_type,
        "identifier",
        "token",
        "identifier",
        IndexRows("identifier"),
        texts="identifier:text",
        identifier_types="identifier:type",
    )


def own(
    resource_type: str,
    code: str,
    search_type: SearchType,
    expression: str,
    served_by: ServedBy,
    targets: str = "",
    *,
    description: str,
    identifiers: str = "",
) -> SearchParameter:
    """A search parameter of ours, for what R4 has none for; it is published with the description."""
    return SearchParameter(
        code=code,
        type=search_type,
        expression=expression,
        served_by=served_by,
        targets=tuple(targets.split()),
        url=f"{CANONICAL}/SearchParameter/{resource_type}-{code}",
        description=description,
        identifiers=identifiers,
    )


SEARCH_PARAMETERS = (
    official("Resource", "_id", "token", "id", CodeColumn("id")),
    official("Resource", "_lastUpdated", "date", "meta.lastUpdated", InstantColumn("last_updated")),
    official("Resource", "_profile", "uri", "meta.profile", IndexRows("_profile")),
    official("Resource", "_security", "token", "meta.security", IndexRows("_security"), texts="_security:text"),
    official("Resource", "_source", "uri", "meta.source", TextColumn("source")),
    official("Resource", "_tag", "token", "meta.tag", IndexRows("_tag"), texts="_tag:text"),
)
