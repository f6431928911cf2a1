"""What a search parameter is to a statement: its type, and the columns or index rows that hold what it finds.

https://hl7.org/fhir/R4/search.html. The parameters themselves are declared beside the mapper of their resource, once;
`storage.search` and the capability statement both take them from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SearchType = Literal["token", "reference", "date", "string", "number", "quantity", "uri"]

ALL_COMPARATORS = ("eq", "ne", "gt", "ge", "lt", "le", "sa", "eb", "ap")


@dataclass(frozen=True, slots=True)
class CodeColumn:
    """A token in one column. `system` is the code system that the element is bound to; empty: tokens without one."""

    name: str
    system: str = ""


@dataclass(frozen=True, slots=True)
class TextColumn:
    """A string or uri in one column."""

    name: str


@dataclass(frozen=True, slots=True)
class ReferenceColumn:
    """A reference as text: `Patient/1` for one of this server, anything else as it was written."""

    name: str


@dataclass(frozen=True, slots=True)
class LocalIdColumn:
    """The bare id of a resource of this server that has the type `type`."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class DateColumns:
    """The instants `{name}_low` and `{name}_high` between which a partial date or a period lies.

    `date`: the column that has the text of the date, where the element may be a period instead.
    """

    name: str
    date: str = ""


@dataclass(frozen=True, slots=True)
class InstantColumn:
    """An exact instant (`timestamptz`)."""

    name: str


@dataclass(frozen=True, slots=True)
class NumberColumn:
    """A `numeric` column."""

    name: str


@dataclass(frozen=True, slots=True)
class QuantityColumns:
    """A quantity in `{name}_value` (numeric), `{name}_system` and `{name}_code`."""

    name: str


@dataclass(frozen=True, slots=True)
class MoneyColumns:
    """An amount: `{name}_minor` (minor units of the currency), `{name}_currency`, `{name}_scale` (decimals shown)."""

    name: str


@dataclass(frozen=True, slots=True)
class IndexRows:
    """Repeating values: the rows of the resource's index table that have this `parameter`.

    Tokens are in system and value; a reference is in value, written as in a `ReferenceColumn`; a uri is in value.
    """

    parameter: str


@dataclass(frozen=True, slots=True)
class ChildColumn:
    """A reference in a column of the table `table` of a repeating element."""

    table: str
    column: ReferenceColumn | LocalIdColumn


@dataclass(frozen=True, slots=True)
class Places:
    """A reference that may be in any of several places."""

    places: tuple[ReferenceColumn | LocalIdColumn | ChildColumn, ...]


ServedBy = (
    CodeColumn
    | TextColumn
    | ReferenceColumn
    | LocalIdColumn
    | DateColumns
    | InstantColumn
    | NumberColumn
    | QuantityColumns
    | MoneyColumns
    | IndexRows
    | ChildColumn
    | Places
)


@dataclass(frozen=True, slots=True)
class SearchParameter:
    """One search parameter of one resource type.

    `targets` are the types that a reference may have; none means any. A parameter whose targets are fewer than its
    element allows (`patient`) finds only references to these. `url` is the canonical URL of its definition. A
    `description` is there where the definition is ours and not the specification's. `identifiers` are the index rows
    that hold the identifiers by which references are made, `texts` those that hold what is said in words beside a
    token, and `identifier_types` those that hold the types of identifiers.
    """

    code: str
    type: SearchType
    expression: str
    served_by: ServedBy
    targets: tuple[str, ...] = ()
    url: str = ""
    description: str = ""
    identifiers: str = ""
    texts: str = ""
    identifier_types: str = ""

    @property
    def comparators(self) -> tuple[str, ...]:
        return ALL_COMPARATORS if self.type in {"date", "number", "quantity"} else ()
