"""The parameter `allocation` of `$allocate` and `$deallocate`: an invoice, and an amount."""

from __future__ import annotations

from typing import Any, Literal

from billing.deallocate_payment import NamedAllocation
from billing.own_references import own_reference
from fhir_server.fhir_request import FhirRequest
from fhir_server.operation_declaration import Parameter
from ledger.errors import invalid


def allocation_parameter(min_: int, amount_min: Literal[0, 1], documentation: str) -> Parameter:
    parts = (
        Parameter("invoice", "in", 1, "1", "Reference", "The invoice.", targets=("Invoice",)),
        Parameter("amount", "in", amount_min, "1", "Money", "How much, in the payment's currency."),
    )
    return Parameter("allocation", "in", min_, "*", "", documentation, parts=parts)


def named_allocations(request: FhirRequest, values: list[dict[str, Any]]) -> list[NamedAllocation]:
    named = []
    for at, value in enumerate(values):
        place = f"Parameters.parameter.where(name='allocation')[{at}]"
        named.append(NamedAllocation(_invoice_id(request, value["invoice"], place), value["amount"], place))
    return named


def _invoice_id(request: FhirRequest, reference: dict[str, Any], place: str) -> str:
    own = own_reference(reference.get("reference", ""), request.base_url)
    if own is None or own[0] != "Invoice":
        raise invalid("parameter-reference", "invoice is a reference to an Invoice here: Invoice/1.", place, "value")
    return own[1]
