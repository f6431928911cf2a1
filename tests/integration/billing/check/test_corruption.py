"""Every class of corruption, planted as the owner of the database can, is found under its name and under no other."""

from __future__ import annotations

from typing import LiteralString

import pytest

from tests.integration.billing.check.books import Books
from tests.integration.billing.check.credit_corruption import CREDITS
from tests.integration.billing.check.planted import Planted
from tests.integration.billing.check.tax_corruption import TAXES


def _entry(source: LiteralString, kind: LiteralString) -> LiteralString:
    return (
        "(SELECT entry_id FROM billing.journal_entry WHERE tenant_id = %(tenant)s AND reverses_entry_id IS NULL"
        f" AND source_id = %({source})s AND kind = '{kind}' ORDER BY recorded_at LIMIT 1)"
    )


def _without(source: LiteralString) -> LiteralString:
    """Remove every entry that a resource made, whole."""
    return (
        "WITH e AS (DELETE FROM billing.journal_entry WHERE tenant_id = %(tenant)s"
        f" AND source_id = %({source})s RETURNING entry_id)"
        " DELETE FROM billing.posting AS p USING e WHERE p.tenant_id = %(tenant)s AND p.entry_id = e.entry_id"
    )


def _invented(
    kind: LiteralString, source_type: LiteralString, source: LiteralString, lines: LiteralString
) -> LiteralString:
    """Add an entry that balances; `lines`: (ledger account, amount, account, invoice, payment) each."""
    return (
        "WITH e AS (INSERT INTO billing.journal_entry"
        " (tenant_id, entry_id, kind, effective_at, recorded_at, source_type, source_id, created_by)"
        f" VALUES (%(tenant)s, gen_random_uuid(), '{kind}', '2026-01-05', now(), '{source_type}', {source}, 'x')"
        " RETURNING *) INSERT INTO billing.posting (tenant_id, entry_id, line, ledger_account, currency, amount_minor,"
        " effective_at, recorded_at, account_id, invoice_id, payment_id)"
        " SELECT tenant_id, entry_id, row_number() OVER (), a, 'AFN', v, effective_at, recorded_at,"
        f" account_id::text, invoice_id::text, payment_id::text FROM e, (VALUES {lines})"
        " AS t(a, v, account_id, invoice_id, payment_id)"
    )


_CAPTURE = _entry("charge", "charge-captured")
_NEWEST = "(SELECT max(version) FROM billing.resource_versions WHERE tenant_id = %(tenant)s AND id = %(invoice)s)"

JOURNAL = [
    Planted(
        "a balanced edit of two postings of a capture",
        "UPDATE billing.posting SET amount_minor = amount_minor * 2"
        f" WHERE tenant_id = %(tenant)s AND entry_id = {_CAPTURE}",
        "balance-stale capture-differs",
    ),
    Planted(
        "a balanced edit of two postings of an issue",
        "UPDATE billing.posting SET amount_minor = amount_minor + CASE ledger_account WHEN 1100 THEN 100 ELSE -100 END"
        " WHERE tenant_id = %(tenant)s AND ledger_account IN (1100, 1150)"
        f" AND entry_id = {_entry('paid_invoice', 'invoice-issued')}",
        "balance-stale invoice-booking-differs invoice-settlement-wrong invoice-status-wrong",
    ),
    Planted(
        "a balanced edit of two postings of a receipt",
        "UPDATE billing.posting SET amount_minor = amount_minor * 2 WHERE tenant_id = %(tenant)s"
        f" AND entry_id = {_entry('card_payment', 'payment-received')}",
        "balance-stale payment-booking-differs",
    ),
    Planted(
        "a balanced edit of two postings of an allocation",
        "UPDATE billing.posting SET amount_minor = amount_minor / 2 WHERE tenant_id = %(tenant)s"
        f" AND entry_id = {_entry('remittance', 'payment-allocated')}",
        "balance-stale invoice-settlement-wrong payment-allocations-differ",
    ),
    Planted(
        "a balanced edit of two postings of a clearing",
        "UPDATE billing.posting SET amount_minor = amount_minor / 2 WHERE tenant_id = %(tenant)s"
        f" AND entry_id = {_entry('cleared_notice', 'payment-cleared')}",
        "payment-holding-wrong",
    ),
    Planted(
        "a clearing that moves another payment",
        "UPDATE billing.posting SET payment_id = %(card_payment)s WHERE tenant_id = %(tenant)s"
        f" AND entry_id = {_entry('cleared_notice', 'payment-cleared')}",
        "notice-booking-differs payment-holding-wrong",
    ),
    Planted(
        "cash that is booked as if the bank had it",
        "UPDATE billing.posting SET ledger_account = 1020 WHERE tenant_id = %(tenant)s AND ledger_account = 1010"
        f" AND entry_id = {_entry('payment', 'payment-received')}",
        "payment-booking-differs",
    ),
    Planted(
        "an edit of one posting",
        "UPDATE billing.posting SET amount_minor = amount_minor - 1 WHERE tenant_id = %(tenant)s"
        f" AND ledger_account = 4000 AND entry_id = {_CAPTURE}",
        "capture-differs entry-unbalanced trial-balance-off",
    ),
    Planted(
        "a whole entry removed: a capture",
        _without("second_charge"),
        "balance-stale capture-missing captures-and-events-differ",
    ),
    Planted(
        "a whole entry removed: a receipt with its allocations",
        _without("payment"),
        "balance-stale invoice-settlement-wrong invoice-status-wrong payment-allocations-differ"
        " payment-booking-missing",
    ),
    Planted("a whole entry removed: a clearing", _without("cleared_notice"), "notice-booking-missing"),
    Planted(
        "a whole entry removed with its reversal: a capture", _without("aborted_charge"), "captures-and-events-differ"
    ),
    Planted(
        "a whole entry removed with its reversal: an issue", _without("cancelled_invoice"), "invoice-booking-missing"
    ),
    Planted(
        "an entry without its postings",
        f"DELETE FROM billing.posting WHERE tenant_id = %(tenant)s AND entry_id = {_CAPTURE}",
        "balance-stale capture-missing entry-without-postings",
    ),
    Planted(
        "an entry with a part of its postings",
        f"DELETE FROM billing.posting WHERE tenant_id = %(tenant)s AND ledger_account = 4000 AND entry_id = {_CAPTURE}",
        "capture-differs entry-incomplete entry-unbalanced trial-balance-off",
    ),
    Planted(
        "postings without their entry",
        f"DELETE FROM billing.journal_entry WHERE tenant_id = %(tenant)s AND entry_id = {_CAPTURE}",
        "capture-missing captures-and-events-differ posting-without-entry",
    ),
    Planted(
        "the tail cut: the newest entry",
        "WITH e AS (DELETE FROM billing.journal_entry WHERE tenant_id = %(tenant)s AND recorded_at = (SELECT"
        " max(recorded_at) FROM billing.journal_entry WHERE tenant_id = %(tenant)s) RETURNING entry_id)"
        " DELETE FROM billing.posting AS p USING e WHERE p.tenant_id = %(tenant)s AND p.entry_id = e.entry_id",
        "balance-stale invoice-settlement-wrong payment-allocations-differ recorded-at-differs",
    ),
    Planted(
        "postings of another day than their entry",
        "UPDATE billing.posting SET effective_at = '2020-01-01'"
        f" WHERE tenant_id = %(tenant)s AND entry_id = {_CAPTURE}",
        "posting-dates-differ",
    ),
    Planted(
        "an entry of another day than its invoice",
        "WITH p AS (UPDATE billing.posting SET effective_at = '2020-01-01' WHERE tenant_id = %(tenant)s"
        f" AND entry_id = {_entry('invoice', 'invoice-issued')}) UPDATE billing.journal_entry"
        " SET effective_at = '2020-01-01' WHERE tenant_id = %(tenant)s"
        f" AND entry_id = {_entry('invoice', 'invoice-issued')}",
        "invoice-booking-differs",
    ),
    Planted(
        "an invented entry of no command",
        _invented("manual", "ChargeItem", "%(charge)s", "(1010, 5, NULL, NULL, NULL), (4000, -5, NULL, NULL, NULL)"),
        "entry-unexplained",
    ),
    Planted(
        "an invented entry for a resource that is not there",
        _invented(
            "payment-received",
            "PaymentReconciliation",
            "'nobody'",
            "(1010, 5, NULL, NULL, NULL), (4000, -5, NULL, NULL, NULL)",
        ),
        "entry-resource-missing",
    ),
    Planted(
        "a second capture of a charge",
        _invented(
            "charge-captured",
            "ChargeItem",
            "%(charge)s",
            "(1150, 5, NULL, NULL, NULL), (4000, -5, NULL, NULL, NULL)",
        ),
        "captured-twice captures-and-events-differ",
    ),
    Planted(
        "a capture of a charge that costs nothing",
        _invented(
            "charge-captured",
            "ChargeItem",
            "%(planned_charge)s",
            "(1150, 5, NULL, NULL, NULL), (4000, -5, NULL, NULL, NULL)",
        ),
        "capture-undue captures-and-events-differ",
    ),
    Planted(
        "an invoice that is booked and was never issued",
        _invented(
            "invoice-issued",
            "Invoice",
            "%(draft)s",
            "(1150, 5, NULL, NULL, NULL), (4000, -5, NULL, NULL, NULL)",
        ),
        "invoice-booking-undue",
    ),
    Planted(
        "a receivable that is on no invoice",
        _invented(
            "payment-allocated",
            "PaymentReconciliation",
            "%(remittance)s",
            "(1100, 5, NULL, NULL, %(remittance)s), (2110, -5, NULL, NULL, %(remittance)s)",
        ),
        "payment-allocations-differ payment-booking-differs receivable-without-invoice",
    ),
    Planted(
        "more money put to invoices than there is",
        _invented(
            "payment-allocated",
            "PaymentReconciliation",
            "%(remittance)s",
            "(2110, 9000, NULL, NULL, %(remittance)s), (4000, -9000, NULL, NULL, %(remittance)s)",
        ),
        "payment-booking-differs payment-over-allocated",
    ),
    Planted(
        "a ledger account that is not in the chart",
        "UPDATE billing.posting SET ledger_account = 4999 WHERE tenant_id = %(tenant)s AND ledger_account = 4000"
        f" AND entry_id = {_CAPTURE}",
        "capture-differs ledger-account-unknown",
    ),
    Planted(
        "two entries of an account at one moment",
        "WITH m AS (SELECT max(recorded_at) AS at FROM billing.posting"
        " WHERE tenant_id = %(tenant)s AND account_id = %(account)s), e AS (UPDATE billing.journal_entry"
        " SET recorded_at = m.at FROM m"
        f" WHERE tenant_id = %(tenant)s AND entry_id = {_CAPTURE}) UPDATE billing.posting"
        f" SET recorded_at = m.at FROM m WHERE tenant_id = %(tenant)s AND entry_id = {_CAPTURE}",
        "recorded-at-repeated",
    ),
    Planted(
        "a reversal that is not exact",
        "UPDATE billing.posting SET facility = 'x' WHERE tenant_id = %(tenant)s AND entry_id = (SELECT entry_id"
        " FROM billing.journal_entry WHERE tenant_id = %(tenant)s AND source_id = %(aborted_charge)s"
        " AND reverses_entry_id IS NOT NULL)",
        "reversal-inexact",
    ),
    Planted(
        "a reversal of a reversal",
        "UPDATE billing.journal_entry AS e SET reverses_entry_id = r.entry_id, kind = 'charge-reversed'"
        " FROM billing.journal_entry AS r WHERE r.tenant_id = %(tenant)s AND e.tenant_id = %(tenant)s"
        " AND r.source_id = %(aborted_charge)s AND r.reverses_entry_id IS NOT NULL"
        " AND e.source_id = %(unbilled_charge)s",
        "capture-missing captures-and-events-differ reversal-inexact reversal-wrong",
    ),
]

BALANCES = [
    Planted(
        "a stale balance",
        "UPDATE billing.account_balance SET unbilled = unbilled + 1"
        " WHERE tenant_id = %(tenant)s AND account_id = %(account)s",
        "balance-stale",
    ),
    Planted(
        "a balance that is newer than its entries",
        "UPDATE billing.account_balance SET recorded_at = now()"
        " WHERE tenant_id = %(tenant)s AND account_id = %(account)s",
        "recorded-at-differs",
    ),
    Planted(
        "money held that nobody asked for",
        "UPDATE billing.account_balance SET held = 5 WHERE tenant_id = %(tenant)s AND account_id = %(other_account)s",
        "held-wrong",
    ),
    Planted(
        "an account without balances",
        "DELETE FROM billing.account_balance WHERE tenant_id = %(tenant)s AND account_id = %(account)s",
        "balance-missing",
    ),
    Planted(
        "balances without an account",
        "INSERT INTO billing.account_balance (tenant_id, account_id, currency, recorded_at)"
        " VALUES (%(tenant)s, 'nobody', 'AFN', now())",
        "balance-without-account",
    ),
    Planted(
        "an account in another currency",
        "UPDATE billing.account SET currency = 'USD' WHERE tenant_id = %(tenant)s AND id = %(other_account)s",
        "balance-missing balance-without-account posting-account-wrong rendering-differs",
    ),
    Planted(
        "a currency that there is not",
        "UPDATE billing.account SET currency = 'XYZ' WHERE tenant_id = %(tenant)s AND id = %(empty_account)s",
        "balance-missing balance-without-account currency-unknown rendering-differs",
    ),
]

INVOICES = [
    Planted(
        "a wrong snapshot: the amount of a line",
        "UPDATE billing.invoice_price_component SET amount_minor = amount_minor + 100 WHERE tenant_id = %(tenant)s"
        " AND invoice_id = %(invoice)s AND type = 'base' AND line_position = 0",
        "invoice-booking-differs invoice-line-wrong invoice-total-wrong rendering-differs",
    ),
    Planted(
        "a wrong snapshot: the total",
        "UPDATE billing.invoice SET total_gross_minor = total_gross_minor + 100, settled_minor = settled_minor + 100"
        " WHERE tenant_id = %(tenant)s AND id = %(invoice)s",
        "invoice-total-wrong rendering-differs",
    ),
    Planted(
        "a wrong settlement",
        "UPDATE billing.invoice SET settled_minor = settled_minor - 100, due_minor = due_minor + 100"
        " WHERE tenant_id = %(tenant)s AND id = %(invoice)s",
        "invoice-settlement-wrong receivables-differ rendering-differs",
    ),
    Planted(
        "an invoice marked paid by hand",
        "UPDATE billing.invoice SET status = 'balanced' WHERE tenant_id = %(tenant)s AND id = %(invoice)s",
        "invoice-status-wrong rendering-differs",
    ),
    Planted(
        "an invoice cancelled by hand",
        "UPDATE billing.invoice SET status = 'cancelled' WHERE tenant_id = %(tenant)s AND id = %(invoice)s",
        "charge-held-wrongly charge-status-wrong invoice-booking-undue invoice-settlement-wrong rendering-differs",
    ),
    Planted(
        "money of one payer put to the share of another",
        "UPDATE billing.posting SET payer = 'Organization/other' WHERE tenant_id = %(tenant)s"
        f" AND ledger_account = 1110 AND entry_id = {_entry('remittance', 'payment-allocated')}",
        "invoice-share-over-settled",
    ),
    Planted(
        "an invoice in another currency than its account",
        "UPDATE billing.invoice SET settlement_currency = 'USD' WHERE tenant_id = %(tenant)s AND id = %(paid_invoice)s",
        "currency-differs invoice-booking-undue invoice-total-wrong rendering-differs",
    ),
    Planted(
        "a charge on two invoices",
        "INSERT INTO billing.invoice_line (tenant_id, invoice_id, position, charge_item_id, residue)"
        " VALUES (%(tenant)s, %(draft)s, 1, %(charge)s, '{}')",
        "charge-not-held charge-on-two-invoices rendering-differs",
    ),
    Planted(
        "a charge that its invoice does not hold",
        "DELETE FROM billing.invoiced_charge WHERE tenant_id = %(tenant)s AND charge_item_id = %(charge)s",
        "charge-not-held",
    ),
    Planted(
        "a charge that an invoice holds and does not name",
        "INSERT INTO billing.invoiced_charge VALUES (%(tenant)s, %(aborted_charge)s, %(cancelled_invoice)s)",
        "charge-held-wrongly",
    ),
    Planted(
        "a billed charge called billable",
        "UPDATE billing.charge_item SET status = 'billable' WHERE tenant_id = %(tenant)s AND id = %(charge)s",
        "charge-status-wrong rendering-differs",
    ),
    Planted(
        "a billed charge on another account",
        "UPDATE billing.charge_item SET account_id = %(other_account)s"
        " WHERE tenant_id = %(tenant)s AND id = %(charge)s",
        "capture-differs charge-of-other-account rendering-differs",
    ),
    Planted(
        "a charge at another price",
        "UPDATE billing.charge_item SET amount_minor = 1 WHERE tenant_id = %(tenant)s AND id = %(unbilled_charge)s",
        "capture-differs rendering-differs",
    ),
    Planted(
        "a gap in a number series",
        "UPDATE billing.number_series SET last_number = last_number + 1 WHERE tenant_id = %(tenant)s",
        "number-missing",
    ),
    Planted(
        "a number that was never given out",
        "UPDATE billing.number_series SET last_number = last_number - 1 WHERE tenant_id = %(tenant)s",
        "number-not-given",
    ),
    Planted(
        "an invoice without its number",
        "DELETE FROM billing.invoice_index"
        " WHERE tenant_id = %(tenant)s AND id = %(invoice)s AND parameter = 'identifier'",
        "invoice-unnumbered number-missing rendering-differs",
    ),
    Planted(
        "two invoices with one number",
        "UPDATE billing.invoice_index SET value = (SELECT value FROM billing.invoice_index WHERE tenant_id = %(tenant)s"
        " AND id = %(invoice)s AND parameter = 'identifier')"
        " WHERE tenant_id = %(tenant)s AND id = %(paid_invoice)s AND parameter = 'identifier'",
        "number-missing number-twice rendering-differs",
    ),
    Planted(
        "a number series of no command",
        "INSERT INTO billing.number_series VALUES (%(tenant)s, 'receipt', 'main', 2026, 3)",
        "series-unknown",
    ),
]

PAYMENTS = [
    Planted(
        "a payment of one payer booked as of another",
        "UPDATE billing.posting SET payer = 'Organization/other'"
        " WHERE tenant_id = %(tenant)s AND ledger_account = 2110 AND payment_id = %(remittance)s",
        "payment-booking-differs",
    ),
    Planted(
        "a payment of another amount",
        "UPDATE billing.payment_reconciliation SET payment_amount_minor = payment_amount_minor + 1"
        " WHERE tenant_id = %(tenant)s AND id = %(remittance)s",
        "payment-booking-differs rendering-differs",
    ),
    Planted(
        "an allocation of another amount",
        "UPDATE billing.payment_detail SET amount_minor = amount_minor + 1"
        " WHERE tenant_id = %(tenant)s AND payment_id = %(remittance)s",
        "payment-allocations-differ rendering-differs",
    ),
    Planted(
        "a posted payment called a draft",
        "UPDATE billing.payment_reconciliation SET status = 'draft'"
        " WHERE tenant_id = %(tenant)s AND id = %(card_payment)s",
        "payment-booking-undue rendering-differs",
    ),
    Planted(
        "a draft called a payment",
        "UPDATE billing.payment_reconciliation SET status = 'active'"
        " WHERE tenant_id = %(tenant)s AND id = %(draft_payment)s",
        "payment-booking-missing rendering-differs",
    ),
    Planted(
        "a reversed payment called active",
        "UPDATE billing.payment_reconciliation SET status = 'active'"
        " WHERE tenant_id = %(tenant)s AND id = %(reversed_payment)s",
        "payment-reversal-wrong rendering-differs",
    ),
    Planted(
        "a reversed payment of which something stands",
        "UPDATE billing.posting SET payment_id = %(reversed_payment)s WHERE tenant_id = %(tenant)s"
        f" AND entry_id = {_entry('changed_payment', 'payment-received')}",
        "payment-booking-differs payment-over-allocated payment-reversal-wrong",
    ),
    Planted(
        "a whole entry removed: a reversal of a payment",
        "WITH e AS (DELETE FROM billing.journal_entry WHERE tenant_id = %(tenant)s AND kind = 'payment-reversed'"
        " AND source_id = %(reversed_payment)s RETURNING entry_id)"
        " DELETE FROM billing.posting AS p USING e WHERE p.tenant_id = %(tenant)s AND p.entry_id = e.entry_id",
        "balance-stale payment-booking-undue",
    ),
    Planted(
        "what a payer said of its share is of another amount",
        "UPDATE billing.payment_detail SET amount_minor = amount_minor + 1 WHERE tenant_id = %(tenant)s"
        " AND payment_id = %(said_remittance)s AND type_code = 'patient-responsibility'",
        "remittance-differs rendering-differs",
    ),
    Planted(
        "a whole entry removed: what was agreed not to be owed",
        "WITH e AS (DELETE FROM billing.journal_entry WHERE tenant_id = %(tenant)s AND kind = 'contractual-adjusted'"
        " AND source_id = %(said_remittance)s RETURNING entry_id)"
        " DELETE FROM billing.posting AS p USING e WHERE p.tenant_id = %(tenant)s AND p.entry_id = e.entry_id",
        "balance-stale invoice-settlement-wrong payment-allocations-differ remittance-differs",
    ),
    Planted(
        "a whole entry removed: a deallocation",
        "WITH e AS (DELETE FROM billing.journal_entry WHERE tenant_id = %(tenant)s AND kind = 'payment-deallocated'"
        " AND source_id = %(changed_payment)s RETURNING entry_id)"
        " DELETE FROM billing.posting AS p USING e WHERE p.tenant_id = %(tenant)s AND p.entry_id = e.entry_id",
        "balance-stale invoice-settlement-wrong invoice-share-over-settled invoice-status-wrong"
        " payment-allocations-differ payment-over-allocated",
    ),
    Planted(
        "a closed drawer of which another amount was expected",
        "UPDATE billing.cash_session SET expected_minor = expected_minor + 1"
        " WHERE tenant_id = %(tenant)s AND id = %(cash_session)s",
        "cash-session-differs",
    ),
    Planted(
        "cash that counts as more than moved",
        "UPDATE billing.cash_movement SET amount_minor = amount_minor + 1"
        " WHERE tenant_id = %(tenant)s AND session_id = %(cash_session)s",
        "cash-movement-wrong cash-session-differs",
    ),
    Planted(
        "a whole entry removed: what a drawer was short of",
        _without("cash_session"),
        "cash-session-differs",
    ),
    Planted(
        "what the gateway declined made captured",
        "UPDATE billing.gateway_payment SET status = 'captured', gateway_reference = 'gw-2'"
        " WHERE tenant_id = %(tenant)s AND id = %(declined_payment)s",
        "gateway-payment-wrong",
    ),
    Planted(
        "what the gateway captured made declined",
        "UPDATE billing.gateway_payment SET status = 'declined', gateway_reference = NULL"
        " WHERE tenant_id = %(tenant)s AND id = %(gateway_payment)s",
        "gateway-payment-wrong",
    ),
    Planted(
        "what the gateway captured made more",
        "UPDATE billing.gateway_payment SET amount_minor = amount_minor + 1"
        " WHERE tenant_id = %(tenant)s AND id = %(gateway_payment)s",
        "gateway-payment-wrong",
    ),
    Planted(
        "a clearing taken back in the notice alone",
        "UPDATE billing.payment_notice SET status = 'cancelled'"
        " WHERE tenant_id = %(tenant)s AND id = %(cleared_notice)s",
        "notice-booking-undue rendering-differs",
    ),
]

VERSIONS = [
    Planted(
        "a changed version: the newest",
        "UPDATE billing.resource_versions SET content = replace(content, 'بیمار', 'بیماری')"
        " WHERE tenant_id = %(tenant)s AND id = %(account)s",
        "rendering-differs",
    ),
    Planted(
        "a changed version: an issued invoice of the past",
        "UPDATE billing.resource_versions SET content = replace(content, 'VAT', 'GST')"
        " WHERE tenant_id = %(tenant)s AND id = %(invoice)s AND version = 2",
        "issued-invoice-changed",
    ),
    Planted(
        "a changed version: a key is there twice in a note of an issued invoice",
        """UPDATE billing.resource_versions SET content = replace(content, '"lineItem":[', """
        """'"note":[{"text":"a","text":"b"}],"lineItem":[') WHERE tenant_id = %(tenant)s AND id = %(invoice)s"""
        f" AND version = {_NEWEST} - 1",
        "version-content-wrong",
    ),
    Planted(
        "a changed version: another order of an invoice that was issued",
        """UPDATE billing.resource_versions SET content = regexp_replace(content, '("totalNet":[{][^}]*[}]),"""
        """("totalGross":[{][^}]*[}])', '\\2,\\1') WHERE tenant_id = %(tenant)s AND id = %(invoice)s"""
        f" AND version = {_NEWEST}",
        "rendering-differs",
    ),
    Planted(
        "a changed version: it says that it is another",
        """UPDATE billing.resource_versions SET content = replace(content, '"versionId":"1"', '"versionId":"7"')"""
        " WHERE tenant_id = %(tenant)s AND id = %(invoice)s AND version = 1",
        "version-content-wrong",
    ),
    Planted(
        "a changed version: no JSON any more",
        "UPDATE billing.resource_versions SET content = 'nonsense' WHERE tenant_id = %(tenant)s AND id = %(account)s",
        "rendering-differs version-content-wrong",
    ),
    Planted(
        "a version of a type of resource that there is not",
        "WITH v AS (INSERT INTO billing.resource_versions SELECT tenant_id, 'Patient', id, version, last_updated,"
        " interaction, content, mapper_version, created_by FROM billing.resource_versions"
        " WHERE tenant_id = %(tenant)s AND id = %(account)s RETURNING *) INSERT INTO billing.outbox"
        " (tenant_id, resource_type, id, version, events, recorded_at)"
        " SELECT tenant_id, resource_type, id, version, '{}', last_updated FROM v",
        "resource-missing version-content-wrong",
    ),
    Planted(
        "a version removed from the middle",
        "DELETE FROM billing.resource_versions WHERE tenant_id = %(tenant)s AND id = %(invoice)s AND version = 2",
        "outbox-row-extra version-gap",
    ),
    Planted(
        "the tail cut: the newest version with its outbox row",
        "WITH o AS (DELETE FROM billing.outbox"
        f" WHERE tenant_id = %(tenant)s AND id = %(invoice)s AND version = {_NEWEST})"
        " DELETE FROM billing.resource_versions"
        f" WHERE tenant_id = %(tenant)s AND id = %(invoice)s AND version = {_NEWEST}",
        "current-version-differs",
    ),
    Planted(
        "a version moved in time",
        "UPDATE billing.resource_versions SET last_updated = '2020-01-01'"
        " WHERE tenant_id = %(tenant)s AND id = %(invoice)s AND version = 2",
        "outbox-row-extra version-content-wrong version-time-wrong",
    ),
    Planted(
        "an update called a creation",
        "UPDATE billing.resource_versions SET interaction = 'create'"
        " WHERE tenant_id = %(tenant)s AND id = %(invoice)s AND version = 2",
        "version-interaction-wrong",
    ),
    Planted(
        "a version of a mapper to come",
        "UPDATE billing.resource_versions SET mapper_version = 99 WHERE tenant_id = %(tenant)s AND id = %(account)s",
        "mapper-version-unknown",
    ),
    Planted(
        "a missing outbox row",
        "DELETE FROM billing.outbox WHERE tenant_id = %(tenant)s AND id = %(invoice)s AND version = 2",
        "outbox-row-missing",
    ),
    Planted(
        "an extra outbox row",
        "INSERT INTO billing.outbox (tenant_id, resource_type, id, version, events, recorded_at)"
        " VALUES (%(tenant)s, 'Invoice', %(invoice)s, 99, '{}', now())",
        "outbox-row-extra",
    ),
    Planted(
        "a gap in the events of a subscription",
        "WITH r AS (INSERT INTO billing.subscription (tenant_id, id, version, last_updated, status, criteria,"
        " channel_type, residue) VALUES (%(tenant)s, 's', 1, now(), 'active', 'Invoice', 'rest-hook', '{}')),"
        " s AS (INSERT INTO billing.subscription_state (tenant_id, id, revision, status, owner, scopes, since,"
        " last_number) VALUES (%(tenant)s, 's', 1, 'active', 'x', '', now(), 3))"
        " INSERT INTO billing.subscription_event SELECT tenant_id, 's', n, resource_type, id, version, last_updated"
        " FROM billing.resource_versions, unnest(ARRAY[1, 3]) AS n WHERE tenant_id = %(tenant)s"
        " AND id = %(invoice)s AND version = n",
        "event-numbers-broken resource-without-version",
    ),
    Planted(
        "an event of a version that was never made",
        "WITH r AS (INSERT INTO billing.subscription (tenant_id, id, version, last_updated, status, criteria,"
        " channel_type, residue) VALUES (%(tenant)s, 's', 1, now(), 'active', 'Invoice', 'rest-hook', '{}')),"
        " s AS (INSERT INTO billing.subscription_state (tenant_id, id, revision, status, owner, scopes, since,"
        " last_number) VALUES (%(tenant)s, 's', 1, 'active', 'x', '', now(), 1))"
        " INSERT INTO billing.subscription_event VALUES (%(tenant)s, 's', 1, 'Invoice', %(invoice)s, 99, now())",
        "event-wrong resource-without-version",
    ),
    Planted(
        "an outbox row without its event",
        "UPDATE billing.outbox SET events = '{}' WHERE tenant_id = %(tenant)s AND id = %(unbilled_charge)s",
        "captures-and-events-differ",
    ),
    Planted(
        "a resource removed",
        "DELETE FROM billing.payment_notice WHERE tenant_id = %(tenant)s AND id = %(notice)s",
        "part-without-resource resource-missing",
    ),
    Planted(
        "a deleted resource brought back",
        "INSERT INTO billing.charge_item (tenant_id, id, version, last_updated, status, unpriced, residue)"
        " SELECT tenant_id, id, version, last_updated, 'planned', false, '{}' FROM billing.resource_versions"
        " WHERE tenant_id = %(tenant)s AND id = %(deleted_charge)s AND version = 2",
        "deleted-resource-present",
    ),
    Planted(
        "a resource that nobody made",
        "INSERT INTO billing.charge_item (tenant_id, id, version, last_updated, status, unpriced, residue)"
        " VALUES (%(tenant)s, 'made-up', 1, now(), 'planned', false, '{}')",
        "resource-without-version",
    ),
    Planted(
        "a changed index row",
        "UPDATE billing.charge_item_index SET value = '99999'"
        " WHERE tenant_id = %(tenant)s AND id = %(charge)s AND parameter = 'code'",
        "rendering-differs",
    ),
    Planted(
        "an index row removed",
        "DELETE FROM billing.charge_item_index WHERE tenant_id = %(tenant)s AND id = %(charge)s AND parameter = 'code'",
        "rendering-differs",
    ),
    Planted(
        "an index row of no parameter",
        "UPDATE billing.charge_item_index SET parameter = 'nonsense'"
        " WHERE tenant_id = %(tenant)s AND id = %(charge)s AND parameter = 'code'",
        "row-unreadable",
    ),
    Planted(
        "an index row of no resource",
        "INSERT INTO billing.charge_item_index VALUES (%(tenant)s, 'gone', 'code', '{0}', 'a', 'b')",
        "part-without-resource",
    ),
    Planted(
        "a column that the rendering does not show",
        "UPDATE billing.charge_item SET amount_currency = 'AFN'"
        " WHERE tenant_id = %(tenant)s AND id = %(unpriced_charge)s",
        "columns-differ",
    ),
    Planted(
        "a line that stands elsewhere",
        "UPDATE billing.invoice_line SET position = 7"
        " WHERE tenant_id = %(tenant)s AND invoice_id = %(invoice)s AND position = 2",
        "positions-broken",
    ),
    Planted(
        "a price component of a line that is not there",
        "UPDATE billing.invoice_price_component SET line_position = 9"
        " WHERE tenant_id = %(tenant)s AND invoice_id = %(invoice)s AND line_position = 2",
        "positions-broken row-unreadable",
    ),
    Planted(
        "a changed residue",
        """UPDATE billing.account SET residue = '{"description":"x"}'"""
        " WHERE tenant_id = %(tenant)s AND id = %(account)s",
        "rendering-differs",
    ),
    Planted(
        "a business key of nothing",
        "UPDATE billing.business_key SET id = 'gone' WHERE tenant_id = %(tenant)s AND id = %(keyed_charge)s",
        "business-key-dangling",
    ),
    Planted("a tenant removed", "DELETE FROM billing.tenant WHERE tenant_id = %(tenant)s", "tenant-not-registered"),
]

PLANTED = [*JOURNAL, *BALANCES, *INVOICES, *CREDITS, *TAXES, *PAYMENTS, *VERSIONS]


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.what)
async def test_planted_corruption_is_found_under_its_name(sound_books: Books, planted: Planted) -> None:
    assert await sound_books.codes_after(planted.statement) == set(planted.codes.split())


async def test_an_entry_that_is_reversed_twice_is_found(sound_books: Books) -> None:
    again = (
        "INSERT INTO billing.journal_entry SELECT tenant_id, gen_random_uuid(), kind, effective_at, service_date,"
        " recorded_at, source_type, source_id, reverses_entry_id, reason, created_by FROM billing.journal_entry"
        " WHERE tenant_id = %(tenant)s AND source_id = %(aborted_charge)s AND reverses_entry_id IS NOT NULL"
    )
    unique = "ALTER TABLE billing.journal_entry DROP CONSTRAINT journal_entry_tenant_id_reverses_entry_id_key"
    assert await sound_books.codes_after(unique, again) == {
        "constraint-missing",
        "entry-without-postings",
        "reversal-inexact",
        "reversed-twice",
    }
