"""The tables, as SQLAlchemy Core metadata: one file per noun. The migrations make them; a test proves they agree."""

from storage.tables.access_log import access_log
from storage.tables.account import account, account_balance, account_index
from storage.tables.approval import adjustment, adjustment_part, decision, refund
from storage.tables.cash import cash_movement, cash_session
from storage.tables.charge_code import charge_code
from storage.tables.charge_item import charge_item, charge_item_index, invoiced_charge
from storage.tables.control_total import control_checkpoint, control_total
from storage.tables.gateway_payment import gateway_payment
from storage.tables.invoice import (
    credited_line,
    invoice,
    invoice_index,
    invoice_line,
    invoice_payer_share,
    invoice_price_component,
)
from storage.tables.journal import journal_entry, posting
from storage.tables.journal_block import journal_block
from storage.tables.metadata import metadata
from storage.tables.oauth_client import oauth_assertion, oauth_client
from storage.tables.payment_notice import payment_notice, payment_notice_index
from storage.tables.payment_plan import (
    payment_plan,
    payment_plan_event,
    payment_plan_instalment,
    payment_plan_invoice,
    planned_invoice,
)
from storage.tables.payment_reconciliation import (
    payment_detail,
    payment_reconciliation,
    payment_reconciliation_index,
)
from storage.tables.posting_period import closing_balance, posting_period_change, recognition_change
from storage.tables.price_list import charge_price, price, price_list, price_list_version, price_rule
from storage.tables.request import business_key, idempotency_key, number_series
from storage.tables.resource_versions import outbox, resource_versions
from storage.tables.subscription import (
    outbox_queue,
    subscription,
    subscription_event,
    subscription_index,
    subscription_log,
    subscription_registry,
    subscription_secret,
    subscription_state,
)
from storage.tables.tax_rule import tax_rule
from storage.tables.tenant import facility, tenant, tenant_setting

__all__ = [
    "access_log",
    "account",
    "account_balance",
    "account_index",
    "adjustment",
    "adjustment_part",
    "business_key",
    "cash_movement",
    "cash_session",
    "charge_code",
    "charge_item",
    "charge_item_index",
    "charge_price",
    "closing_balance",
    "control_checkpoint",
    "control_total",
    "credited_line",
    "decision",
    "facility",
    "gateway_payment",
    "idempotency_key",
    "invoice",
    "invoice_index",
    "invoice_line",
    "invoice_payer_share",
    "invoice_price_component",
    "invoiced_charge",
    "journal_block",
    "journal_entry",
    "metadata",
    "number_series",
    "oauth_assertion",
    "oauth_client",
    "outbox",
    "outbox_queue",
    "payment_detail",
    "payment_notice",
    "payment_notice_index",
    "payment_plan",
    "payment_plan_event",
    "payment_plan_instalment",
    "payment_plan_invoice",
    "payment_reconciliation",
    "payment_reconciliation_index",
    "planned_invoice",
    "posting",
    "posting_period_change",
    "price",
    "price_list",
    "price_list_version",
    "price_rule",
    "recognition_change",
    "refund",
    "resource_versions",
    "subscription",
    "subscription_event",
    "subscription_index",
    "subscription_log",
    "subscription_registry",
    "subscription_secret",
    "subscription_state",
    "tax_rule",
    "tenant",
    "tenant_setting",
]
