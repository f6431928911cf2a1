"""The one table of FHIR routes: what is served, by which interaction or operation, and what a token needs for it.

The CapabilityStatement is derived from it. https://hl7.org/fhir/R4/http.html
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

from fhir_server.authorization.smart_scopes import Permission
from fhir_server.fhir_request import FhirRequest, Reading, Writing
from fhir_server.interactions.audit_events import read_audit_event
from fhir_server.interactions.bundle import bundle
from fhir_server.interactions.capabilities import capabilities, read_definition, search_definitions
from fhir_server.interactions.conditional_delete import ConditionalDelete
from fhir_server.interactions.conditional_update import conditional_update
from fhir_server.interactions.create import create
from fhir_server.interactions.delete import delete
from fhir_server.interactions.patch import patch
from fhir_server.interactions.read import read
from fhir_server.interactions.update import update
from fhir_server.interactions.vread import vread
from fhir_server.operation_declaration import Operation
from fhir_server.operations import (
    account_adjust,
    account_balance,
    account_post_payment,
    charge_item_credit,
    invoice_cancel,
    invoice_credit,
    invoice_issue,
    invoice_post_payment,
    payment_allocate,
    payment_deallocate,
    payment_refund,
    payment_reverse,
    resource_meta,
    resource_meta_add,
    resource_meta_delete,
    resource_validate,
    subscription_binding_token,
    subscription_events,
    subscription_status,
)
from fhir_server.responses import Answer
from fhir_server.route import Route, RouteTable
from mappers.compartments import PATIENT_COMPARTMENT

TYPES = ("Account", "ChargeItem", "Invoice", "PaymentNotice", "PaymentReconciliation", "Subscription")
DEFINITIONS = ("Basic", "CompartmentDefinition", "OperationDefinition", "SearchParameter", "StructureDefinition")


def _instance(method: str, path: str, interaction: str, permission: Any, **action: Any) -> Route:
    return Route(method=method, path=path, interaction=interaction, types=TYPES, needs=(("", permission),), **action)


def _conditional(method: str, interaction: str, permission: Permission, **action: Any) -> Route:
    """On what the criteria in the URL match; whether something matches is what a search would tell."""
    needs: tuple[tuple[str, Permission], ...] = (("", permission), ("", "s"))
    return Route(method=method, path="[type]", interaction=interaction, types=TYPES, needs=needs, **action)


def _operation(method: str, operation: Operation, action: Callable[[FhirRequest], Writing]) -> Route:
    needs = [("", operation.permission), *((created, "c") for created in operation.creates)]
    return Route(
        method=method,
        path=f"[type]/[id]/${operation.code}",
        interaction="operation",
        types=(operation.resource_type,),
        needs=tuple(needs),
        body="json?" if method == "POST" else "",
        operation=operation,
        writes=action,
    )


def _of_subscriptions(path: str, operation: Operation, **action: Any) -> list[Route]:
    """By GET and by POST, as what changes nothing can be asked for."""
    return [
        Route(
            method=method,
            path=f"{path}/${operation.code}",
            interaction="operation",
            types=(operation.resource_type,),
            needs=(("", operation.permission),),
            body="json?" if method == "POST" else "",
            operation=operation,
            **action,
        )
        for method in ("GET", "POST")
    ]


def _on_every_type(method: str, path: str, operation: Operation, **action: Any) -> Route:
    return Route(
        method=method,
        path=path,
        interaction="operation",
        types=TYPES,
        needs=(("", operation.permission),),
        body="json?" if method == "POST" else "",
        operation=operation,
        **action,
    )


def _metas() -> Iterator[Route]:
    """`$meta` on a version, a resource, a type and the system, and what changes labels."""
    operation = resource_meta.OPERATION
    for method in ("GET", "POST"):
        for path in ("[type]/[id]/$meta", "[type]/[id]/_history/[vid]/$meta"):
            yield _on_every_type(method, path, operation, reads=resource_meta.resource_meta)
        in_use = _on_every_type(method, "[type]/$meta", operation, reads=resource_meta.labels_in_use)
        # What is in use on a type is found by searching it.
        yield replace(in_use, needs=(("", "s"),))
        yield replace(in_use, path="$meta", types=(), needs=())
    for each, writes in (
        (resource_meta_add.OPERATION, resource_meta_add.resource_meta_add),
        (resource_meta_delete.OPERATION, resource_meta_delete.resource_meta_delete),
    ):
        yield _on_every_type("POST", f"[type]/[id]/${each.code}", each, writes=writes)


def _definition(path: str, interaction: str, action: Callable[[FhirRequest, Any], Awaitable[Answer]]) -> Route:
    return Route(method="GET", path=path, interaction=interaction, types=DEFINITIONS, is_open=True, serves=action)


def _audit(path: str, interaction: str, permission: Permission, action: Callable[[FhirRequest], Reading]) -> Route:
    needs: tuple[tuple[str, Permission], ...] = (("", permission),)
    return Route(method="GET", path=path, interaction=interaction, types=("AuditEvent",), needs=needs, reads=action)


def route_table(
    search: Callable[[FhirRequest], Reading],
    history: Callable[[FhirRequest], Reading],
    audit_events: Callable[[FhirRequest], Reading],
    *,
    deletes_many: bool = False,
) -> RouteTable:
    """The table, with the interactions that have settings of their own."""
    searches: dict[str, Any] = {"interaction": "search-type", "types": TYPES, "needs": (("", "s"),), "reads": search}
    of_patients = searches | {"types": tuple(PATIENT_COMPARTMENT)}
    validation: dict[str, Any] = {"serves": resource_validate.resource_validate}
    binding: dict[str, Any] = {"serves": subscription_binding_token.subscription_binding_token}
    return RouteTable(
        [
            Route(method="POST", path="", interaction="transaction", body="json", serves=bundle),
            Route(method="GET", path="[type]", **searches),
            Route(method="POST", path="[type]/_search", body="form", **searches),
            Route(method="GET", path="Patient/[id]/[type]", **of_patients),
            Route(method="POST", path="Patient/[id]/[type]/_search", body="form", **of_patients),
            Route(method="GET", path="Patient/[id]/*", interaction="search-compartment", reads=search),
            Route(
                method="POST", path="Patient/[id]/_search", interaction="search-compartment", body="form", reads=search
            ),
            # What the token may search of it, is searched.
            Route(method="GET", path="", interaction="search-system", reads=search),
            Route(method="POST", path="_search", interaction="search-system", body="form", reads=search),
            _instance("POST", "[type]", "create", "c", body="json", writes=create),
            _instance("GET", "[type]/[id]", "read", "r", reads=read),
            _instance("PUT", "[type]/[id]", "update", "u", body="json", writes=update),
            _conditional("PUT", "update", "u", body="json", writes=conditional_update),
            _instance("PATCH", "[type]/[id]", "patch", "u", body="patch", writes=patch),
            _conditional("PATCH", "patch", "u", body="patch", writes=patch),
            _instance("DELETE", "[type]/[id]", "delete", "d", writes=delete),
            _conditional("DELETE", "delete", "d", writes=ConditionalDelete(deletes_many)),
            _instance("GET", "[type]/[id]/_history", "history-instance", "r", reads=history),
            # SMART counts them among searches: https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html
            _instance("GET", "[type]/_history", "history-type", "s", reads=history),
            Route(method="GET", path="_history", interaction="history-system", reads=history),
            _instance("GET", "[type]/[id]/_history/[vid]", "vread", "r", reads=vread),
            _operation("POST", invoice_issue.OPERATION, invoice_issue.invoice_issue),
            _operation("POST", invoice_cancel.OPERATION, invoice_cancel.invoice_cancel),
            _operation("POST", invoice_credit.OPERATION, invoice_credit.invoice_credit),
            _operation("POST", charge_item_credit.OPERATION, charge_item_credit.charge_item_credit),
            _operation("POST", invoice_post_payment.OPERATION, invoice_post_payment.invoice_post_payment),
            _operation("POST", account_post_payment.OPERATION, account_post_payment.account_post_payment),
            _operation("POST", payment_allocate.OPERATION, payment_allocate.payment_allocate),
            _operation("POST", payment_deallocate.OPERATION, payment_deallocate.payment_deallocate),
            _operation("POST", payment_refund.OPERATION, payment_refund.payment_refund),
            _operation("POST", payment_reverse.OPERATION, payment_reverse.payment_reverse),
            _operation("POST", account_adjust.OPERATION, account_adjust.account_adjust),
            _operation("POST", account_balance.OPERATION, account_balance.get_account_balance),
            _operation("GET", account_balance.OPERATION, account_balance.get_account_balance),
            *_of_subscriptions(
                "[type]/[id]", subscription_status.OPERATION, reads=subscription_status.subscription_status
            ),
            *_of_subscriptions("[type]", subscription_status.OPERATION, reads=subscription_status.subscription_status),
            *_of_subscriptions(
                "[type]/[id]", subscription_events.OPERATION, reads=subscription_events.subscription_events
            ),
            *_of_subscriptions("[type]/[id]", subscription_binding_token.OPERATION, **binding),
            *_of_subscriptions("[type]", subscription_binding_token.OPERATION, **binding),
            _on_every_type("POST", "[type]/$validate", resource_validate.OPERATION, **validation),
            _on_every_type("POST", "[type]/[id]/$validate", resource_validate.OPERATION, **validation),
            *_metas(),
            _audit("[type]/[id]", "read", "r", read_audit_event),
            _audit("[type]", "search-type", "s", audit_events),
            Route(method="GET", path="metadata", interaction="capabilities", is_open=True, serves=capabilities),
            _definition("[type]/[id]", "read", read_definition),
            _definition("[type]", "search-type", search_definitions),
        ]
    )
