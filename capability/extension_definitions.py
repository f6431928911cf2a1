"""StructureDefinitions of the extensions that are ours: what a client may send, and what the server adds.

https://hl7.org/fhir/R4/defining-extensions.html. What differs from a plain Extension is said; tools make the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from capability.publication import FHIR_VERSION, camel_case, published
from mappers import extensions

RESOURCE_TYPE = "StructureDefinition"
_EXTENSION = "http://hl7.org/fhir/StructureDefinition/Extension"


@dataclass(frozen=True, slots=True)
class ExtensionValue:
    """The value of an extension, or of a part of one: `type` as FHIR names it, `target` of a Reference."""

    type: str
    target: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionDeclared:
    """An extension on `context`, 0 to `max` times there, with a value or with parts."""

    id: str
    context: str
    title: str
    description: str
    value: ExtensionValue | None = None
    parts: tuple[tuple[str, ExtensionValue], ...] = ()
    max: Literal["1", "*"] = "1"

    @property
    def url(self) -> str:
        return f"{extensions.CANONICAL}/{RESOURCE_TYPE}/{self.id}"


MONEY, DATE, CODE = ExtensionValue("Money"), ExtensionValue("date"), ExtensionValue("code")

EXTENSIONS = (
    ExtensionDeclared(
        id="invoice-settled",
        context="Invoice",
        title="Settled amount",
        description="What payments, credits and adjustments have settled of the invoice. Set by the server from the "
        "ledger once the invoice is issued.",
        value=MONEY,
    ),
    ExtensionDeclared(
        id="invoice-due",
        context="Invoice",
        title="Due amount",
        description="What is still owed on the invoice: its total less what is settled. Set by the server from the "
        "ledger once the invoice is issued.",
        value=MONEY,
    ),
    ExtensionDeclared(
        id="invoice-due-date",
        context="Invoice",
        title="Due date",
        description="The day by which the invoice is to be paid; aging counts from it. Without it the date of issue "
        "and the tenant's terms say when.",
        value=DATE,
    ),
    ExtensionDeclared(
        id="payer-share",
        context="Invoice",
        title="Share of a payer",
        description="What a payer owes of the invoice's total gross, once for each payer. The rest is owed by the "
        "patient; without any share all is owed by the recipient.",
        parts=(("payer", ExtensionValue("Reference", "Organization")), ("amount", MONEY)),
        max="*",
    ),
    ExtensionDeclared(
        id="credit-of",
        context="Invoice",
        title="Credited invoice",
        description="The invoice that this credit note corrects. Set by the server.",
        value=ExtensionValue("Reference", "Invoice"),
    ),
    ExtensionDeclared(
        id="tax-rule",
        context="Invoice.lineItem.priceComponent",
        title="Tax rule of a component",
        description="The tax rule by which the server added a tax to a line, or on a total component the rules that it "
        "sums up; a national one begins with national/. What has it is worked out anew until the invoice is issued.",
        value=ExtensionValue("string"),
    ),
    ExtensionDeclared(
        id="charge-modifier",
        context="ChargeItem",
        title="Modifier of the charge",
        description="A modifier of the charge's code, such as a CPT modifier, by which pricing rules may act.",
        value=ExtensionValue("CodeableConcept"),
        max="*",
    ),
    ExtensionDeclared(
        id="charge-unpriced",
        context="ChargeItem",
        title="Unpriced charge",
        description="The charge is kept without a price and posts nothing until it has one. Set by the server.",
        value=ExtensionValue("boolean"),
    ),
    ExtensionDeclared(
        id="charge-amount",
        context="ChargeItem",
        title="Amount of the charge",
        description="What the charge costs, as it was captured in the ledger. Set by the server once it is priced.",
        value=MONEY,
    ),
    ExtensionDeclared(
        id="charge-program",
        context="ChargeItem",
        title="Program of the charge",
        description="The program or scheme under which the service was rendered, by which its price is looked up.",
        value=ExtensionValue("CodeableConcept"),
    ),
    ExtensionDeclared(
        id="payment-account",
        context="PaymentReconciliation",
        title="Account of a payment",
        description="The account that owns what is not allocated of a patient's payment.",
        value=ExtensionValue("Reference", "Account"),
    ),
    ExtensionDeclared(
        id="payment-method",
        context="PaymentReconciliation",
        title="Method of a payment",
        description="How it was paid: cash, card, bank-transfer, mobile-money, cheque or other.",
        value=CODE,
    ),
    ExtensionDeclared(
        id="payment-refunded",
        context="PaymentReconciliation",
        title="Refunded amount",
        description="What was refunded of the payment. Set by the server.",
        value=MONEY,
    ),
    ExtensionDeclared(
        id="webhook-secret",
        context="Subscription.channel",
        title="Secret that signs notifications",
        description="The key by which what is sent is signed (https://www.standardwebhooks.com): whsec_ and 24 to 64 "
        "random bytes in base64. It reads back as a mask; the mask sent back leaves it as it is.",
        value=ExtensionValue("string"),
    ),
)


def extension_definition(extension: ExtensionDeclared) -> dict[str, Any]:
    return {
        **published(RESOURCE_TYPE, extension.id, camel_case(extension.id), extension.title, extension.description),
        "fhirVersion": FHIR_VERSION,
        "kind": "complex-type",
        "abstract": False,
        "context": [{"type": "element", "expression": extension.context}],
        "type": "Extension",
        "baseDefinition": _EXTENSION,
        "derivation": "constraint",
        "differential": {"element": _elements(extension)},
    }


def _elements(extension: ExtensionDeclared) -> list[dict[str, Any]]:
    root = {
        **_element("Extension"),
        "short": extension.title,
        "definition": extension.description,
        "min": 0,
        "max": extension.max,
    }
    url = {**_element("Extension.url"), "fixedUri": extension.url}
    if extension.value is not None:
        return [root, {**_element("Extension.extension"), "max": "0"}, url, _value("Extension", extension.value)]
    slicing = {"discriminator": [{"type": "value", "path": "url"}], "ordered": False, "rules": "open"}
    return [
        root,
        {**_element("Extension.extension"), "slicing": slicing, "min": len(extension.parts)},
        *(element for name, value in extension.parts for element in _part(name, value)),
        url,
        {**_element("Extension.value[x]"), "max": "0"},
    ]


def _part(name: str, value: ExtensionValue) -> list[dict[str, Any]]:
    path, id_ = "Extension.extension", f"Extension.extension:{name}"
    return [
        {"id": id_, "path": path, "sliceName": name, "min": 1, "max": "1"},
        {"id": f"{id_}.extension", "path": f"{path}.extension", "max": "0"},
        {"id": f"{id_}.url", "path": f"{path}.url", "fixedUri": name},
        {**_value(path, value), "id": f"{id_}.value[x]"},
    ]


def _value(path: str, value: ExtensionValue) -> dict[str, Any]:
    type_: dict[str, Any] = {"code": value.type}
    if value.target:
        type_["targetProfile"] = [f"http://hl7.org/fhir/StructureDefinition/{value.target}"]
    return {**_element(f"{path}.value[x]"), "min": 1, "type": [type_]}


def _element(path: str) -> dict[str, Any]:
    return {"id": path, "path": path}
