"""What an operation is, declared once: its parameters are parsed by it, and its OperationDefinition is made from it.

https://hl7.org/fhir/R4/operationdefinition.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fhir_server.authorization.smart_scopes import Permission


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of an operation. Where it is a code and there are `codes`, it is one of them."""

    name: str
    use: Literal["in", "out"]
    min: int
    max: Literal["1", "*"]
    type: str
    documentation: str
    codes: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    parts: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An operation. `resource_type` is `Resource` where all types that are kept have it.

    `creates` are the resource types that it makes, which a token must be allowed to. `permission` is what a token needs
    on the type that it is called on. `base` is the OperationDefinition of a guide that it carries out.
    """

    code: str
    resource_type: str
    title: str
    description: str
    affects_state: bool
    permission: Permission
    parameters: tuple[Parameter, ...]
    levels: tuple[Literal["system", "type", "instance"], ...] = ("instance",)
    creates: tuple[str, ...] = ()
    business_scope: str = ""
    needs_idempotency_key: bool = False
    base: str = ""

    @property
    def id(self) -> str:
        """The id of its OperationDefinition: `Invoice-issue`."""
        return f"{self.resource_type}-{self.code}"

    @property
    def inputs(self) -> tuple[Parameter, ...]:
        return tuple(parameter for parameter in self.parameters if parameter.use == "in")
