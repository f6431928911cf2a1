"""Corruptions of tax rules, and of what invoices were taxed by."""

from __future__ import annotations

from tests.integration.billing.check.planted import Planted

TAXES = [
    Planted(
        "a wrong snapshot: a rule of another rate",
        "UPDATE billing.tax_rule SET percent = 7 WHERE tenant_id = %(tenant)s AND rule_id = 'vat'",
        "tax-snapshot-wrong",
    ),
    Planted(
        "a wrong snapshot: another rate on the invoice",
        "UPDATE billing.invoice_price_component SET factor = 0.07 WHERE tenant_id = %(tenant)s"
        " AND invoice_id = %(taxed_invoice)s AND tax_rule IS NOT NULL AND line_position = 0",
        "rendering-differs tax-snapshot-wrong",
    ),
    Planted(
        "a tax by a rule that was not in force",
        "UPDATE billing.tax_rule SET valid_to = '2019-01-01' WHERE tenant_id = %(tenant)s AND rule_id = 'vat'",
        "tax-snapshot-wrong",
    ),
    Planted(
        "a tax by no rule",
        "DELETE FROM billing.tax_rule WHERE tenant_id = %(tenant)s AND rule_id = 'vat'",
        "tax-snapshot-wrong",
    ),
    Planted(
        "a tax by the rule of another facility",
        "UPDATE billing.tax_rule SET facility = 'north' WHERE tenant_id = %(tenant)s AND rule_id = 'vat'",
        "tax-snapshot-wrong",
    ),
    Planted(
        "two rules for the same on one day",
        "UPDATE billing.tax_rule SET valid_from = '2049-12-31' WHERE tenant_id = %(tenant)s AND rule_id = 'vat-next'",
        "tax-rules-overlap",
    ),
]
