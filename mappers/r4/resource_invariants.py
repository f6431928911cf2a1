"""The invariants of Bundle, Parameters and the conformance resources, by the keys that the definitions give them."""

from __future__ import annotations

from typing import Any

from mappers.r4.contained import contained_rule
from mappers.r4.faults import Fault, Rule, Scope, one
from mappers.r4.invariants import (
    INVARIANTS,
    are_distinct,
    child,
    children,
    has_choice,
    implies,
    invariant,
    is_there,
    text,
)

# Bundle --------------------------------------------------------------------------------------------------------------


@invariant("bdl-1", "A bundle has a total only when it is a searchset or a history.")
def _bdl_1(value: dict[str, Any]) -> bool:
    return not is_there(value, "total") or text(value, "type") in {"searchset", "history"}


def _part_of_entries(key: str, name: str, bundle_types: frozenset[str], message: str, *, required: bool) -> None:
    """Registers the rule that entries have a part in bundles of these types (there they must) and in no others."""

    def rule(value: dict[str, Any], _scope: Scope) -> list[Fault] | None:
        allowed = text(value, "type") in bundle_types
        found: list[Fault] = []
        for index, entry in enumerate(value["entry"] if isinstance(value.get("entry"), list) else []):
            if isinstance(entry, dict) and (
                name not in entry if allowed and required else name in entry and not allowed
            ):
                found += one(key, f"{message} ({key})", "invariant", f".entry[{index}]")
        return found or None

    INVARIANTS[key] = rule


_part_of_entries(
    "bdl-2", "search", frozenset({"searchset"}), "Entries have a search part only in a searchset.", required=False
)
_part_of_entries(
    "bdl-3",
    "request",
    frozenset({"batch", "transaction", "history"}),
    "Entries have a request in a batch, transaction or history, and in no other bundle.",
    required=True,
)
_part_of_entries(
    "bdl-4",
    "response",
    frozenset({"batch-response", "transaction-response", "history"}),
    "Entries have a response in a batch-response, transaction-response or history, and in no other bundle.",
    required=True,
)


@invariant("bdl-5", "An entry needs a resource, a request or a response.")
def _bdl_5(value: dict[str, Any]) -> bool:
    return any(name in value for name in ("resource", "request", "response"))


@invariant("bdl-7", "A fullUrl may occur once in a bundle, unless the versions of the resources differ.")
def _bdl_7(value: dict[str, Any]) -> bool:
    named = [entry for entry in children(value, "entry") if text(entry, "fullUrl") is not None]
    return text(value, "type") == "history" or are_distinct(
        (text(entry, "fullUrl"), text(child(child(entry, "resource"), "meta"), "versionId")) for entry in named
    )


@invariant("bdl-8", "A fullUrl names no version; leave /_history/... out.", ".fullUrl")
def _bdl_8(value: dict[str, Any]) -> bool:
    return "/_history/" not in (text(value, "fullUrl") or "")


@invariant("bdl-9", "A document bundle needs an identifier with system and value.")
def _bdl_9(value: dict[str, Any]) -> bool:
    identifier = child(value, "identifier")
    has_key = is_there(identifier, "system") and is_there(identifier, "value")
    return implies(text(value, "type") == "document", has_key)


@invariant("bdl-10", "A document bundle needs a timestamp.")
def _bdl_10(value: dict[str, Any]) -> bool:
    return implies(text(value, "type") == "document", "timestamp" in value)


def _first_resource_type(value: dict[str, Any]) -> str | None:
    entries = children(value, "entry")
    return text(child(entries[0], "resource"), "resourceType") if entries else None


@invariant("bdl-11", "The first entry of a document bundle is a Composition.")
def _bdl_11(value: dict[str, Any]) -> bool:
    return implies(text(value, "type") == "document", _first_resource_type(value) == "Composition")


@invariant("bdl-12", "The first entry of a message bundle is a MessageHeader.")
def _bdl_12(value: dict[str, Any]) -> bool:
    return implies(text(value, "type") == "message", _first_resource_type(value) == "MessageHeader")


# Parameters and OperationDefinition ----------------------------------------------------------------------------------


@invariant("inv-1", "A parameter has exactly one of a value, a resource and parts.")
def _inv_1(value: dict[str, Any]) -> bool:
    return ["part" in value, "resource" in value, has_choice(value, "value")].count(True) == 1


@invariant("opd-1", "A parameter of an operation needs a type or parts.")
def _opd_1(value: dict[str, Any]) -> bool:
    return is_there(value, "type") or "part" in value


@invariant("opd-2", "Only a parameter of type string has a searchType.")
def _opd_2(value: dict[str, Any]) -> bool:
    return implies(is_there(value, "searchType"), text(value, "type") == "string")


@invariant("opd-3", "Only a parameter of type Reference or canonical has a targetProfile.")
def _opd_3(value: dict[str, Any]) -> bool:
    return implies(is_there(value, "targetProfile"), text(value, "type") in {"Reference", "canonical"})


# SearchParameter -----------------------------------------------------------------------------------------------------


@invariant("spd-1", "A search parameter with an xpath needs its xpathUsage.")
def _spd_1(value: dict[str, Any]) -> bool:
    return implies(is_there(value, "xpath"), is_there(value, "xpathUsage"))


@invariant("spd-2", "Only a search parameter of type reference has chains.")
def _spd_2(value: dict[str, Any]) -> bool:
    return implies(is_there(value, "chain"), text(value, "type") == "reference")


# CapabilityStatement -------------------------------------------------------------------------------------------------


@invariant("cpb-1", "A capability statement needs at least one of rest, messaging and document.")
def _cpb_1(value: dict[str, Any]) -> bool:
    return any(name in value for name in ("rest", "messaging", "document"))


@invariant("cpb-2", "A capability statement needs at least one of description, software and implementation.")
def _cpb_2(value: dict[str, Any]) -> bool:
    return any(is_there(value, name) for name in ("description", "software", "implementation"))


@invariant("cpb-3", "Only the capability statement of an instance has a messaging end-point.")
def _cpb_3(value: dict[str, Any]) -> bool:
    has_endpoint = any("endpoint" in messaging for messaging in children(value, "messaging"))
    return implies(has_endpoint, text(value, "kind") == "instance")


@invariant("cpb-7", "Documents of a capability statement differ in profile or mode.")
def _cpb_7(value: dict[str, Any]) -> bool:
    documents = children(value, "document")
    return are_distinct((text(document, "profile"), text(document, "mode")) for document in documents)


@invariant("cpb-9", "A resource type is described once in each rest part.")
def _cpb_9(value: dict[str, Any]) -> bool:
    return are_distinct(text(resource, "type") for resource in children(value, "resource"))


@invariant("cpb-12", "The names of the search parameters of a resource type differ.")
def _cpb_12(value: dict[str, Any]) -> bool:
    return are_distinct(text(parameter, "name") for parameter in children(value, "searchParam"))


@invariant("cpb-14", "A capability statement of kind instance needs an implementation.")
def _cpb_14(value: dict[str, Any]) -> bool:
    return implies(text(value, "kind") == "instance", "implementation" in value)


@invariant("cpb-15", "A capability statement of kind capability has software and no implementation.")
def _cpb_15(value: dict[str, Any]) -> bool:
    return implies(text(value, "kind") == "capability", "software" in value and "implementation" not in value)


@invariant("cpb-16", "A capability statement of kind requirements has neither software nor implementation.")
def _cpb_16(value: dict[str, Any]) -> bool:
    return implies(text(value, "kind") == "requirements", "software" not in value and "implementation" not in value)


ALL_INVARIANTS: dict[str, Rule] = {
    **INVARIANTS,
    **dict.fromkeys(("dom-2", "dom-3", "dom-4", "dom-5"), contained_rule),
}
"""Those of the data types too: invariant key -> the rule that checks it."""
