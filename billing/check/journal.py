"""The journal by itself: entries balance, are whole, are explained by a resource, and are reversed once and exactly."""

from __future__ import annotations

from billing.cancel_invoice import REVERSED as INVOICE_CANCELLED
from billing.check.corruption import Corruption
from billing.check.finding import Rule
from ledger import adjustment, capture, cash_session, invoice_credit, payment, recognition, refund, remittance
from ledger.chart import LedgerAccount
from ledger.invoice_issue import KIND as INVOICE_ISSUED
from ledger.money import currency_exponents
from storage import check_journal

# Every kind of entry there is: the type of resource that makes it, and whether it reverses another.
KINDS = (
    ("ChargeItem", capture.KIND, False),
    ("ChargeItem", capture.REVERSED, True),
    ("ChargeItem", recognition.KIND, False),
    ("ChargeItem", recognition.REVERSED, True),
    ("Invoice", INVOICE_ISSUED, False),
    ("Invoice", INVOICE_CANCELLED, True),
    ("Invoice", invoice_credit.KIND, False),
    ("Invoice", invoice_credit.REBILLED, False),
    ("PaymentReconciliation", payment.RECEIVED, False),
    ("PaymentReconciliation", payment.ALLOCATED, False),
    ("PaymentReconciliation", payment.DEALLOCATED, True),
    (refund.SOURCE, refund.KIND_APPROVED, False),
    (refund.SOURCE, refund.KIND_PAID, False),
    (refund.SOURCE, refund.KIND_FAILED, True),
    (adjustment.SOURCE, adjustment.KIND, False),
    (adjustment.SOURCE, adjustment.KIND_PROVISION, False),
    (adjustment.SOURCE, adjustment.KIND_RECOVERY, False),
    *(("PaymentReconciliation", kind, False) for kind in remittance.KINDS),
    ("PaymentReconciliation", remittance.REVERSED, True),
    ("PaymentReconciliation", payment.REVERSED, False),
    ("PaymentReconciliation", payment.TRANSFERRED, False),
    ("PaymentReconciliation", payment.FEE, False),
    ("PaymentReconciliation", cash_session.ROUNDED, False),
    ("PaymentReconciliation", cash_session.ROUNDING_REVERSED, True),
    (cash_session.SOURCE, cash_session.OVER_SHORT, False),
    ("PaymentNotice", payment.CLEARED, False),
    ("PaymentNotice", payment.UNCLEARED, True),
)

RULES = (
    Rule(
        Corruption.ENTRY_UNBALANCED,
        check_journal.UNBALANCED,
        "JournalEntry/{0}",
        "its postings in {1} come to {2} minor units, not to 0",
    ),
    Rule(
        Corruption.TRIAL_BALANCE_OFF,
        check_journal.TRIAL_BALANCE,
        "{0}",
        "all postings in {0} come to {1} minor units, not to 0",
    ),
    Rule(
        Corruption.ENTRY_INCOMPLETE,
        check_journal.INCOMPLETE,
        "JournalEntry/{0}",
        "it has {1} postings, the last of which is number {2}: some are gone, or it never was an entry",
    ),
    Rule(
        Corruption.ENTRY_WITHOUT_POSTINGS,
        check_journal.WITHOUT_POSTINGS,
        "JournalEntry/{0}",
        "the entry of kind {1} has no postings",
    ),
    Rule(
        Corruption.POSTING_WITHOUT_ENTRY,
        check_journal.WITHOUT_ENTRY,
        "JournalEntry/{0}",
        "there are postings of it, and no entry",
    ),
    Rule(
        Corruption.POSTING_DATES_DIFFER,
        check_journal.DATES_DIFFER,
        "JournalEntry/{0} line {1}",
        "its dates are not those of the entry",
    ),
    Rule(
        Corruption.LEDGER_ACCOUNT_UNKNOWN,
        check_journal.NOT_IN_CHART,
        "JournalEntry/{0} line {1}",
        "there is no ledger account {2}",
        ([int(account) for account in LedgerAccount],),
    ),
    Rule(
        Corruption.CURRENCY_UNKNOWN,
        check_journal.CURRENCY_UNKNOWN,
        "{0}",
        "accounts or postings are in {0}, which ISO 4217 does not have",
        (list(currency_exponents()),),
    ),
    Rule(
        Corruption.POSTING_ACCOUNT_WRONG,
        check_journal.ACCOUNT_OR_CURRENCY_WRONG,
        "JournalEntry/{0} line {1}",
        "there is no Account/{2} in {3}",
    ),
    Rule(
        Corruption.ENTRY_RESOURCE_MISSING,
        check_journal.RESOURCE_MISSING,
        "JournalEntry/{0}",
        "it is about {1}, which is not there",
    ),
    Rule(
        Corruption.ENTRY_UNEXPLAINED,
        check_journal.KIND_UNKNOWN,
        "JournalEntry/{0}",
        "no command makes an entry of kind {1} for {2}",
        ([row[0] for row in KINDS], [row[1] for row in KINDS], [row[2] for row in KINDS]),
    ),
    Rule(
        Corruption.REVERSAL_WRONG,
        check_journal.REVERSAL_WRONG,
        "JournalEntry/{0}",
        "it cannot reverse JournalEntry/{1}, which is missing, a reversal itself, later, or of another resource",
    ),
    Rule(
        Corruption.REVERSED_TWICE,
        check_journal.REVERSED_AGAIN,
        "JournalEntry/{0}",
        "it is reversed {1} times",
    ),
    Rule(
        Corruption.REVERSAL_INEXACT,
        check_journal.REVERSAL_INEXACT,
        "JournalEntry/{0}",
        "it does not have the lines of JournalEntry/{1} with the opposite sign",
    ),
)
