"""The URLs of the extensions that columns own, and of the other names that are ours."""

from __future__ import annotations

CANONICAL = "https://billing.ghasi.example/fhir"

ACCOUNT_CURRENCY = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Account.currency"
ISO_4217 = "urn:iso:std:iso:4217"

CHARGE_AMOUNT = f"{CANONICAL}/StructureDefinition/charge-amount"
CHARGE_MODIFIER = f"{CANONICAL}/StructureDefinition/charge-modifier"
CHARGE_PROGRAM = f"{CANONICAL}/StructureDefinition/charge-program"
CHARGE_UNPRICED = f"{CANONICAL}/StructureDefinition/charge-unpriced"

INVOICE_SETTLED = f"{CANONICAL}/StructureDefinition/invoice-settled"
INVOICE_DUE = f"{CANONICAL}/StructureDefinition/invoice-due"
INVOICE_DUE_DATE = f"{CANONICAL}/StructureDefinition/invoice-due-date"
CREDIT_OF = f"{CANONICAL}/StructureDefinition/credit-of"
TAX_RULE = f"{CANONICAL}/StructureDefinition/tax-rule"
PAYER_SHARE = f"{CANONICAL}/StructureDefinition/payer-share"

PAYMENT_ACCOUNT = f"{CANONICAL}/StructureDefinition/payment-account"
PAYMENT_METHOD = f"{CANONICAL}/StructureDefinition/payment-method"
PAYMENT_REFUNDED = f"{CANONICAL}/StructureDefinition/payment-refunded"

INVOICE_TYPE_SYSTEM = f"{CANONICAL}/CodeSystem/invoice-type"
CREDIT_NOTE = "credit-note"
PAYMENT_TYPE_SYSTEM = "http://terminology.hl7.org/CodeSystem/payment-type"
REMITTANCE_DETAIL_SYSTEM = f"{CANONICAL}/CodeSystem/remittance-detail"

INVOICE_NUMBER_SYSTEM = f"{CANONICAL}/NamingSystem/invoice-number/"
CREDIT_NOTE_NUMBER_SYSTEM = f"{CANONICAL}/NamingSystem/credit-note-number/"
TENANT_SYSTEM = f"{CANONICAL}/NamingSystem/tenant"

# R4 has no element for these; HL7's cross-version extensions carry what R5 has (https://hl7.org/fhir/R5/versions.html#extensions).
PAYMENT_ISSUER_TYPE = "http://hl7.org/fhir/5.0/StructureDefinition/extension-PaymentReconciliation.issuerType"
PAYMENT_ISSUER = "http://hl7.org/fhir/5.0/StructureDefinition/extension-PaymentReconciliation.paymentIssuer"
PAYMENT_KIND = "http://hl7.org/fhir/5.0/StructureDefinition/extension-PaymentReconciliation.kind"

# The Subscriptions R5 Backport guide: topics, filters and notification bundles for R4.
BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport"
BACKPORT_CHANNEL_TYPE = f"{BACKPORT}/StructureDefinition/backport-channel-type"
BACKPORT_FILTER_CRITERIA = f"{BACKPORT}/StructureDefinition/backport-filter-criteria"
BACKPORT_HEARTBEAT_PERIOD = f"{BACKPORT}/StructureDefinition/backport-heartbeat-period"
BACKPORT_MAX_COUNT = f"{BACKPORT}/StructureDefinition/backport-max-count"
BACKPORT_PAYLOAD_CONTENT = f"{BACKPORT}/StructureDefinition/backport-payload-content"
BACKPORT_TIMEOUT = f"{BACKPORT}/StructureDefinition/backport-timeout"

WEBHOOK_SECRET = f"{CANONICAL}/StructureDefinition/webhook-secret"
SUBSCRIPTION_TOPIC = f"{CANONICAL}/SubscriptionTopic/"
