"""What is served, as data: the composition root reads it off the table of routes and hands it down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

SearchType = Literal["token", "reference", "date", "string", "number", "quantity", "uri"]


class ParameterDeclared(Protocol):
    """A parameter of an operation; `type` is empty where it is made of `parts`."""

    @property
    def name(self) -> str: ...
    @property
    def use(self) -> Literal["in", "out"]: ...
    @property
    def min(self) -> int: ...
    @property
    def max(self) -> Literal["1", "*"]: ...
    @property
    def type(self) -> str: ...
    @property
    def documentation(self) -> str: ...
    @property
    def codes(self) -> tuple[str, ...]: ...
    @property
    def targets(self) -> tuple[str, ...]: ...
    @property
    def parts(self) -> Sequence[ParameterDeclared]: ...


class OperationDeclared(Protocol):
    """An operation on `resource_type`, which may be `Resource`: all that are kept. `id`: its OperationDefinition's."""

    @property
    def id(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def resource_type(self) -> str: ...
    @property
    def levels(self) -> Sequence[str]: ...
    @property
    def title(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def affects_state(self) -> bool: ...
    @property
    def needs_idempotency_key(self) -> bool: ...
    @property
    def business_scope(self) -> str: ...
    @property
    def base(self) -> str: ...
    @property
    def parameters(self) -> Sequence[ParameterDeclared]: ...


@dataclass(frozen=True, slots=True)
class ServedParameter:
    """A search parameter as the statement lists it. `definition` is the canonical URL of its SearchParameter."""

    name: str
    type: SearchType
    definition: str
    documentation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedType:
    """A resource type: `interactions` by FHIR's codes. What is not kept here (definitions) has no versions."""

    name: str
    interactions: tuple[str, ...]
    parameters: tuple[ServedParameter, ...] = ()
    includes: tuple[str, ...] = ()
    reverse_includes: tuple[str, ...] = ()
    operations: tuple[OperationDeclared, ...] = ()
    is_kept: bool = True
    conditional_update: bool = False
    conditional_delete: Literal["not-supported", "single", "multiple"] = "not-supported"
    documentation: str = ""
    profiles: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """All that is served at a base URL."""

    base_url: str
    types: tuple[ServedType, ...]
    system_interactions: tuple[str, ...]
    patch_formats: tuple[str, ...] = ()
    system_parameters: tuple[ServedParameter, ...] = ()
    system_operations: tuple[OperationDeclared, ...] = ()
    compartments: tuple[str, ...] = ()
    allows_cross_origin: bool = False
    token_url: str = ""
    instantiates: tuple[str, ...] = ()
    websocket_url: str = ""

    @property
    def operations(self) -> tuple[OperationDeclared, ...]:
        of_types = (operation for served in self.types for operation in served.operations)
        return tuple(dict.fromkeys((*of_types, *self.system_operations)))
