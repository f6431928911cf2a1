"""The control totals against the postings that they are made of, read for `./run check`."""

from __future__ import annotations

from storage.check_snapshot import LIMIT, sql

# ledger account, currency, day, total debit, total credit, debit and credit of the postings
WRONG = sql(
    "WITH c AS (SELECT recorded_through AS through FROM billing.control_checkpoint WHERE tenant_id = $1), p AS ("
    "SELECT p.ledger_account, p.currency, coalesce(p.facility, '') AS facility, p.effective_at,"
    " sum(greatest(p.amount_minor, 0)) AS debit, sum(greatest(-p.amount_minor, 0)) AS credit"
    " FROM billing.posting AS p WHERE p.tenant_id = $1 AND p.recorded_at <= (SELECT through FROM c)"
    " GROUP BY 1, 2, 3, 4), t AS (SELECT ledger_account, currency, facility, effective_at, debit_minor, credit_minor"
    " FROM billing.control_total WHERE tenant_id = $1)"
    " SELECT ledger_account, currency, effective_at, coalesce(t.debit_minor, 0), coalesce(t.credit_minor, 0),"
    " coalesce(p.debit, 0), coalesce(p.credit, 0) FROM p FULL JOIN t USING (ledger_account, currency, facility,"
    " effective_at) WHERE (t.debit_minor, t.credit_minor) IS DISTINCT FROM (p.debit, p.credit)"
    f" ORDER BY 1, 2, 3{LIMIT}"
)
# block: the totals say that they hold a block that is not there, or end elsewhere than it
CHECKPOINT_WRONG = sql(
    "SELECT c.block_number FROM billing.control_checkpoint AS c WHERE c.tenant_id = $1 AND c.block_number > 0"
    " AND NOT EXISTS (SELECT FROM billing.journal_block AS b WHERE b.tenant_id = c.tenant_id"
    " AND b.number = c.block_number AND b.sealed_through = c.recorded_through)"
)
