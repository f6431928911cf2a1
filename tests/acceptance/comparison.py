"""Compares all that the tables of a tenant say about money with what the reference model says."""

from __future__ import annotations

from typing import Any

from tests.acceptance.books import Reader
from tests.acceptance.reference_model import BALANCES, ReferenceModel

_BALANCES = (
    "SELECT account_id, unbilled, billed_patient, billed_payer, unapplied, refund_payable FROM billing.account_balance"
    " WHERE tenant_id = %s"
)
_HELD = "SELECT account_id, held FROM billing.account_balance WHERE tenant_id = %s AND held <> 0"
_TRIAL_BALANCE = (
    "SELECT ledger_account, currency, sum(amount_minor)::bigint FROM billing.posting WHERE tenant_id = %s"
    " GROUP BY ledger_account, currency HAVING sum(amount_minor) <> 0"
)
_CHARGES = (
    "SELECT c.id, c.status, c.account_id, c.amount_minor, c.unpriced, i.invoice_id FROM billing.charge_item AS c"
    " LEFT JOIN billing.invoiced_charge AS i ON i.tenant_id = c.tenant_id AND i.charge_item_id = c.id"
    " WHERE c.tenant_id = %s"
)
_INVOICES = (
    "SELECT i.id, i.status, i.account_id, i.settled_minor, i.due_minor, n.value FROM billing.invoice AS i"
    " LEFT JOIN billing.invoice_index AS n ON n.tenant_id = i.tenant_id AND n.id = i.id"
    " AND n.parameter = 'identifier' WHERE i.tenant_id = %s"
)
_COMPONENTS = (
    "SELECT c.invoice_id, c.line_position, c.type, c.amount_minor FROM billing.invoice_price_component AS c"
    " JOIN billing.invoice AS i ON i.tenant_id = c.tenant_id AND i.id = c.invoice_id"
    " WHERE c.tenant_id = %s AND i.status IN ('issued', 'balanced') AND c.line_position >= 0"
)
_SERIES = "SELECT series, facility, year, last_number FROM billing.number_series WHERE tenant_id = %s"
_PAYMENTS = "SELECT id FROM billing.payment_reconciliation WHERE tenant_id = %s"
_SESSIONS = (
    "SELECT s.id, s.drawer, s.currency, s.float_minor, s.opened_by, s.declared_minor, s.expected_minor,"
    " coalesce((SELECT sum(m.amount_minor)::bigint FROM billing.cash_movement AS m"
    " WHERE m.tenant_id = s.tenant_id AND m.session_id = s.id), 0)"
    " FROM billing.cash_session AS s WHERE s.tenant_id = %s"
)
_ASKED = "SELECT id, status FROM billing.gateway_payment WHERE tenant_id = %s"
_NOTICES = "SELECT id, status FROM billing.payment_notice WHERE tenant_id = %s"


def compare(reader: Reader, tenant_id: str, model: ReferenceModel) -> None:
    def rows(statement: str) -> list[tuple[Any, ...]]:
        return reader.rows(statement, tenant_id)

    stored = {row[0]: dict(zip(BALANCES.values(), row[1:], strict=True)) for row in rows(_BALANCES)}
    assert stored == {id_: model.balances(id_) for id_ in model.accounts}
    assert stored == {id_: model.balances_by_resources(id_) for id_ in model.accounts}
    assert dict(rows(_HELD)) == {id_: held for id_ in model.accounts if (held := model.held(id_))}
    trial_balance = {(code, currency): amount for code, currency, amount in rows(_TRIAL_BALANCE)}
    assert trial_balance == {key: amount for key, amount in model.ledger.items() if amount}
    assert {currency: -amount for (code, currency), amount in trial_balance.items() if code == 2400} == model.deferred()
    assert {row[0]: row[1:] for row in rows(_CHARGES)} == {
        id_: (charge["status"], charge["account"], charge["amount"], charge["unpriced"], model.holds.get(id_))
        for id_, charge in model.charges.items()
    }
    assert {row[0]: row[1:] for row in rows(_INVOICES)} == {
        id_: (
            invoice["status"],
            invoice["account"],
            sum(invoice["paid"].values()) if invoice["parts"] else None,
            model.due(invoice) if invoice["parts"] else None,
            invoice["number"],
        )
        for id_, invoice in model.invoices.items()
    }
    assert sorted(rows(_COMPONENTS)) == sorted(
        (id_, position, component["kind"], component["amount"])
        for id_, invoice in model.invoices.items()
        if invoice["parts"]
        for position, line in enumerate(invoice["lines"])
        for component in line["components"]
    )
    assert {tuple(series): last for *series, last in rows(_SERIES)} == {
        **{("invoice", *of): last for of, last in model.series.items()},
        **{("credit-note", *of): last for of, last in model.note_series.items()},
    }
    assert {id_ for (id_,) in rows(_PAYMENTS)} == model.payments.keys()
    assert dict(rows(_NOTICES)) == {id_: notice["status"] for id_, notice in model.notices.items()}
    assert {row[0]: row[1:] for row in rows(_SESSIONS)} == {
        id_: tuple(each[name] for name in ("drawer", "currency", "float", "by", "declared", "expected", "moved"))
        for id_, each in model.sessions.items()
    }
    assert dict(rows(_ASKED)) == {id_: asked["status"] for id_, asked in model.asked.items()}
